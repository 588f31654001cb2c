"""What the tests of a retry play on: failed tasks in a store, and asynq's copies of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from redis import Redis

from asynqhub_tui import asynq
from asynqhub_tui.actions.journal import Journal
from asynqhub_tui.actions.retry import run as retrying
from asynqhub_tui.actions.retry.batch import outcomes_in
from asynqhub_tui.actions.retry.decision import Planned
from asynqhub_tui.actions.retry.execution import Progress
from asynqhub_tui.actions.retry.records import End, TaskOutcome
from asynqhub_tui.actions.retry.run import Plan
from asynqhub_tui.actions.retry.selection import refs_of
from asynqhub_tui.asynq import keys
from asynqhub_tui.asynq.messages import TaskMessage, decode
from asynqhub_tui.backends import open_hub
from asynqhub_tui.models import FAIL, RUNNING, SUCCESS, TaskRef
from asynqhub_tui.queue import ARCHIVED, TaskQueue
from asynqhub_tui.repository import Hub
from tests.contract.builders import QUEUE, THEN, make_attempt, make_task
from tests.contract.engines import Engine
from tests.queue.rows import Rows
from tests.servers import PostgresServer
from tests.valkey import ValkeyServer

NO_PAUSES = (0.0,) * 3


class Stage:
    """An open installation and its queue, and the worker that would consume it."""

    def __init__(
        self, engine: Engine, server: ValkeyServer, uri: str, folder: Path, hub: Hub, redis: Redis
    ) -> None:
        self.engine = engine
        self.server = server
        self.uri = uri
        self.hub = hub
        self.redis = redis
        self.rows = Rows(redis)
        self.journal = Journal(hub.info, folder / "state", {})
        self.queue: TaskQueue
        self.database: PostgresServer

    @classmethod
    @asynccontextmanager
    async def open(
        cls, engine: Engine, server: ValkeyServer, uri: str, folder: Path
    ) -> AsyncIterator[Stage]:
        """Open the installation and the queue."""
        async with await open_hub(engine.target()) as hub:
            with server.client_of(uri) as redis:
                stage = cls(engine, server, uri, folder, hub, redis)
                async with await stage.open_queue() as stage.queue:
                    yield stage

    async def open_queue(self, *, read_only: bool = False) -> TaskQueue:
        """Open the queue once more, as another operator does."""
        return await asynq.open_queue(SecretStr(self.uri), read_only=read_only)

    def failed(
        self,
        *task_ids: str,
        state: str | None = ARCHIVED,
        payload: str = '{"url": "https://example.com"}',
        **fields: Any,
    ) -> None:
        """Let tasks have failed for good; asynq holds them in `state`, or no longer."""
        values = {"status": FAIL, "last_attempt": 4, "updated_at": THEN, **fields}
        self.engine.load(
            tasks=[make_task(task_id, payload=payload, **values) for task_id in task_ids]
        )
        if state is not None:
            for task_id in task_ids:
                self.rows.put(
                    task_id, state, queue=values.get("queue", QUEUE), asynq_id=f"asynq-{task_id}"
                )

    async def prepare(
        self, *task_ids: str, force: bool = False, queue: TaskQueue | None = None
    ) -> Plan:
        """Plan a retry."""
        return await retrying.prepare(
            self.hub,
            queue or self.queue,
            refs_of(self.hub, task_ids, self.journal.now()),
            "some tasks",
            self.journal,
            force=force,
        )

    async def planned(self, plan: Plan) -> Mapping[str, Planned]:
        """Return the decisions of a plan."""
        return {one.ref.task_id: one async for chunk in plan.batch.planned() for one in chunk}

    async def run(
        self,
        plan: Plan,
        *,
        stop: asyncio.Event | None = None,
        rate: float | None = None,
        queue: TaskQueue | None = None,
        hub: Hub | None = None,
        pauses: Sequence[float] = NO_PAUSES,
    ) -> End:
        """Run a plan to its end."""
        work = retrying.run(
            hub or self.hub,
            queue or self.queue,
            plan,
            self.journal,
            stop=stop or asyncio.Event(),
            rate=rate,
            pauses=pauses,
        )
        return ending([progress async for progress in work])

    async def resume(self, batch_id: str, *, pauses: Sequence[float] = NO_PAUSES) -> End:
        """Take a batch up again, and run it to its end."""
        work = retrying.resume(
            self.hub, self.queue, batch_id, self.journal, stop=asyncio.Event(), pauses=pauses
        )
        return ending([progress async for progress in work])

    async def retry(self, *task_ids: str, force: bool = False) -> Mapping[str, TaskOutcome]:
        """Plan and run a retry, and return the outcomes."""
        plan = await self.prepare(*task_ids, force=force)
        await self.run(plan)
        return await self.outcomes(plan.batch.id)

    async def outcomes(self, batch_id: str) -> Mapping[str, TaskOutcome]:
        """Return the outcomes of a batch."""
        folder = retrying.batches_of(self.journal) / batch_id
        found = [one async for chunk in outcomes_in(folder) for one in chunk]
        assert len({one.task_id for one in found}) == len(found), "one outcome for each task"
        return {one.task_id: one for one in found}

    async def status(self, task_id: str) -> str:
        """Return the status of a task's row."""
        return (await self.hub.tasks.get_task(task_id)).status

    async def ref(self, task_id: str) -> TaskRef:
        """Return the version of a task as it is now."""
        return (await self.hub.tasks.get_task(task_id)).ref

    def pending(self, queue: str = QUEUE) -> list[str]:
        """Return the hub's ids of what waits in a queue, the oldest first."""
        ids: Any = self.redis.lrange(keys.collection(queue, "pending"), 0, -1)
        return [self._task_id(asynq_id.decode(), queue) for asynq_id in reversed(ids)]

    def take(self, queue: str = QUEUE) -> str | None:
        """Take the next task out of a queue and be done with it, as a worker; return its id."""
        asynq_id: Any = self.redis.rpop(keys.collection(queue, "pending"))
        if asynq_id is None:
            return None
        task_id = self._task_id(asynq_id.decode(), queue)
        self.redis.delete(keys.task(queue, asynq_id.decode()))
        return task_id

    async def report(self, task_id: str, status: str = SUCCESS, attempt: int = 4) -> None:
        """Report an attempt, as a worker does and the hub writes it down."""
        now = datetime.now(UTC)
        await self.hub.tasks.insert_attempt(make_attempt(task_id, attempt, RUNNING, at=now))
        await self.hub.tasks.insert_attempt(
            make_attempt(task_id, attempt, status, at=now, finished_at=datetime.now(UTC))
        )
        await self.hub.tasks.update_task_status(task_id, status, attempt, None, None)

    def drain(self) -> list[str]:
        """Take all that waits, without a report, and return it in order."""
        return list(iter(self.take, None))

    async def work(self) -> list[str]:
        """Consume all that waits, report success, and return what was consumed, in order."""
        consumed = self.drain()
        for task_id in consumed:
            await self.report(task_id)
        return consumed

    def message(self, task_id: str, queue: str = QUEUE) -> TaskMessage:
        """Return what waits in a queue for a task."""
        ids: Any = self.redis.lrange(keys.collection(queue, "pending"), 0, -1)
        found = [asynq_id for asynq_id in ids if self._task_id(asynq_id.decode(), queue) == task_id]
        return self._message(found[0].decode(), queue)

    def _message(self, asynq_id: str, queue: str) -> TaskMessage:
        message: Any = self.redis.hget(keys.task(queue, asynq_id), "msg")
        return decode(TaskMessage, message)

    def _task_id(self, asynq_id: str, queue: str) -> str:
        return str(json.loads(self._message(asynq_id, queue).payload)["task_id"])


def ending(progress: Sequence[Progress]) -> End:
    """Return how a batch ended."""
    end = progress[-1].end
    assert end is not None
    assert all(one.end is None for one in progress[:-1])
    return end
