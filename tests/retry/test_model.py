"""Every interleaving of two operators and a worker, with a crash anywhere: run exactly once.

One operator plans, confirms, writes to the queue and marks the row; a crash after any of these is
followed by a resumption at the very end. Another operator plans, and runs a plan. A worker takes
the task and reports it. Whatever the order, the task is run once, and its row says success.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from asynqhub_tui.actions.journal import Journal
from asynqhub_tui.actions.retry import run as retrying
from asynqhub_tui.actions.retry.planning import refs_of
from asynqhub_tui.actions.retry.run import Plan
from asynqhub_tui.asynq import keys
from asynqhub_tui.models import SUCCESS
from asynqhub_tui.queue import ACTIVE, ARCHIVED
from tests.contract.builders import QUEUE
from tests.retry.stage import Stage

FIRST = ("plan", "confirm", "queue", "mark")
WHOLE = ("plan", "confirm and queue", "mark")
"""Without a crash nothing can be seen of a confirmation by itself."""
SECOND = ("plan", "run")
WORKER = ("take", "report")


def orders(*actors: tuple[str, Sequence[str]]) -> Iterator[tuple[tuple[str, str], ...]]:
    """Yield every order in which the actors' steps can happen."""
    if not any(steps for _, steps in actors):
        yield ()
    for at, (name, steps) in enumerate(actors):
        if steps:
            rest = (*actors[:at], (name, steps[1:]), *actors[at + 1 :])
            for order in orders(*rest):
                yield ((name, steps[0]), *order)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder in memory, where there is one: nothing here is about the disk."""
    memory = Path("/dev/shm")
    made = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))
    yield made
    shutil.rmtree(made)


class First:
    """An operator whose run is held before each write, and may be killed there."""

    def __init__(self, stage: Stage, task_id: str, journal: Journal) -> None:
        self._stage = stage
        self._task_id = task_id
        self._journal = journal
        self._plan: Plan | None = None
        self._running: asyncio.Task[None] | None = None
        self._arrived = asyncio.Event()
        self._go = asyncio.Event()

    async def do(self, step: str) -> None:
        match step:
            case "plan":
                self._plan = await planned(self._stage, self._task_id, self._journal)
            case "confirm" | "confirm and queue":
                self._running = asyncio.create_task(self._run())
                await self._held()
                if step != "confirm":
                    await self._on()
            case _:
                await self._on()

    async def crash(self) -> None:
        """End here; a plan that is not confirmed is forgotten."""
        if self._running is None and self._plan is not None:
            await self._plan.discard()
            self._plan = None
        elif self._running is not None:
            self._running.cancel()
            with suppress(asyncio.CancelledError):
                await self._running

    async def resume(self) -> None:
        """Take the batch up again."""
        if self._plan is None:
            return
        stage = self._stage
        work = retrying.resume(
            stage.hub, stage.queue, self._plan.batch.id, self._journal, stop=asyncio.Event()
        )
        async for _ in work:
            pass

    async def _run(self) -> None:
        assert self._plan is not None
        stage = self._stage
        hub, queue = Held(stage.hub, self._gate), Held(stage.queue, self._gate)
        hub.tasks = Held(stage.hub.tasks, self._gate)
        work = retrying.run(hub, queue, self._plan, self._journal, stop=asyncio.Event())
        async for _ in work:
            pass

    async def _gate(self) -> None:
        self._arrived.set()
        await self._go.wait()
        self._go.clear()

    async def _on(self) -> None:
        """Let the run go on to where it is held next, or to its end."""
        assert self._running is not None
        if not self._running.done():
            self._go.set()
            await self._held()

    async def _held(self) -> None:
        assert self._running is not None
        arriving = asyncio.create_task(self._arrived.wait())
        await asyncio.wait({arriving, self._running}, return_when=asyncio.FIRST_COMPLETED)
        arriving.cancel()
        self._arrived.clear()
        if self._running.done():
            self._running.result()


class Held:
    """A store or a queue whose writes wait at a gate."""

    tasks: Any

    def __init__(self, real: Any, gate: Any) -> None:
        self._real = real
        self._gate = gate

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        if name in ("run", "enqueue", "mark_pending"):
            return partial(self._wait, found)
        return found

    async def _wait(self, call: Any, *arguments: Any) -> Any:
        await self._gate()
        return await call(*arguments)


async def planned(stage: Stage, task_id: str, journal: Journal) -> Plan:
    """Plan a retry of one task."""
    refs: AsyncIterator[Any] = refs_of(stage.hub, [task_id], journal.now())
    return await retrying.prepare(stage.hub, stage.queue, refs, task_id, journal)


class Play:
    """One task and the three who act on it."""

    def __init__(self, stage: Stage, task_id: str, folder: Path) -> None:
        self._stage = stage
        self._task_id = task_id
        self.first = First(stage, task_id, Journal(stage.hub.info, folder / "first", {}))
        self._journal = Journal(stage.hub.info, folder / "second", {})
        self._plan: Plan | None = None
        self._taken: str | None = None
        self.processed = 0
        self.versions: set[datetime] = set()
        """Those of the row that the operators have planned."""

    async def do(self, actor: str, step: str) -> None:
        match actor, step:
            case "first", _:
                if step == "plan":
                    await self._note_version()
                await self.first.do(step)
            case "second", "plan":
                await self._note_version()
                self._plan = await planned(self._stage, self._task_id, self._journal)
            case "second", "run":
                assert self._plan is not None
                await self._stage.run(self._plan)
            case "worker", "take":
                self.take()
            case "worker", "report":
                await self.report()
            case "worker", "panic":
                self.panic()

    async def _note_version(self) -> None:
        self.versions.add((await self._stage.ref(self._task_id)).updated_at)

    def take(self) -> None:
        """The worker begins the task, if it waits in the queue."""
        redis = self._stage.redis
        taken: Any = redis.rpop(keys.collection(QUEUE, "pending"))
        if taken is not None:
            self._taken = taken.decode()
            redis.lpush(keys.collection(QUEUE, "active"), taken)
            redis.hset(keys.task(QUEUE, taken.decode()), "state", "active")

    async def report(self) -> None:
        """It ends what it has begun."""
        if self._taken is not None:
            self.processed += 1
            await self._stage.report(self._task_id)
            self._stage.rows.remove(self._taken, "active", queue=QUEUE)
            self._taken = None

    def panic(self) -> None:
        """It breaks down over what it has begun, and never reports; asynq gives up on the task."""
        if self._taken is not None:
            self.processed += 1
            self._stage.rows.move(self._taken, ACTIVE, ARCHIVED, queue=QUEUE)
            self._taken = None

    async def end(self) -> None:
        """The worker works off what is left."""
        await self.report()
        while self._stage.pending():
            self.take()
            await self.report()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize("state", [ARCHIVED, None], ids=["resumed", "enqueued"])
@pytest.mark.parametrize("crash", [None, *FIRST[:-1]])
async def test_whatever_the_order_it_is_run_once(
    stage: Stage, folder: Path, state: str | None, crash: str | None
) -> None:
    steps = WHOLE if crash is None else FIRST[: FIRST.index(crash) + 1]
    actors = (("first", steps), ("second", SECOND), ("worker", WORKER))
    stage.journal = Journal(stage.hub.info, folder / "second", {})
    for number, order in enumerate(orders(*actors)):
        task_id = f"t{number}"
        stage.failed(task_id, state=state)
        play = Play(stage, task_id, folder)
        for actor, step in order:
            await play.do(actor, step)
            if (actor, step) == ("first", crash):
                await play.first.crash()
        if crash is not None:
            await play.first.resume()
        await play.end()
        assert (play.processed, await stage.status(task_id)) == (1, SUCCESS), order


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
async def test_a_worker_that_never_reports_gets_each_version_once(
    stage: Stage, folder: Path
) -> None:
    """asynq archives the task again, so that only the claim keeps an old plan from running it.

    Who plans after the row was marked has seen the new failure, and may run it once more.
    """
    actors = (("first", FIRST[:3]), ("second", SECOND), ("worker", ("take", "panic")))
    stage.journal = Journal(stage.hub.info, folder / "second", {})
    for number, order in enumerate(orders(*actors)):
        task_id = f"t{number}"
        stage.failed(task_id)
        play = Play(stage, task_id, folder)
        for actor, step in order:
            await play.do(actor, step)
            if (actor, step) == ("first", "queue"):
                await play.first.crash()
        await play.first.resume()
        await play.end()
        assert 1 <= play.processed <= len(play.versions), order
