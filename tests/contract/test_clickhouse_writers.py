"""Several who write to ClickHouse at once, before and after its parts are merged."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest

from asynqhub_tui.backends import open_hub
from asynqhub_tui.models import FAIL, PENDING, SUCCESS, Window
from asynqhub_tui.repository import Hub, NotFound, Refused, TaskFilter
from tests.chdb_store import ChdbStore
from tests.contract.builders import (
    THEN,
    WORKER,
    ago,
    both_rows,
    ids,
    make_attempt,
    make_task,
    make_worker,
    numbered,
)
from tests.contract.engines import Chdb


@pytest.fixture
def engine(chdb_store: ChdbStore) -> Iterator[Chdb]:
    """An installation with the worker `worker-1`."""
    with chdb_store.installation() as (dsn, client):
        made = Chdb(dsn, client)
        made.load([make_worker()])
        yield made


@pytest.fixture
async def hubs(engine: Chdb) -> AsyncIterator[list[Hub]]:
    """The same, open four times: four writers that know nothing of each other."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(await open_hub(engine.target())) for _ in range(4)]


def merge(engine: Chdb) -> None:
    """Let the engine merge all parts, which it does by itself at some time."""
    for table in ("task", "task_attempt", "worker", "worker_heartbeat"):
        engine.client.command(f"OPTIMIZE TABLE {table} FINAL")


@pytest.mark.parametrize("merged", [False, True])
async def test_first_writes_with_different_creations_leave_one_task(
    engine: Chdb, hubs: list[Hub], merged: bool
) -> None:
    tasks = [
        make_task(at=THEN - timedelta(hours=number), last_attempt=number) for number in range(4)
    ]
    await asyncio.gather(
        *(hub.tasks.upsert_task(task) for hub, task in zip(hubs, tasks, strict=True))
    )
    if merged:
        merge(engine)
    for hub in hubs:
        page = await hub.tasks.list_tasks(TaskFilter())
        assert ids(page.tasks) == ["t1"]
        assert (await hub.tasks.count_tasks(TaskFilter())).value == 1
        assert await hub.tasks.get_task("t1") == page.tasks[0].model_copy(update={"payload": "{}"})


async def test_writes_count_at_once_and_merging_changes_nothing(
    engine: Chdb, hubs: list[Hub]
) -> None:
    one, other, *_ = hubs
    engine.load([make_worker("gone")], numbered(20))
    await one.tasks.update_task_status("t0003", FAIL, 1, "boom", None)
    await other.tasks.update_task_status("t0003", SUCCESS, 2, None, None)
    await one.tasks.upsert_task(make_task("t0004", status=FAIL))
    for row in both_rows("t0005", 1, SUCCESS, at=ago(minutes=5), took=timedelta(seconds=2)):
        await one.tasks.insert_attempt(row)
    await one.workers.update_heartbeat(WORKER, THEN)
    await other.workers.delete("gone")

    async def seen(hub: Hub) -> object:
        return (
            [await hub.tasks.get_task(f"t{number:04}") for number in (3, 4, 5)],
            (await hub.tasks.status_counts()).by_status,
            await hub.workers.list(),
            (await hub.tasks.get_worker_stats(WORKER, Window.HOUR)).avg_duration_ms,
        )

    before = await seen(one)
    assert await seen(other) == before
    assert (await one.tasks.get_task("t0003")).status == SUCCESS
    assert (await one.tasks.get_worker_stats(WORKER, Window.HOUR)).avg_duration_ms == 2000
    merge(engine)
    assert await seen(one) == before


async def test_the_same_attempt_written_again_counts_once(engine: Chdb, hubs: list[Hub]) -> None:
    rows = both_rows("t1", 1, SUCCESS, at=ago(minutes=5), took=timedelta(seconds=2))
    engine.load(tasks=[make_task(status=SUCCESS)])
    await asyncio.gather(*(hub.tasks.insert_attempt(row) for hub in hubs for row in rows))
    hub = hubs[0]
    for _ in range(2):
        assert len(await hub.tasks.list_attempts("t1")) == 1
        series = await hub.tasks.get_worker_time_series_stats(WORKER, 2)
        assert sum(hour.total for hour in series) == 1
        assert (await hub.tasks.get_worker_stats(WORKER)).avg_duration_ms == 2000
        merge(engine)


