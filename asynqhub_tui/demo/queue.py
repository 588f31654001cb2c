"""The task queue of the sample installation."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from types import TracebackType

from asynqhub_tui import queue as asynq
from asynqhub_tui.backends.sqlite.rows import micros, moment, optional_moment
from asynqhub_tui.demo.broker import Broker
from asynqhub_tui.demo.fleet import DAY, REDIS_ADDR, SECOND, UP_FOR
from asynqhub_tui.demo.held import Held
from asynqhub_tui.demo.servers import AsynqServer
from asynqhub_tui.models import TaskRef
from asynqhub_tui.queue import (
    CLAIM_DAYS,
    SEARCH_BOUND,
    Answer,
    Execution,
    Message,
    Move,
    QueueDepth,
    QueuedTask,
    Result,
    Search,
    Server,
    TaskQueue,
)
from asynqhub_tui.repository import Refused

PLACE = "demo"

_PAUSED = ("mail-worker:newsletter:low",)
"""Paused by somebody when its worker went away."""

_LEASE = 30 * SECOND
_BEAT = 5 * SECOND
"""asynq's lease, and how often it is extended."""

_NAMESPACE = uuid.UUID("6a1d2c7b-2d0c-4b57-8f8e-2f7f1f0f9b34")

_Version = tuple[str, str, int, int]


