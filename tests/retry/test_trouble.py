"""A retry while store or queue are away, slow, full or read-only: none lost, none run twice."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from asynqhub_tui.actions import history
from asynqhub_tui.actions.retry import run as retrying
from asynqhub_tui.actions.retry.batch import Batch
from asynqhub_tui.actions.retry.execution import Progress
from asynqhub_tui.actions.retry.records import Ending, Kind
from asynqhub_tui.models import PENDING, TaskRef
from asynqhub_tui.queue import Answer, Move
from asynqhub_tui.repository import NotFound, Refused
from tests.contract.builders import QUEUE, make_worker
from tests.contract.engines import Postgres
from tests.retry.stage import Stage, ending
from tests.servers import PostgresServer
from tests.valkey import ValkeyServer

IDS = [f"t{index:04}" for index in range(1_100)]
"""More than two chunks."""

on_sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


def mixed(stage: Stage) -> None:
    """Let half of the tasks be held by asynq, and half be lost to it."""
    stage.failed(*IDS[::2])
    stage.failed(*IDS[1::2], state=None)


async def followed(
    stage: Stage, work: AsyncIterator[Progress], at: int, then: Any
) -> Sequence[Progress]:
    """Follow a batch, and let something happen when so many tasks are done."""
    seen: list[Progress] = []
    async for progress in work:
        seen.append(progress)
        if then is not None and progress.done >= at:
            then()
            then = None
    return seen


class Wakes(tuple[float, ...]):
    """Pauses of no length, in each of which something is done."""

    wake: Callable[[], object]

    def __new__(cls, wake: Callable[[], object], times: int) -> Wakes:
        made = super().__new__(cls, (0.0,) * times)
        made.wake = wake
        return made

    def __iter__(self) -> Iterator[float]:
        for pause in super().__iter__():
            self.wake()
            yield pause


@pytest.fixture
async def own_database(valkey_server: ValkeyServer, tmp_path: Path) -> AsyncIterator[Stage]:
    """The installation on a PostgreSQL of the test's own, to stop."""
    with PostgresServer() as server:
        engine = Postgres(server.create_database())
        engine.load([make_worker()])
        async with Stage.open(engine, valkey_server, valkey_server.fresh(), tmp_path) as stage:
            stage.database = server
            yield stage


def stopped_before_the_second_mark(stage: Stage) -> None:
    """Stop the database when the queue has the second chunk and the rows do not know it."""
    mark = stage.hub.tasks.mark_pending
    calls = itertools.count()

    async def late(refs: Sequence[TaskRef]) -> frozenset[str]:
        if next(calls) == 1:
            stage.database.stop()  # nobody gets to start it again before it has stopped
        return await mark(refs)

    stage.hub.tasks.mark_pending = late  # type: ignore[method-assign]


@on_sqlite
async def test_a_batch_goes_on_when_redis_is_back(own: Stage) -> None:
    mixed(own)
    plan = await own.prepare(*IDS)
    work = retrying.run(
        own.hub,
        own.queue,
        plan,
        own.journal,
        stop=asyncio.Event(),
        pauses=Wakes(own.server.resume, 3),
    )
    seen = await followed(own, work, 500, own.server.pause)
    assert any(one.waiting and "Trying again" in one.waiting for one in seen)
    end = ending(seen)
    assert (end.ending, dict(end.counts)) == (Ending.DONE, {Kind.RESUMED: 550, Kind.ENQUEUED: 550})
    assert Counter(own.drain()) == Counter(IDS)


@on_sqlite
async def test_a_batch_stops_when_redis_stays_away_and_can_be_resumed(own: Stage) -> None:
    own.failed(*IDS)
    plan = await own.prepare(*IDS)
    consumed: list[str] = []
    run = own.queue.run
    calls = itertools.count()

    async def crashed(moves: Sequence[Move], batch: str) -> Sequence[Answer]:
        if next(calls) == 1:
            consumed.extend(own.drain())
            own.server.stop()
        return await run(moves, batch)

    own.queue.run = crashed  # type: ignore[method-assign]
    end = await own.run(plan)
    assert (end.ending, end.counts[Kind.RESUMED]) == (Ending.STOPPED, 500)
    assert end.sentence is not None
    assert own.server.host in end.sentence
    own.server.start()
    for task_id in IDS[500:]:  # what a crash of this Redis has lost, its replica has kept
        own.rows.put(task_id, "archived", queue=QUEUE, asynq_id=f"asynq-{task_id}")
    end = await own.resume(plan.batch.id)
    assert (end.ending, end.counts[Kind.RESUMED]) == (Ending.DONE, 1_100)
    assert Counter([*consumed, *own.drain()]) == Counter(IDS)


@on_sqlite
async def test_a_full_redis_stops_a_batch(own: Stage) -> None:
    mixed(own)
    plan = await own.prepare(*IDS)
    own.redis.config_set("maxmemory", "1")
    end = await own.run(plan)
    assert (end.ending, dict(end.counts)) == (Ending.STOPPED, {})
    assert end.sentence is not None
    assert "memory" in end.sentence
    own.redis.config_set("maxmemory", "0")
    end = await own.resume(plan.batch.id)
    assert end.ending is Ending.DONE
    assert Counter(own.drain()) == Counter(IDS)


