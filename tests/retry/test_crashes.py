"""kill -9 at every stage of a batch, and the resumption: no task lost, none run twice."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from asynqhub_tui.actions.retry import run as retrying
from asynqhub_tui.actions.retry.batches import interrupted, list_batches, tidy
from asynqhub_tui.actions.retry.records import Ending, Kind
from asynqhub_tui.actions.retry.run import batches_of
from asynqhub_tui.models import PENDING, SUCCESS
from asynqhub_tui.repository import NotFound, Refused
from tests import forked
from tests.contract.builders import make_worker
from tests.contract.engines import ENGINES, SHARED, Engine
from tests.retry import crashing
from tests.retry.stage import Stage

ROOT = Path(__file__).parents[2]

IDS = [f"t{index:03}" for index in range(620)]
"""More than a chunk."""


@pytest.fixture(params=SHARED)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An installation with the one worker `worker-1`, on a store that two processes can open."""
    with ENGINES[request.param](request) as fresh:
        fresh.load([make_worker()])
        yield fresh


async def crash(stage: Stage, at: str, ids: list[str]) -> str:
    """Run a retry in a process of its own that is killed at a stage; return the batch's id."""
    done = await asyncio.to_thread(
        forked.run,
        "tests.retry.crashing",
        *(stage.engine.backend, stage.engine.dsn, stage.uri),
        *(str(stage.journal.path.parent), at, *ids),
        folder=ROOT,
        environ=os.environ,
    )
    assert done.returncode == -signal.SIGKILL
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("engine", "working"),
    [("sqlite", False), ("postgres", True)],
    ids=["worker waits", "worker works"],
    indirect=["engine"],
)
@pytest.mark.parametrize("at", crashing.STAGES[1:])
async def test_a_killed_batch_is_resumed(stage: Stage, at: str, working: bool) -> None:
    stage.failed(*IDS[::2])
    stage.failed(*IDS[1::2], state=None)
    batch_id = await crash(stage, at, IDS)
    consumed: list[str] = []
    if working:  # a worker takes tasks before the resumption, and reports some of them
        consumed = stage.drain()
        for task_id in consumed[:10]:
            await stage.report(task_id)
    now = stage.journal.now()
    folder = batches_of(stage.journal)
    assert [one.head.batch for one in await interrupted(folder, stage.hub.info.place, now)] == [
        batch_id
    ]
    end = await stage.resume(batch_id)
    assert end.ending is Ending.DONE
    assert dict(end.counts) == {Kind.RESUMED: 310, Kind.ENQUEUED: 310}
    assert Counter([*consumed, *stage.drain()]) == Counter(IDS)
    for task_id in consumed[:10]:
        assert await stage.status(task_id) == SUCCESS
    for task_id in IDS[::31]:
        assert await stage.status(task_id) == (SUCCESS if task_id in consumed[:10] else PENDING)
    assert await interrupted(folder, stage.hub.info.place, now) == []


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
async def test_a_plan_that_nobody_confirmed_is_no_batch(stage: Stage) -> None:
    stage.failed("a")
    batch_id = await crash(stage, "planned", ["a"])
    folder = batches_of(stage.journal)
    assert await list_batches(folder) == []
    with pytest.raises(NotFound, match="never confirmed"):
        await stage.resume(batch_id)
    now = stage.journal.now()
    await tidy(folder, now)
    assert (folder / batch_id).exists()
    await tidy(folder, now + timedelta(days=2))
    assert not (folder / batch_id).exists()
    assert stage.pending() == []


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
async def test_a_batch_is_not_resumed_when_its_claims_may_have_expired(stage: Stage) -> None:
    stage.failed("a")
    batch_id = await crash(stage, "confirmed", ["a"])
    later = stage.journal.now() + timedelta(days=6, minutes=1)
    stage.journal.now = lambda: later
    assert await interrupted(batches_of(stage.journal), stage.hub.info.place, later) == []
    with pytest.raises(Refused, match="too old"):
        await stage.resume(batch_id)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
async def test_a_batch_that_was_stopped_and_then_killed_was_interrupted(stage: Stage) -> None:
    stage.failed(*IDS)
    plan = await stage.prepare(*IDS)
    stop = asyncio.Event()
    stop.set()
    assert (await stage.run(plan, stop=stop)).ending is Ending.CANCELLED
    folder, place = batches_of(stage.journal), stage.hub.info.place
    assert await interrupted(folder, place, stage.journal.now()) == []
    work = retrying.resume(
        stage.hub, stage.queue, plan.batch.id, stage.journal, stop=asyncio.Event()
    )
    await anext(work)
    await work.aclose()
    assert len(await interrupted(folder, place, stage.journal.now())) == 1
    assert (await stage.resume(plan.batch.id)).ending is Ending.DONE
    assert Counter(stage.drain()) == Counter(IDS)
