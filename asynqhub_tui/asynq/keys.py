"""The names of asynq's keys in Redis, and of our own key, the claim.

A queue's name stands in braces, the hash tag of Redis Cluster: all keys of a queue share a slot.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, timedelta

from asynqhub_tui.models import TaskRef

QUEUES = "asynq:queues"
SERVERS = "asynq:servers"
WORKERS = "asynq:workers"
SCHEDULERS = "asynq:schedulers"
CANCEL = "asynq:cancel"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def collection(queue: str, state: str) -> str:
    """Return the list or sorted set of a queue's tasks in a state; aggregating ones have none."""
    return f"{_prefix(queue)}{state}"


def task(queue: str, asynq_id: str) -> str:
    """Return the hash of a task."""
    return f"{_prefix(queue)}t:{asynq_id}"


def lease(queue: str) -> str:
    """Return the sorted set of the leases of a queue's active tasks."""
    return f"{_prefix(queue)}lease"


def paused(queue: str) -> str:
    """Return the key that exists while a queue is paused."""
    return f"{_prefix(queue)}paused"


def processed(queue: str, day: date | None = None) -> str:
    """Return the counter of the attempts that ended on a day (UTC), or ever."""
    return _counter(queue, "processed", day)


def failed(queue: str, day: date | None = None) -> str:
    """Return the counter of the attempts that failed on a day (UTC), or ever."""
    return _counter(queue, "failed", day)


def groups(queue: str) -> str:
    """Return the set of a queue's groups with waiting tasks."""
    return f"{_prefix(queue)}groups"


def group(queue: str, name: str) -> str:
    """Return the sorted set of the tasks that wait in a group."""
    return f"{_prefix(queue)}g:{name}"


def aggregation_sets(queue: str) -> str:
    """Return the sorted set of the names of a queue's aggregation sets."""
    return f"{_prefix(queue)}aggregation_sets"


def aggregation_set(queue: str, name: str, set_id: str) -> str:
    """Return the sorted set of the tasks of a group that are being aggregated."""
    return f"{group(queue, name)}:{set_id}"


def unique(queue: str, task_type: str, payload: bytes | None) -> str:
    """Return the uniqueness lock of a type and payload; no payload is not an empty one."""
    digest = "" if payload is None else hashlib.md5(payload, usedforsecurity=False).hexdigest()
    return f"{_prefix(queue)}unique:{task_type}:{digest}"


def server(host: str, pid: int, server_id: str) -> str:
    """Return the heartbeat of a server."""
    return f"{SERVERS}:{{{host}:{pid}:{server_id}}}"


def workers(host: str, pid: int, server_id: str) -> str:
    """Return the hash of what a server works on."""
    return f"{WORKERS}:{{{host}:{pid}:{server_id}}}"


def scheduler(scheduler_id: str) -> str:
    """Return the list of the entries of a scheduler; its id is HOST:PID:UUID."""
    return f"{SCHEDULERS}:{{{scheduler_id}}}"


def scheduler_history(entry_id: str) -> str:
    """Return the sorted set of what an entry of a scheduler has enqueued."""
    return f"asynq:scheduler_history:{entry_id}"


def claim(ref: TaskRef) -> str:
    """Return the claim on one version of a task; it lies in the slot of the task's queue.

    The id comes last: it may hold anything, colons too.
    """
    microseconds = (ref.updated_at - _EPOCH) // timedelta(microseconds=1)
    return f"asynqhub-tui:{{{ref.queue}}}:claim:{ref.last_attempt}:{microseconds}:{ref.task_id}"


def _prefix(queue: str) -> str:
    return f"asynq:{{{queue}}}:"


def _counter(queue: str, what: str, day: date | None) -> str:
    return f"{_prefix(queue)}{what}" + (f":{day.isoformat()}" if day else "")
