"""The contract between the dashboard and the task queue, asynq on Redis.

What a retry and the screens need of it; nothing above this module knows Redis. Words and states
are asynq's own. An error that concerns a whole call is one of the store's: `Unavailable` when the
queue cannot be reached or does not answer in time (what a write has done is then unknown, and the
same call may be made again: claims make it safe), `Refused` where the server turns us away.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from asynqhub_tui.models import TaskRef

PENDING = "pending"
ACTIVE = "active"
SCHEDULED = "scheduled"
RETRY = "retry"
ARCHIVED = "archived"
COMPLETED = "completed"
AGGREGATING = "aggregating"

STATES = (ACTIVE, PENDING, RETRY, SCHEDULED, AGGREGATING, ARCHIVED, COMPLETED)
"""asynq's states of a task, the liveliest first; a newer asynq may know another one."""

SEARCH_BOUND = 20_000
"""How many tasks of one state of one queue a search reads; asynq keeps 10,000 archived ones."""

CLAIM_DAYS = 7
"""How long a claim is kept."""


@dataclass(frozen=True, slots=True)
class QueuedTask:
    """A task as asynq holds it in Redis.

    `asynq_id` is asynq's own id, `task_id` the hub's, None where the payload names none. `retried`
    counts the failures so far that led to a retry, `max_retry` how many may. `timeout` is None
    where the task has none. Of the times each is set in its state only: `next_at` in scheduled and
    retry, `archived_at` in archived, `lease_until` in active (past: its worker is gone).
    """

    queue: str
    asynq_id: str
    task_id: str | None
    state: str
    retried: int = 0
    max_retry: int = 0
    timeout: timedelta | None = None
    last_error: str | None = None
    last_failed_at: datetime | None = None
    next_at: datetime | None = None
    archived_at: datetime | None = None
    lease_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Search:
    """What a search for tasks in one queue has found, by the hub's task id.

    Of several in the queue under one id, the liveliest. `complete` is False where a state held
    more than the bound, so that a task that is not here may be there all the same. `skipped`
    counts entries that no task could be read from: dangling ids, undecodable messages, payloads
    that are not the hub's.
    """

    found: Mapping[str, QueuedTask]
    complete: bool = True
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class Execution:
    """A task that a live server works on now. `deadline` is when this attempt times out."""

    queue: str
    asynq_id: str
    task_id: str | None
    started_at: datetime | None
    deadline: datetime | None


@dataclass(frozen=True, slots=True)
class Server:
    """A live asynq server: it wrote its heartbeat within the last 10 seconds.

    A worker runs one for each of its queue groups. `queues` maps full names to weights.
    """

    host: str
    pid: int
    server_id: str
    queues: Mapping[str, int]
    concurrency: int = 0
    status: str = ""
    started_at: datetime | None = None
    executions: tuple[Execution, ...] = ()


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """How much lies in one queue, by state; `latency` is the age of the oldest pending task.

    `processed` and `failed` count attempts since midnight UTC.
    """

    queue: str
    pending: int = 0
    active: int = 0
    scheduled: int = 0
    retry: int = 0
    archived: int = 0
    completed: int = 0
    aggregating: int = 0
    paused: bool = False
    latency: timedelta | None = None
    processed: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Move:
    """Run a task that asynq still holds, in place, if its state is still one of `states`.

    `ref` is the version of the hub's row that was planned: it names the queue and the claim.
    """

    ref: TaskRef
    asynq_id: str
    states: tuple[str, ...] = (RETRY, SCHEDULED, ARCHIVED)


@dataclass(frozen=True, slots=True)
class Message:
    """A fresh message for the queue of `ref`, whose type is the queue's name, as the hub has it.

    `payload` is the envelope that workers read (`envelope`). `asynq_id` is asynq's id for it.
    `timeout` is whole seconds. With `process_at` in the future it is scheduled; with
    `unique_seconds` it takes asynq's uniqueness lock for so long.
    """

    ref: TaskRef
    payload: str
    asynq_id: str
    max_retry: int
    timeout: int
    process_at: datetime | None = None
    unique_seconds: int | None = None


class Result(StrEnum):
    """What a write came to, for one task."""

    DONE = "done"
    ALREADY = "already"
    """The same batch has done it before: its claim says so. Nothing was done now."""
    CLAIMED = "claimed"
    """Another batch holds the claim; `detail` is its id."""
    CONFLICT = "conflict"
    """A task with this asynq id is in the queue; `detail` is its state."""
    DUPLICATE = "duplicate"
    """asynq's uniqueness lock is held; `detail` is the asynq id of the holder."""
    GONE = "gone"
    """asynq no longer holds the task."""
    MOVED_ON = "moved on"
    """The task is in another state by now; `detail` is that state."""
    REFUSED = "refused"
    """The server takes no writes (out of memory, a read-only replica); `detail` says why."""
    FAILED = "failed"
    """An error of this task alone; `detail` says which."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of a write for one task, and its detail in words or as an id."""

    result: Result
    detail: str | None = None


def envelope(task_id: str, payload: str) -> str:
    """Return the JSON text that the hub's workers read: the payload's own text stays as it is.

    `task_id` may hold anything; `payload` is JSON. The form is that of Asynq-Hub's CreateTask.
    """
    quoted = json.dumps(task_id)
    return f'{{"id":{quoted},"task_id":{quoted},"payload":{payload}}}'


class QueueReader(Protocol):
    """What the screens and a plan read."""

    def differs(self, address: str) -> bool:
        """Whether `address`, as a worker's row has it, names another Redis than this queue's.

        Only the names are compared: two of them may lead to the same server.
        """

    async def servers(self) -> Sequence[Server]:
        """Return the live servers, by host, pid and queues."""

    async def depths(self, queues: Collection[str]) -> Mapping[str, QueueDepth]:
        """Return the state of these queues by name; one that Redis does not know is all zero."""

    async def search(
        self, queue: str, task_ids: Collection[str] | None = None, *, bound: int = SEARCH_BOUND
    ) -> Search:
        """Find the tasks with these ids of the hub, or all tasks, in one queue.

        The hub does not keep asynq's id, so every message is looked into, up to `bound` of each
        state. A task that moves from one state to the next meanwhile is not missed.
        """

    async def look(self, queue: str, asynq_id: str) -> QueuedTask | None:
        """Return one task by asynq's id; None where the queue has no such task."""

    async def claims(self, refs: Sequence[TaskRef]) -> Sequence[str | None]:
        """Return, in the order of `refs`, the batch that holds the claim on each, or None."""


class QueueWriter(Protocol):
    """What a retry writes. Every task's write is atomic on the server and takes its claim.

    A claim stands for one version of a task (`ref`): whoever sets it first has run it, and nobody
    else can for CLAIM_DAYS. `batch` identifies the run of an action that asks; within one call no
    two tasks may share a ref. Answers come in the order of what was asked.
    """

    async def run(self, moves: Sequence[Move], batch: str) -> Sequence[Answer]:
        """Move each task to pending. Never enqueues anything."""

    async def enqueue(self, messages: Sequence[Message], batch: str) -> Sequence[Answer]:
        """Enqueue each message, or schedule it."""


class TaskQueue(QueueReader, QueueWriter, AbstractAsyncContextManager["TaskQueue"], Protocol):
    """The open task queue. `place` says where it is, for the screen: no secrets."""

    place: str

    async def close(self) -> None:
        """Close every connection."""
