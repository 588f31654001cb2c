"""Operators in processes of their own, and asynq's own worker: every task is processed once."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from asynqhub_tui.actions.retry.records import Ending, Kind
from asynqhub_tui.models import PENDING
from asynqhub_tui.queue import RETRY
from tests import forked
from tests.contract.builders import QUEUE, make_worker
from tests.contract.engines import ENGINES, SHARED, Engine
from tests.interop import pressing
from tests.interop.worker import Asynq
from tests.retry.stage import Stage
from tests.retry.test_crashes import crash
from tests.valkey import ValkeyServer

ROOT = Path(__file__).parents[2]

ARCHIVE = [f"archived-{number}" for number in range(310)]
LOST = [f"lost-{number}" for number in range(310)]
"""More than a chunk of a batch together."""

IDS = [task_id for both in zip(ARCHIVE, LOST, strict=True) for task_id in both]


@pytest.fixture(params=SHARED)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An installation with the one worker `worker-1`."""
    with ENGINES[request.param](request) as fresh:
        fresh.load([make_worker()])
        yield fresh


@pytest.fixture
async def stage(
    engine: Engine, valkey_server: ValkeyServer, uri: str, tmp_path: Path
) -> AsyncIterator[Stage]:
    """The installation, with tasks that asynq has archived and others that it has lost."""
    async with Stage.open(engine, valkey_server, uri, tmp_path) as stage:
        stage.failed(*ARCHIVE)
        stage.failed(*LOST, state=None)
        yield stage


class Operator:
    """A retry of all tasks in a process of its own, planned; `confirm` runs it."""

    def __init__(self, stage: Stage, name: str, ids: list[str]) -> None:
        self._folder = stage.journal.path.parent / name
        self._running = asyncio.create_task(
            asyncio.to_thread(
                forked.run,
                "tests.interop.pressing",
                *(stage.engine.backend, stage.engine.dsn, stage.uri, str(self._folder), *ids),
                folder=ROOT,
                environ=os.environ,
            )
        )

    @classmethod
    async def plans(cls, stage: Stage, name: str, ids: list[str] = IDS) -> Operator:
        """Start it, and wait until it has its plan."""
        operator = cls(stage, name, ids)
        while not (operator._folder / pressing.PLANNED).exists():
            assert not operator._running.done(), await operator._running
            await asyncio.sleep(0.01)
        return operator

    async def confirm(self) -> Counter[str]:
        """Let it run to its end, and return how many tasks came to what."""
        (self._folder / pressing.CONFIRMED).touch()
        done = await self._running
        assert done.returncode == 0, done.stderr
        return Counter(json.loads(done.stdout))


async def test_two_who_confirm_at_once(stage: Stage, asynq: Asynq) -> None:
    one, other = await asyncio.gather(Operator.plans(stage, "one"), Operator.plans(stage, "other"))
    async with asynq.worker({QUEUE: 1}) as worker:
        counts = sum(await asyncio.gather(one.confirm(), other.confirm()), Counter[str]())
        attempts = await worker.attempts(len(IDS))
    assert Counter(line["task_id"] for line in attempts) == Counter(IDS)
    assert stage.pending() == []
    assert counts == {Kind.RESUMED: 310, Kind.ENQUEUED: 310, Kind.SKIPPED: 620}


async def test_one_who_confirms_when_all_is_done_already(stage: Stage, asynq: Asynq) -> None:
    first, late = await asyncio.gather(
        Operator.plans(stage, "first"), Operator.plans(stage, "late")
    )
    async with asynq.worker({QUEUE: 1}) as worker:
        assert await first.confirm() == {Kind.RESUMED: 310, Kind.ENQUEUED: 310}
        attempts = await worker.attempts(len(IDS))
        assert await late.confirm() == {Kind.SKIPPED: 620}
        # One who plans only now has nothing to do: the rows are pending.
        latest = await Operator.plans(stage, "latest")
        assert await latest.confirm() == {}
    assert Counter(line["task_id"] for line in attempts) == Counter(IDS)
    assert stage.pending() == []


@pytest.mark.parametrize("at", ["in the pipeline", "in the enqueuing", "queued", "written"])
async def test_one_is_killed_and_another_confirms(stage: Stage, asynq: Asynq, at: str) -> None:
    other = await Operator.plans(stage, "other")
    async with asynq.worker({QUEUE: 1}) as worker:
        batch_id = await crash(stage, at, IDS)
        theirs, ours = await asyncio.gather(other.confirm(), stage.resume(batch_id))
        attempts = await worker.attempts(len(IDS))
        again = await Operator.plans(stage, "again")
        assert await again.confirm() == {}
    assert Counter(line["task_id"] for line in attempts) == Counter(IDS)
    assert stage.pending() == []
    assert ours.ending is Ending.DONE
    counts = theirs + Counter({str(kind): count for kind, count in ours.counts.items()})
    assert (counts[Kind.RESUMED], counts[Kind.ENQUEUED]) == (310, 310)
    assert {await stage.status(task_id) for task_id in IDS[::31]} == {PENDING}


async def test_asynq_retries_some_of_them_by_itself_meanwhile(stage: Stage, asynq: Asynq) -> None:
    due = [f"due-{number}" for number in range(100)]
    stage.failed(*due, state=None, last_attempt=2)
    now = time.time()
    for number, task_id in enumerate(due):  # some at once, the others while the batch runs
        stage.rows.put(task_id, RETRY, queue=QUEUE, score=int(now) + number % 3)
    one, other = await asyncio.gather(
        Operator.plans(stage, "one", [*due, *IDS]), Operator.plans(stage, "other", [*IDS, *due])
    )
    async with asynq.worker({QUEUE: 1}) as worker:
        counts = sum(await asyncio.gather(one.confirm(), other.confirm()), Counter[str]())
        attempts = await worker.attempts(len(IDS) + len(due))
    assert Counter(line["task_id"] for line in attempts) == Counter([*IDS, *due])
    assert stage.pending() == []
    assert counts[Kind.ENQUEUED] == 310
    assert 310 <= counts[Kind.RESUMED] <= 410
    assert sum(counts.values()) == 2 * 720