async def test_a_report_that_was_under_way_beats_the_mark(engine: Chdb, hubs: list[Hub]) -> None:
    """Whichever is written first: the mark's version stands just above the planned one."""
    one, worker, *_ = hubs
    engine.load(tasks=[make_task(name, status=FAIL) for name in ("late", "early")])
    refs = [(await one.tasks.get_task(name)).ref for name in ("late", "early")]
    await worker.tasks.update_task_status("early", SUCCESS, 2, None, None)
    assert await one.tasks.mark_pending(refs) == {"late"}
    assert (await one.tasks.get_task("late")).status == PENDING
    # A second operator has read the row before the mark, and marks it behind the report.
    await worker.tasks.update_task_status("late", SUCCESS, 2, None, None)
    engine.client.command(
        """INSERT INTO task SELECT * REPLACE ('pending' AS status, {version:UInt64} AS version)
        FROM (SELECT * FROM task FINAL WHERE task_id = 'late')""",
        parameters={"version": int(refs[0].updated_at.timestamp() * 1e6) + 1},
    )
    for name in ("late", "early"):
        assert (await one.tasks.get_task(name)).status == SUCCESS


async def test_a_worker_that_gets_a_task_while_it_is_deleted(hubs: list[Hub]) -> None:
    """Either the worker stays, with the task, or it goes and the task is refused; or both are
    refused. A task without its worker is not left.
    """
    for number in range(6):
        name = f"busy-{number}"
        await hubs[0].workers.upsert(make_worker(name))
        task = make_task(name, worker_name=name)
        await asyncio.gather(
            hubs[1].workers.delete(name), hubs[2].tasks.upsert_task(task), return_exceptions=True
        )
        left = {worker.worker_name for worker in await hubs[3].workers.list()}
        tasks = await hubs[3].tasks.list_tasks(TaskFilter(worker_name=name))
        assert not tasks.tasks or name in left


async def test_a_write_that_had_read_the_row_does_not_bring_it_back(
    engine: Chdb, hubs: list[Hub]
) -> None:
    one, *_ = hubs
    engine.load(tasks=[make_task()], attempts=[make_attempt()])
    async for _ in one.tasks.purge_worker(WORKER):
        pass
    # As an update writes that was planned a moment before the purge.
    engine.client.command(
        """INSERT INTO task SELECT * REPLACE (0 AS is_deleted, {now:UInt64} AS version)
        FROM (SELECT * FROM task WHERE task_id = 't1' AND is_deleted = 1)""",
        parameters={"now": int(ago(seconds=0).timestamp() * 1e6)},
    )
    with pytest.raises(NotFound):
        await one.tasks.get_task("t1")
    # A new first write is another matter.
    await one.tasks.upsert_task(make_task())
    assert (await one.tasks.get_task("t1")).newest_attempt is None


async def test_a_deleted_worker_that_registers_again(hubs: list[Hub]) -> None:
    one, other, *_ = hubs
    await one.workers.upsert(make_worker("w", created_at=THEN))
    await one.workers.update_heartbeat("w", THEN)
    await other.workers.delete("w")
    with pytest.raises(NotFound):
        await one.workers.get("w")
    await one.workers.upsert(make_worker("w"))
    again = await other.workers.get("w")
    assert again.last_heartbeat_at is None
    assert again.created_at is not None
    assert again.created_at > THEN


async def test_a_heartbeat_never_takes_back_a_configuration(hubs: list[Hub]) -> None:
    one, other, *_ = hubs
    worker = await one.workers.get(WORKER)
    beats = [other.workers.update_heartbeat(WORKER, ago(seconds=0)) for _ in range(5)]
    disabled = one.workers.upsert(worker.model_copy(update={"is_enabled": False}))
    await asyncio.gather(*beats, disabled)
    assert not (await one.workers.get(WORKER)).is_enabled


async def test_reading_connections_cannot_write(engine: Chdb) -> None:
    async with await open_hub(engine.target()) as hub:
        database = hub.tasks._database  # type: ignore[attr-defined]
        with pytest.raises(Refused, match="read-only"):
            await database.fetch("INSERT INTO worker (worker_name) VALUES ('x')")


async def test_a_cancelled_query_ends_in_the_engine(engine: Chdb) -> None:
    endless = (
        "SELECT count() FROM system.numbers WHERE sleepEachRow(0.01) = 1"
        " SETTINGS max_block_size = 1"
    )
    async with await open_hub(engine.target()) as hub:
        database = hub.tasks._database  # type: ignore[attr-defined]

        def running() -> bool:
            count = "SELECT count() FROM system.processes WHERE query LIKE '%numbers WHERE sl%'"
            [(number,)] = engine.client.query(count).result_rows
            return int(number) > 1  # this one is another

        work = asyncio.create_task(database.fetch(endless))
        async with asyncio.timeout(20):
            while not running():  # noqa: ASYNC110 - the engine has no event
                await asyncio.sleep(0.01)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        async with asyncio.timeout(20):
            while running():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert await hub.workers.get(WORKER)
