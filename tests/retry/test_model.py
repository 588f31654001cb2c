"""Every interleaving of two operators and a worker, with a crash anywhere: run exactly once.

One operator plans, confirms, writes to the queue and marks the row; a crash after any of these is
followed by a resumption at the very end. Another operator plans, and runs a plan. A worker takes
the task and reports it. Whatever the order, the task is run once, and its row says success.

Each order is played with folders and a Redis of its own: what earlier ones left behind would be
looked through again and again.
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
from asynqhub_tui.actions.retry.run import Plan
from asynqhub_tui.actions.retry.selection import refs_of
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
        self.first = First(stage, task_id, Journal(stage.hub.info, folder / task_id / "first", {}))
        self._journal = stage.journal = Journal(stage.hub.info, folder / task_id / "second", {})
        self._plan: Plan | None = None
        self._taken: str | None = None
        self.came_in_vain = False
        """Whether the worker has found nothing to take."""
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
                self._plan = None
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
        if taken is None:
            self.came_in_vain = True
        else:
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

    async def leave(self) -> None:
        """Everybody goes away in the middle."""
        await self.first.crash()
        if self._plan is not None:
            await self._plan.discard()

    async def end(self) -> None:
        """The worker works off what is left."""
        await self.report()
        while self._stage.pending():
            self.take()
            await self.report()


Actors = Sequence[tuple[str, Sequence[str]]]
Order = tuple[tuple[str, str], ...]


async def plays(
    stage: Stage, folder: Path, actors: Actors, crash: str | None, state: str | None
) -> AsyncIterator[tuple[Play, str, Order]]:
    """Play every order, and yield each with its task's id before anybody ends it.

    A worker who has come in vain has done nothing: that it came at another moment in vain, between
    the same steps of the operators, is the same play, which is not played to its end again.
    """
    in_vain: set[Order] = set()
    for number, order in enumerate(orders(*actors)):
        task_id = f"t{number}"
        stage.redis.flushdb()
        stage.failed(task_id, state=state)
        play = Play(stage, task_id, folder)
        of_operators = tuple(one for one in order if one[0] != "worker")
        for actor, step in order:
            await play.do(actor, step)
            if play.came_in_vain and of_operators in in_vain:
                await play.leave()
                break
            if (actor, step) == ("first", crash):
                await play.first.crash()
        else:
            yield play, task_id, order
            if play.came_in_vain:
                in_vain.add(of_operators)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize("state", [ARCHIVED, None], ids=["resumed", "enqueued"])
@pytest.mark.parametrize("crash", [None, *FIRST[:-1]])
async def test_whatever_the_order_it_is_run_once(
    stage: Stage, folder: Path, state: str | None, crash: str | None
) -> None:
    steps = WHOLE if crash is None else FIRST[: FIRST.index(crash) + 1]
    actors = (("first", steps), ("second", SECOND), ("worker", WORKER))
    async for play, task_id, order in plays(stage, folder, actors, crash, state):
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
    async for play, _, order in plays(stage, folder, actors, "queue", ARCHIVED):
        await play.first.resume()
        await play.end()
        assert 1 <= play.processed <= len(play.versions), order
