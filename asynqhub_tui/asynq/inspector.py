"""What asynq holds in Redis, read as asynq's own inspector reads it, but never written.

Every question is one script on the server, or a few: what it answers belongs to one moment, so
that no task is missed while it moves from one state to the next. asynq's inspector removes
servers that are gone; this one does not.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from asynqhub_tui.asynq import inspector_depths, inspector_search, inspector_servers
from asynqhub_tui.asynq.connection import RedisConnection
from asynqhub_tui.queue import SEARCH_BOUND, QueueDepth, QueuedTask, Search, Server


class Inspector:
    """Answers what QueueReader promises of servers, depths, search and look (see queue.py)."""

    def __init__(self, redis: RedisConnection) -> None:
        self._redis = redis

    async def servers(self) -> Sequence[Server]:
        """Return the live servers, by host, pid and queues."""
        return await inspector_servers.servers(self._redis)

    async def depths(self, queues: Collection[str]) -> Mapping[str, QueueDepth]:
        """Return the state of these queues by name; one that Redis does not know is all zero."""
        return await inspector_depths.depths(self._redis, queues)

    async def search(
        self, queue: str, task_ids: Collection[str] | None = None, *, bound: int = SEARCH_BOUND
    ) -> Search:
        """Find the tasks with these ids of the hub, or all tasks, in one queue."""
        return await inspector_search.search(self._redis, queue, task_ids, bound)

    async def look(self, queue: str, asynq_id: str) -> QueuedTask | None:
        """Return one task by asynq's id; None where the queue has no such task."""
        return await inspector_search.look(self._redis, queue, asynq_id)
