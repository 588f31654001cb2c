"""What acts on many tasks: naming them for later, and removing a worker's history."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import timedelta

import pytest

from asynqhub_tui.models import FAIL, PENDING, RUNNING, SUCCESS, Count, PurgeProgress, TaskRef
from asynqhub_tui.repository import Hub, NotFound, TaskFilter
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
from tests.contract.engines import Engine

SECOND = timedelta(seconds=1)


async def test_refs_name_the_version_of_a_task(hub: Hub, engine: Engine) -> None:
    updated = THEN + timedelta(hours=1, microseconds=7)
    engine.load(
        tasks=[
            make_task("a", status=FAIL, last_attempt=3, updated_at=updated),
            make_task("b", status=SUCCESS),
        ]
    )
    batches = [batch async for batch in hub.tasks.task_refs(TaskFilter(statuses=(FAIL,)))]
    ref = TaskRef(
        task_id="a",
        worker_name=WORKER,
        queue=make_task("a").queue,
        status=FAIL,
        last_attempt=3,
        updated_at=updated,
    )
    assert [list(batch) for batch in batches] == [[ref]]
    assert ref.updated_at == (await hub.tasks.get_task("a")).updated_at


async def test_refs_of_nothing(hub: Hub) -> None:
    assert [batch async for batch in hub.tasks.task_refs(TaskFilter()) if batch] == []


@pytest.mark.parametrize(
    "filter", [TaskFilter(), TaskFilter(WORKER), TaskFilter(statuses=(FAIL,))], ids=str
)
async def test_refs_come_in_batches_newest_first(
    hub: Hub, engine: Engine, filter: TaskFilter
) -> None:
    engine.load(tasks=numbered(2345, status=FAIL))
    batches = [batch async for batch in hub.tasks.task_refs(filter)]
    assert len(batches) > 2
    assert all(0 < len(batch) <= 1000 for batch in batches)
    refs = [ref.task_id for batch in batches for ref in batch]
    assert refs == [f"t{index:04}" for index in range(2344, -1, -1)]


@pytest.mark.parametrize("limit", [0, 1, 999, 1000, 1001, 2000])
async def test_refs_stop_at_their_limit(hub: Hub, engine: Engine, limit: int) -> None:
    engine.load(tasks=numbered(2000))
    batches = [batch async for batch in hub.tasks.task_refs(TaskFilter(), limit=limit)]
    refs = [ref.task_id for batch in batches for ref in batch]
    assert refs == [f"t{index:04}" for index in range(1999, 1999 - limit, -1)]


async def test_refs_of_tasks_that_share_a_time(hub: Hub, engine: Engine) -> None:
    engine.load(tasks=[make_task(f"t{index:04}", status=FAIL) for index in range(2100)])
    for filter in (TaskFilter(), TaskFilter(statuses=(FAIL,))):
        refs = [ref.task_id async for batch in hub.tasks.task_refs(filter) for ref in batch]
        assert len(refs) == 2100
        assert len(set(refs)) == 2100


async def test_refs_can_be_left_early(hub: Hub, engine: Engine) -> None:
    engine.load(tasks=numbered(1500))
    async with aclosing(hub.tasks.task_refs(TaskFilter())) as batches:
        first = await anext(batches)
    assert first[0].task_id == "t1499"
    assert (await hub.tasks.count_tasks(TaskFilter(), cap=5000)).value == 1500


async def test_the_usage_of_an_unknown_worker_is_not_found(hub: Hub) -> None:
    with pytest.raises(NotFound, match="nobody"):
        await hub.tasks.worker_usage("nobody")


async def test_the_usage_of_a_worker_without_tasks(hub: Hub) -> None:
    usage = await hub.tasks.worker_usage(WORKER)
    nothing = Count(value=0)
    assert (usage.tasks, usage.attempts, usage.unfinished, usage.running) == (nothing,) * 4
    assert usage.last_attempt_at is None


async def test_what_hangs_on_a_worker(hub: Hub, engine: Engine) -> None:
    newest = ago(seconds=1)
    engine.load(
        [make_worker("worker-2")],
        [
            make_task("a", status=PENDING, at=ago(hours=3)),
            make_task("b", status=SUCCESS),
            make_task("c", status=FAIL),
            make_task("d", status=RUNNING, at=ago(hours=3)),
            make_task("e", status=PENDING, at=ago(hours=3)),
            make_task("z", status=PENDING, worker_name="worker-2"),
        ],
        [
            make_attempt("a", at=newest),
            make_attempt("b", status=SUCCESS),
            make_attempt("c", 1, FAIL),
            make_attempt("c", 2, FAIL, at=THEN + SECOND),
            make_attempt("e", at=ago(hours=2)),
            make_attempt("z", at=ago(seconds=0)),
        ],
    )
    usage = await hub.tasks.worker_usage(WORKER)
    assert usage.tasks == Count(value=5)
    assert usage.attempts == Count(value=5)
    assert usage.unfinished == Count(value=3)
    assert usage.running == Count(value=1)
    assert usage.last_attempt_at == newest


async def test_usage_is_counted_up_to_ten_thousand(hub: Hub, engine: Engine) -> None:
    engine.load(tasks=[make_task(f"t{index:05}") for index in range(10_001)])
    usage = await hub.tasks.worker_usage(WORKER)
    for count in (usage.tasks, usage.unfinished):
        assert not count.exact
        assert count.value >= 10_000


async def test_a_purge_removes_a_worker_s_tasks_and_no_other(hub: Hub, engine: Engine) -> None:
    tasks = numbered(23)
    engine.load(
        [make_worker("worker-2")],
        [*tasks, make_task("other", worker_name="worker-2")],
        [
            *(row for t in tasks for row in both_rows(t.task_id, 1, FAIL, at=THEN, took=SECOND)),
            make_attempt("other"),
        ],
    )
    steps = [step async for step in hub.tasks.purge_worker(WORKER, batch=10)]
    assert steps == [
        PurgeProgress(tasks=10, attempts=20),
        PurgeProgress(tasks=20, attempts=40),
        PurgeProgress(tasks=23, attempts=46),
    ]
    assert ids((await hub.tasks.list_tasks(TaskFilter())).tasks) == ["other"]
    assert len(await hub.tasks.list_attempts("other")) == 1
    await hub.workers.delete(WORKER)


@pytest.mark.parametrize("name", [WORKER, "nobody"])
async def test_purging_nothing_deletes_nothing(hub: Hub, name: str) -> None:
    steps = [step async for step in hub.tasks.purge_worker(name)]
    assert all(step == PurgeProgress() for step in steps)
    assert [worker.worker_name for worker in await hub.workers.list()] == [WORKER]


async def assert_whole(hub: Hub, left: int) -> None:
    """Check that this many tasks are left, each with its two attempts."""
    tasks = (await hub.tasks.list_tasks(TaskFilter(), limit=200)).tasks
    assert len(tasks) == left
    for task in tasks:
        assert len(await hub.tasks.list_attempts(task.task_id)) == 2


async def test_a_purge_that_is_left_leaves_whole_tasks(hub: Hub, engine: Engine) -> None:
    tasks = numbered(60)
    rows = [make_attempt(task.task_id, number, FAIL) for task in tasks for number in (1, 2)]
    engine.load(tasks=tasks, attempts=rows)
    async with aclosing(hub.tasks.purge_worker(WORKER, batch=7)) as steps:
        await anext(steps)
        done = await anext(steps)
    assert done == PurgeProgress(tasks=14, attempts=28)
    await assert_whole(hub, 46)


async def test_a_purge_that_is_cancelled_leaves_whole_tasks(hub: Hub, engine: Engine) -> None:
    tasks = numbered(150)
    rows = [make_attempt(task.task_id, number, FAIL) for task in tasks for number in (1, 2)]
    engine.load(tasks=tasks, attempts=rows)
    begun = asyncio.Event()

    async def purge() -> None:
        async for _ in hub.tasks.purge_worker(WORKER, batch=3):
            begun.set()

    work = asyncio.create_task(purge())
    await begun.wait()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    left = (await hub.tasks.count_tasks(TaskFilter())).value
    assert 0 < left < 150
    await assert_whole(hub, left)
    steps = [step async for step in hub.tasks.purge_worker(WORKER)]
    assert steps[-1].tasks == left
