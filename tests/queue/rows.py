"""asynq's rows in a Redis, written as asynq writes them, and as nobody should."""

from __future__ import annotations

import itertools
from typing import Any

from redis import Redis

from asynqhub_tui.asynq import keys
from asynqhub_tui.asynq.messages import TaskMessage, encode
from asynqhub_tui.queue import ACTIVE, AGGREGATING, PENDING, envelope

QUEUE = "crawler:main:default"
GROUP = "all"

_LISTS = (ACTIVE, PENDING)


class Rows:
    """The tasks of asynq in one database."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self._numbers = itertools.count(1)

    def put(
        self,
        task_id: str,
        state: str,
        *,
        queue: str = QUEUE,
        asynq_id: str | None = None,
        payload: bytes | None = None,
        score: float = 2_000_000_000,
        **fields: Any,
    ) -> str:
        """Put a task in a state, and return asynq's id for it.

        `payload` stands in the place of the hub's envelope; `fields` are those of the message.
        An active task has a lease.
        """
        asynq_id = asynq_id or f"asynq-{next(self._numbers)}"
        if payload is None:
            payload = envelope(task_id, '{"url":"https://example.com"}').encode()
        values: dict[str, Any] = {"type": queue, "queue": queue, "retry": 3, "timeout": 30}
        message = TaskMessage(id=asynq_id, payload=payload, **(values | fields))
        self.put_raw(asynq_id, state, encode(message), queue=queue, score=score)
        return asynq_id

    def put_raw(
        self,
        asynq_id: str,
        state: str,
        msg: bytes | None,
        *,
        queue: str = QUEUE,
        score: float = 2_000_000_000,
    ) -> None:
        """Put an id in the collection of a state, and a hash with this message, if there is one."""
        with self.redis.pipeline() as pipeline:
            pipeline.sadd(keys.QUEUES, queue)
            if msg is not None:
                pipeline.hset(keys.task(queue, asynq_id), mapping={"msg": msg, "state": state})
            if state in _LISTS:
                pipeline.lpush(keys.collection(queue, state), asynq_id)
            elif state == AGGREGATING:
                pipeline.sadd(keys.groups(queue), GROUP)
                pipeline.zadd(keys.group(queue, GROUP), {asynq_id: score})
            else:
                pipeline.zadd(keys.collection(queue, state), {asynq_id: score})
            if state == ACTIVE:
                pipeline.zadd(keys.lease(queue), {asynq_id: score})
            pipeline.execute()

    def move(self, asynq_id: str, source: str, target: str, *, queue: str = QUEUE) -> None:
        """Move a task from one state to another, in one step as asynq does."""
        with self.redis.pipeline() as pipeline:
            self._take(pipeline, asynq_id, source, queue)
            pipeline.hset(keys.task(queue, asynq_id), "state", target)
            if target in _LISTS:
                pipeline.lpush(keys.collection(queue, target), asynq_id)
            else:
                pipeline.zadd(keys.collection(queue, target), {asynq_id: 2_000_000_000})
            if target == ACTIVE:
                pipeline.zadd(keys.lease(queue), {asynq_id: 2_000_000_000})
            pipeline.execute()

    def remove(self, asynq_id: str, state: str, *, queue: str = QUEUE) -> None:
        """Remove a task, as a worker does after success."""
        with self.redis.pipeline() as pipeline:
            self._take(pipeline, asynq_id, state, queue)
            pipeline.delete(keys.task(queue, asynq_id))
            pipeline.execute()

    def _take(self, pipeline: Any, asynq_id: str, state: str, queue: str) -> None:
        if state in _LISTS:
            pipeline.lrem(keys.collection(queue, state), 0, asynq_id)
        elif state == AGGREGATING:
            pipeline.zrem(keys.group(queue, GROUP), asynq_id)
        else:
            pipeline.zrem(keys.collection(queue, state), asynq_id)
        if state == ACTIVE:
            pipeline.zrem(keys.lease(queue), asynq_id)

    def dump(self) -> dict[str, object]:
        """Return everything in the database, to compare it with later."""
        return {str(key): self.redis.dump(key) for key in self.redis.scan_iter()}
