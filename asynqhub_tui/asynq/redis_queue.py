"""The `TaskQueue` on Redis: the inspector reads, the client writes, over the same connections."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import TracebackType

from pydantic import SecretStr

from asynqhub_tui.asynq.address import parse
from asynqhub_tui.asynq.client import Client
from asynqhub_tui.asynq.connection import RedisConnection
from asynqhub_tui.asynq.inspector import Inspector
from asynqhub_tui.models import TaskRef
from asynqhub_tui.queue import (
    SEARCH_BOUND,
    Answer,
    Message,
    Move,
    QueueDepth,
    QueuedTask,
    Search,
    Server,
    TaskQueue,
)
from asynqhub_tui.repository import Refused


def open_queue(address: SecretStr, *, read_only: bool) -> TaskQueue:
    """Return the queue at an address; see `asynqhub_tui.asynq.open_queue`."""
    return RedisQueue(RedisConnection(parse(address.get_secret_value())), read_only=read_only)


class RedisQueue(TaskQueue):
    """asynq's queues in one Redis. Contract: queue.py."""

    def __init__(self, connection: RedisConnection, *, read_only: bool = False) -> None:
        self.place = connection.place
        self._address = connection.address
        self._connection = connection
        self._inspector = Inspector(connection)
        self._client = Client(connection)
        self._read_only = read_only

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection."""
        await self._connection.close()

    def differs(self, address: str) -> bool:
        """Whether `address`, as a worker's row has it, names another Redis than this queue's."""
        try:
            return not parse(address).same(self._address)
        except Refused:  # no address that anything could be found at
            return True

    async def servers(self) -> Sequence[Server]:
        """Return the live servers, by host, pid and queues."""
        return await self._inspector.servers()

    async def depths(self, queues: Collection[str]) -> Mapping[str, QueueDepth]:
        """Return the state of these queues by name; one that Redis does not know is all zero."""
        return await self._inspector.depths(queues)

    async def search(
        self, queue: str, task_ids: Collection[str] | None = None, *, bound: int = SEARCH_BOUND
    ) -> Search:
        """Find the tasks with these ids of the hub, or all tasks, in one queue."""
        return await self._inspector.search(queue, task_ids, bound=bound)

    async def look(self, queue: str, asynq_id: str) -> QueuedTask | None:
        """Return one task by asynq's id; None where the queue has no such task."""
        return await self._inspector.look(queue, asynq_id)

    async def claims(self, refs: Sequence[TaskRef]) -> Sequence[str | None]:
        """Return, in the order of `refs`, the batch that holds the claim on each, or None."""
        return await self._client.claims(refs)

    async def run(self, moves: Sequence[Move], batch: str) -> Sequence[Answer]:
        """Move each task to pending. Never enqueues anything."""
        self._check_writable()
        return await self._client.run(moves, batch)

    async def enqueue(self, messages: Sequence[Message], batch: str) -> Sequence[Answer]:
        """Enqueue each message, or schedule it."""
        self._check_writable()
        return await self._client.enqueue(messages, batch)

    def _check_writable(self) -> None:
        if self._read_only:
            raise Refused(
                f"{self.place} is open read-only.", hint="Start without read-only to change it."
            )
