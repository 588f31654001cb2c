"""Tasks to run and to enqueue, and what asynq holds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from redis import Redis

from asynqhub_tui.asynq import keys
from asynqhub_tui.models import TaskRef
from asynqhub_tui.queue import Message, Move, envelope

QUEUE = "worker-1:web_crawl:critical"

NOW = 1_767_225_600_123_456_789
"""The time of the tests' clocks, in nanoseconds: 2026-01-01."""

ODD_IDS = ("plain", "with:colons:{and} braces", " ", "任务 ü", "a\x00b\r\n", "*?[x]", "'\"\\", "")
"""Ids of the hub that try to be something else."""


def make_ref(task_id: str = "t-1", **changes: Any) -> TaskRef:
    """Return a version of a failed task."""
    values: dict[str, Any] = {
        "task_id": task_id,
        "worker_name": "worker-1",
        "queue": QUEUE,
        "status": "fail",
        "last_attempt": 4,
        "updated_at": datetime(2026, 1, 1, 0, 0, 0, 123456, tzinfo=UTC),
    }
    return TaskRef(**values | changes)


def make_move(ref: TaskRef | None = None, asynq_id: str = "a-1", **changes: Any) -> Move:
    """Return what runs a task in place."""
    return Move(ref=ref or make_ref(), asynq_id=asynq_id, **changes)


def make_message(ref: TaskRef | None = None, asynq_id: str = "a-1", **changes: Any) -> Message:
    """Return a fresh message for a task."""
    ref = ref or make_ref()
    values: dict[str, Any] = {
        "ref": ref,
        "payload": envelope(ref.task_id, '{"url":"https://example.com"}'),
        "asynq_id": asynq_id,
        "max_retry": 3,
        "timeout": 30,
    }
    return Message(**values | changes)


def hold(redis: Redis, state: str, *asynq_ids: str, queue: str = QUEUE) -> None:
    """Let asynq hold tasks in a state, as its workers leave them there."""
    for asynq_id in asynq_ids:
        fields = {"msg": b"\x0a\x01t", "state": state}
        redis.hset(keys.task(queue, asynq_id), mapping=fields)  # type: ignore[arg-type]
        if state in ("pending", "active"):
            redis.lpush(keys.collection(queue, state), asynq_id)
        else:
            redis.zadd(keys.collection(queue, state), {asynq_id: 1_767_000_000})


def dump(redis: Redis, *, claims: bool = False) -> dict[str, Any]:
    """Return everything that lies in a database, in the form of the golden vectors.

    Our own claims are left out unless they are asked for.
    """
    found: dict[str, Any] = {}
    for key in redis.scan_iter(count=1_000):
        name = key.decode()
        if claims or not name.startswith("asynqhub-tui:"):
            found[name] = _value(redis, name)
    return found


def _value(redis: Redis, name: str) -> dict[str, Any]:
    driver: Any = redis
    kind = driver.type(name).decode()
    match kind:
        case "set":
            value: Any = sorted(member.decode() for member in driver.smembers(name))
        case "list":
            value = [member.decode() for member in driver.lrange(name, 0, -1)]
        case "zset":
            pairs = driver.zrange(name, 0, -1, withscores=True)
            value = [[member.decode(), score] for member, score in pairs]
        case "hash":
            fields = {field.decode(): text for field, text in driver.hgetall(name).items()}
            value = {field: text.decode() for field, text in fields.items() if field != "msg"}
            value["msg_hex"] = fields["msg"].hex()
        case _:
            value = driver.get(name).decode()
    return {"type": kind, "value": value}