@on_sqlite
async def test_a_read_only_replica_stops_a_batch(own: Stage) -> None:
    own.failed("a")
    plan = await own.prepare("a")
    own.redis.replicaof(own.server.host, 1)
    end = await own.run(plan)
    assert (end.ending, dict(end.counts)) == (Ending.STOPPED, {})
    assert end.sentence is not None
    assert "read" in end.sentence
    own.redis.replicaof("NO", "ONE")
    end = await own.resume(plan.batch.id)
    assert (end.ending, end.counts[Kind.RESUMED]) == (Ending.DONE, 1)
    assert own.pending() == ["a"]


async def test_a_database_that_goes_away_in_the_middle(own_database: Stage) -> None:
    stage = own_database
    mixed(stage)
    plan = await stage.prepare(*IDS)
    stopped_before_the_second_mark(stage)
    starts = iter([stage.database.start])
    end = await stage.run(plan, pauses=Wakes(lambda: next(starts, int)(), 3))
    assert (end.ending, dict(end.counts)) == (Ending.DONE, {Kind.RESUMED: 550, Kind.ENQUEUED: 550})
    assert {await stage.status(one) for one in IDS[::50]} == {PENDING}
    assert Counter(stage.drain()) == Counter(IDS)


async def test_a_database_that_stays_away(own_database: Stage) -> None:
    stage = own_database
    mixed(stage)
    plan = await stage.prepare(*IDS)
    stopped_before_the_second_mark(stage)
    end = await stage.run(plan)
    assert (end.ending, sum(end.counts.values())) == (Ending.STOPPED, 500)
    assert end.sentence is not None
    assert stage.database.host in end.sentence
    # What the queue has already is not told as not reached.
    assert end.under_way >= len(stage.pending()) - 500 > 0
    await asyncio.to_thread(stage.database.start)
    end = await stage.resume(plan.batch.id)
    assert (end.ending, sum(end.counts.values())) == (Ending.DONE, 1_100)
    assert end.under_way == 0
    assert {await stage.status(one) for one in IDS[::50]} == {PENDING}
    assert Counter(stage.drain()) == Counter(IDS)


@on_sqlite
async def test_a_store_that_does_not_let_us_mark_keeps_the_outcomes(stage: Stage) -> None:
    mixed(stage)
    plan = await stage.prepare(*IDS)

    async def denied(refs: Sequence[TaskRef]) -> frozenset[str]:
        raise Refused("permission denied for table task")

    stage.hub.tasks.mark_pending = denied  # type: ignore[method-assign]
    end = await stage.run(plan)
    assert end.ending is Ending.STOPPED
    assert sum(end.counts.values()) in (500, 1_000)
    outcomes = await stage.outcomes(plan.batch.id)
    assert all("permission denied" in (one.detail or "") for one in outcomes.values())
    assert sorted(stage.pending()) == sorted(outcomes)


@on_sqlite
async def test_a_stop_leaves_whole_chunks_and_a_clear_report(stage: Stage) -> None:
    mixed(stage)
    plan = await stage.prepare(*IDS)
    stop = asyncio.Event()
    work = retrying.run(stage.hub, stage.queue, plan, stage.journal, stop=stop)
    end = ending(await followed(stage, work, 500, stop.set))
    assert end.ending is Ending.CANCELLED
    assert sum(end.counts.values()) == len(stage.pending()) in (500, 1_000)
    [entry] = await history.read(stage.journal.path)
    assert entry.outcome == "cancelled"
    end = await stage.resume(plan.batch.id)
    assert (end.ending, sum(end.counts.values())) == (Ending.DONE, 1_100)
    assert Counter(stage.drain()) == Counter(IDS)


@on_sqlite
async def test_a_rate_makes_small_parts(stage: Stage) -> None:
    stage.failed(*IDS[:9])
    plan = await stage.prepare(*IDS[:9])
    sizes: list[int] = []
    run = stage.queue.run

    async def counted(moves: Sequence[Move], batch: str) -> Sequence[Answer]:
        sizes.append(len(moves))
        return await run(moves, batch)

    stage.queue.run = counted  # type: ignore[method-assign]
    await stage.run(plan, rate=8.0)
    assert sizes == [4, 4, 1]


@on_sqlite
async def test_what_is_done_is_told_while_the_next_part_waits_for_its_time(stage: Stage) -> None:
    stage.failed("a", "b")
    plan = await stage.prepare("a", "b")
    stop = asyncio.Event()
    work = retrying.run(stage.hub, stage.queue, plan, stage.journal, stop=stop, rate=0.001)
    async for progress in work:
        if progress.done == 1:
            stop.set()
    assert progress.end is not None
    assert (progress.end.ending, progress.done) == (Ending.CANCELLED, 1)
    assert len(stage.pending()) == 1


@on_sqlite
async def test_a_batch_is_taken_up_once(stage: Stage) -> None:
    stage.failed("a")
    plan = await stage.prepare("a")
    with pytest.raises(Refused, match="works on"):
        await Batch.take(plan.batch.folder.parent, plan.batch.id)
    await stage.run(plan)
    with pytest.raises(NotFound, match="no batch"):
        await stage.resume("../20260101-000000-abcdef")


@on_sqlite
async def test_a_batch_of_another_installation_is_not_resumed(stage: Stage) -> None:
    stage.failed("a")
    plan = await stage.prepare("a")
    await stage.run(plan)

    class Elsewhere:
        place = "redis.example:6379/0"

    other: Any = Elsewhere()
    work = retrying.resume(stage.hub, other, plan.batch.id, stage.journal, stop=asyncio.Event())
    with pytest.raises(Refused, match="with the queue"):
        await anext(work)
