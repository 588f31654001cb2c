"""What a retry writes to asynq: tasks run in place, and fresh messages."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from redis.exceptions import NoScriptError, ResponseError

from asynqhub_tui.asynq import keys
from asynqhub_tui.asynq.connection import RedisConnection
from asynqhub_tui.asynq.errors import failure_of_one
from asynqhub_tui.asynq.messages import TaskMessage, encode
from asynqhub_tui.asynq.scripts import ENQUEUE, RUN, Call, Script
from asynqhub_tui.models import TaskRef
from asynqhub_tui.queue import (
    ARCHIVED,
    CLAIM_DAYS,
    COMPLETED,
    PENDING,
    RETRY,
    SCHEDULED,
    Answer,
    Message,
    Move,
    Result,
)

_CLAIM_SECONDS = CLAIM_DAYS * 24 * 60 * 60

_RUNNABLE = (RETRY, SCHEDULED, ARCHIVED, COMPLETED)
"""The states from which a task can be run; each has a sorted set."""

_NO_TIMEOUT = 1800
"""What asynq writes in the place of a timeout of 0."""

_AT_ONCE = 500
_BYTES_AT_ONCE = 1 << 20
"""How many tasks, and how much, go out before their answers are read."""

_LESSONS = 2
"""How often a script is taught to a server that forgets it again."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_T = TypeVar("_T")