class DemoQueue(TaskQueue):
    """A TaskQueue on the broker of the sample, whose lock makes each call atomic.

    Nothing here waits for anything but that lock, which the simulator holds for milliseconds. The
    docstrings stand in the Protocols of `queue.TaskQueue`.
    """

    def __init__(self, broker: Broker, *, read_only: bool) -> None:
        self.place = PLACE
        self._broker = broker
        self._read_only = read_only
        self._claims: dict[_Version, tuple[str, int]] = {}
        self._up_since = broker.now - UP_FOR

    def differs(self, address: str) -> bool:
        return address != REDIS_ADDR

    async def servers(self) -> Sequence[Server]:
        with self._broker.lock:
            found = [self._server(server) for server in self._broker.servers]
        return sorted(found, key=lambda server: (server.host, server.pid, sorted(server.queues)))

    async def depths(self, queues: Collection[str]) -> Mapping[str, QueueDepth]:
        with self._broker.lock:
            return {queue: self._depth(queue) for queue in queues}

    async def search(
        self, queue: str, task_ids: Collection[str] | None = None, *, bound: int = SEARCH_BOUND
    ) -> Search:
        wanted = None if task_ids is None else frozenset(task_ids)
        found: dict[str, QueuedTask] = {}
        looked: Counter[str] = Counter()
        with self._broker.lock:
            tasks = self._broker.queues.get(queue, {}).values()
            for held in sorted(tasks, key=lambda held: asynq.STATES.index(held.state)):
                looked[held.state] += 1
                if looked[held.state] > bound or held.task_id in found:
                    continue
                if wanted is None or held.task_id in wanted:
                    found[held.task_id] = _shown(held, self._broker.now)
        return Search(found, complete=all(count <= bound for count in looked.values()))

    async def look(self, queue: str, asynq_id: str) -> QueuedTask | None:
        with self._broker.lock:
            held = self._broker.queues.get(queue, {}).get(asynq_id)
            return None if held is None else _shown(held, self._broker.now)

    async def claims(self, refs: Sequence[TaskRef]) -> Sequence[str | None]:
        with self._broker.lock:
            return [self._claim(_version(ref)) for ref in refs]

    async def run(self, moves: Sequence[Move], batch: str) -> Sequence[Answer]:
        self._check_writable()
        with self._broker.lock:
            return [self._run(move, batch) for move in moves]

    async def enqueue(self, messages: Sequence[Message], batch: str) -> Sequence[Answer]:
        self._check_writable()
        with self._broker.lock:
            return [self._enqueue(message, batch) for message in messages]

    async def close(self) -> None:
        """Nothing is open: the broker goes with the sample."""

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def _check_writable(self) -> None:
        if self._read_only:
            raise Refused(
                f"{self.place} is open read-only.", hint="Start without read-only to change it."
            )

    def _run(self, move: Move, batch: str) -> Answer:
        version = _version(move.ref)
        if (claimed := self._claimed(version, batch)) is not None:
            return claimed
        held = self._broker.queues.get(move.ref.queue, {}).get(move.asynq_id)
        if held is None:
            return Answer(Result.GONE)
        if held.state not in move.states:
            return Answer(Result.MOVED_ON, held.state)
        self._claims[version] = batch, self._broker.now
        self._broker.run(held)
        return Answer(Result.DONE)

    def _enqueue(self, message: Message, batch: str) -> Answer:
        queue, now = message.ref.queue, self._broker.now
        version = _version(message.ref)
        if (claimed := self._claimed(version, batch)) is not None:
            return claimed
        other = self._broker.queues.get(queue, {}).get(message.asynq_id)
        if other is not None:
            return Answer(Result.CONFLICT, other.state)
        held = Held(
            task_id=message.ref.task_id,
            asynq_id=message.asynq_id,
            queue=queue,
            max_retry=message.max_retry,
            timeout=message.timeout * SECOND,
            pending_since=now,
        )
        begins = now if message.process_at is None else micros(message.process_at)
        if begins > now:
            held.schedule(begins)
        unique_until = None
        if message.unique_seconds is not None:
            holder = self._broker.lock_holder(queue, message.payload)
            if holder is not None:
                return Answer(Result.DUPLICATE, holder)
            held.unique = message.payload
            unique_until = max(begins, now) + message.unique_seconds * SECOND
        self._claims[version] = batch, now
        self._broker.enqueue(held, unique_until)
        return Answer(Result.DONE)

    def _claimed(self, version: _Version, batch: str) -> Answer | None:
        """Return the answer that a claim gives to a write; None where there is none."""
        claim = self._claim(version)
        if claim is None:
            return None
        return Answer(Result.ALREADY) if claim == batch else Answer(Result.CLAIMED, claim)

    def _claim(self, version: _Version) -> str | None:
        claim = self._claims.get(version)
        if claim is None:
            return None
        batch, at = claim
        return batch if self._broker.now < at + CLAIM_DAYS * DAY else None

    def _server(self, server: AsynqServer) -> Server:
        name = server.actor.member.name
        return Server(
            host=name,
            pid=1,
            server_id=str(uuid.uuid5(_NAMESPACE, " ".join(server.queues))),
            queues=server.queues,
            concurrency=server.concurrency,
            status="active",
            started_at=moment(self._up_since),
            executions=tuple(_executions(server)),
        )

    def _depth(self, queue: str) -> QueueDepth:
        tasks = self._broker.queues.get(queue, {}).values()
        counts = Counter(held.state for held in tasks)
        waiting = [held.pending_since for held in tasks if held.pending_since is not None]
        processed, failed = self._broker.ended_today(queue)
        return QueueDepth(
            queue,
            pending=counts[asynq.PENDING],
            active=counts[asynq.ACTIVE],
            scheduled=counts[asynq.SCHEDULED],
            retry=counts[asynq.RETRY],
            archived=counts[asynq.ARCHIVED],
            paused=queue in _PAUSED,
            latency=moment(self._broker.now) - moment(min(waiting)) if waiting else None,
            processed=processed,
            failed=failed,
        )


def _version(ref: TaskRef) -> _Version:
    return ref.queue, ref.task_id, ref.last_attempt, micros(ref.updated_at)


def _executions(server: AsynqServer) -> Iterator[Execution]:
    for held in server.active.values():
        if held.run is not None:
            yield Execution(
                held.queue,
                held.asynq_id,
                held.task_id,
                started_at=moment(held.run.started),
                deadline=moment(held.run.started + held.timeout),
            )


def _shown(held: Held, now: int) -> QueuedTask:
    lease_until = None
    if held.run is not None:
        lease_until = moment(now - (now - held.run.started) % _BEAT + _LEASE)
    return QueuedTask(
        queue=held.queue,
        asynq_id=held.asynq_id,
        task_id=held.task_id,
        state=held.state,
        retried=held.retried,
        max_retry=held.max_retry,
        timeout=moment(held.timeout) - moment(0),
        last_error=held.last_error,
        last_failed_at=optional_moment(held.last_failed_at),
        next_at=optional_moment(held.next_at),
        archived_at=optional_moment(held.archived_at),
        lease_until=lease_until,
    )