class Client:
    """A `QueueWriter`, and the claims that it takes.

    `clock` returns Unix nanoseconds.
    """

    def __init__(
        self, connection: RedisConnection, *, clock: Callable[[], int] = time.time_ns
    ) -> None:
        self._connection = connection
        self._clock = clock

    async def run(self, moves: Sequence[Move], batch: str) -> Sequence[Answer]:
        """Move each task to pending. Never enqueues anything."""
        return await self._write(RUN, [_prepared(_run, move, batch) for move in moves])

    async def enqueue(self, messages: Sequence[Message], batch: str) -> Sequence[Answer]:
        """Enqueue each message, or schedule it."""
        now = self._clock()
        calls = [_prepared(_enqueue, message, batch, now) for message in messages]
        sent = zip(messages, calls, strict=True)
        queues = {message.ref.queue for message, call in sent if isinstance(call, Call)}
        if queues:
            # A command of its own, as in asynq: the list of queues lies in another slot.
            (listed,) = await self._connection.attempt([("SADD", keys.QUEUES, *sorted(queues))])
            if isinstance(listed, ResponseError):
                refusal = failure_of_one(listed)
                return [refusal if isinstance(call, Call) else call for call in calls]
        return await self._write(ENQUEUE, calls)

    async def claims(self, refs: Sequence[TaskRef]) -> Sequence[str | None]:
        """Return, in the order of `refs`, the batch that holds the claim on each, or None."""
        by_queue: dict[str, list[bytes]] = {}
        for ref in refs:
            if (key := _claim(ref)) is not None:
                by_queue.setdefault(ref.queue, []).append(key)
        lookups = [part for found in by_queue.values() for part in _parts(found, size=len)]
        replies = await self._connection.pipeline([("MGET", *part) for part in lookups])
        holders: dict[bytes | None, bytes | None] = {}
        for part, values in zip(lookups, replies, strict=True):
            holders.update(zip(part, values, strict=True))
        return [_text(holders.get(_claim(ref))) for ref in refs]

    async def _write(self, script: Script, calls: Sequence[Call | Answer]) -> Sequence[Answer]:
        """Run the script for every call; what is an answer already stays as it is."""
        answers: dict[int, Answer] = {}
        waiting: list[tuple[int, Call]] = []
        for at, call in enumerate(calls):
            if isinstance(call, Answer):
                answers[at] = call
            else:
                waiting.append((at, call))
        for part in _parts(waiting, size=lambda item: item[1].size):
            places, some = zip(*part, strict=True)
            answers.update(zip(places, await self._run(script, some), strict=True))
        return [answers[at] for at in range(len(calls))]

    async def _run(self, script: Script, calls: Sequence[Call]) -> Sequence[Answer]:
        """Run the script for calls that go out together, and teach it to a server that asks."""
        replies = await self._connection.attempt([script.invoke(call) for call in calls])
        for _ in range(_LESSONS):
            unknown = [at for at, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
            if not unknown:
                break
            first, *others = (calls[at] for at in unknown)
            again = [script.introduce(first), *(script.invoke(call) for call in others)]
            for at, reply in zip(unknown, await self._connection.attempt(again), strict=True):
                replies[at] = reply
        return [_answer(reply) for reply in replies]


def _prepared(prepare: Callable[..., Call], *arguments: Any) -> Call | Answer:
    """Return what `prepare` makes of its arguments, or why it cannot be sent."""
    try:
        return prepare(*arguments)
    except UnicodeEncodeError:
        return Answer(Result.FAILED, "It holds a character that is none.")
    except ValueError as error:
        return Answer(Result.FAILED, str(error))


def _run(move: Move, batch: str) -> Call:
    ref = move.ref
    states = [state for state in _RUNNABLE if state in move.states]
    sources = (keys.collection(ref.queue, state) for state in states)
    pending = keys.collection(ref.queue, PENDING)
    names = (keys.claim(ref), keys.task(ref.queue, move.asynq_id), pending, *sources)
    return Call(
        keys=[name.encode() for name in names],
        arguments=[move.asynq_id.encode(), batch, _CLAIM_SECONDS, *states],
    )


def _enqueue(message: Message, batch: str, now: int) -> Call:
    queue = message.ref.queue
    _check(message)
    at = _nanoseconds(message.process_at)
    later = at is not None and at > now
    score = at // 1_000_000_000 if at is not None and later else ""
    payload = message.payload.encode()
    names = [
        keys.claim(message.ref),
        keys.task(queue, message.asynq_id),
        keys.collection(queue, SCHEDULED if later else PENDING),
    ]
    lock, lock_seconds = "", 0
    if message.unique_seconds is not None:
        lock = keys.unique(queue, queue, payload)
        waits = at - now if at is not None and later else 0
        lock_seconds = (message.unique_seconds * 1_000_000_000 + waits) // 1_000_000_000
        names.append(lock)
    wire = TaskMessage(
        type=queue,
        payload=payload,
        id=message.asynq_id,
        queue=queue,
        retry=max(message.max_retry, 0),
        timeout=message.timeout or _NO_TIMEOUT,
        unique_key=lock,
    )
    return Call(
        keys=[name.encode() for name in names],
        arguments=[
            message.asynq_id.encode(),
            batch,
            _CLAIM_SECONDS,
            encode(wire),
            now,
            score,
            lock_seconds,
        ],
    )


def _check(message: Message) -> None:
    """Raise ValueError for what asynq's own client does not take either."""
    if not message.ref.queue.strip():
        raise ValueError("The queue has no name.")
    if not message.asynq_id.strip():
        raise ValueError("asynq's id is blank.")
    if message.unique_seconds is not None and message.unique_seconds < 1:
        raise ValueError("A uniqueness lock is kept for a second at least.")


def _nanoseconds(at: datetime | None) -> int | None:
    return None if at is None else (at - _EPOCH) // timedelta(microseconds=1) * 1_000


def _answer(reply: Any) -> Answer:
    if isinstance(reply, ResponseError):
        return failure_of_one(reply)
    word, *detail = reply
    return Answer(Result(word.decode()), _text(detail[0]) if detail else None)


def _claim(ref: TaskRef) -> bytes | None:
    """Return the key of a claim; None for a text that is none, on which nobody has a claim."""
    try:
        return keys.claim(ref).encode()
    except UnicodeEncodeError:
        return None


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode(errors="replace")


def _parts(items: Iterable[_T], size: Callable[[_T], int]) -> Iterator[list[_T]]:
    """Cut `items` into parts of which each goes out in one go."""
    part: list[_T] = []
    total = 0
    for item in items:
        if part and (len(part) == _AT_ONCE or total + size(item) > _BYTES_AT_ONCE):
            yield part
            part, total = [], 0
        part.append(item)
        total += size(item)
    if part:
        yield part
