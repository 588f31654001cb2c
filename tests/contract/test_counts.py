"""Counting: how far, and how sure."""

from __future__ import annotations

import pytest

from asynqhub_tui.models import DEAD, FAIL, PENDING, RUNNING, SUCCESS, Count
from asynqhub_tui.repository import POLL_CAP, Hub, TaskFilter
from tests.contract.builders import WORKER, ago, make_attempt, make_task, make_worker, numbered
from tests.contract.engines import Engine

FILTERS = [
    TaskFilter(),
    TaskFilter(worker_name=WORKER),
    TaskFilter(statuses=(FAIL,)),
    TaskFilter(queue="web"),
    TaskFilter(worker_name=WORKER, statuses=(FAIL, DEAD)),
]


async def test_nothing_is_counted_exactly(hub: Hub) -> None:
    assert await hub.tasks.count_tasks(TaskFilter()) == Count(value=0)
    counts = await hub.tasks.status_counts()
    assert not any(count.value for count in counts.by_status.values())
    assert (counts.running, counts.overdue) == (Count(value=0), Count(value=0))


@pytest.mark.parametrize("filter", FILTERS, ids=["all", "worker", "status", "queue", "both"])
async def test_a_count_is_exact_up_to_its_cap(hub: Hub, engine: Engine, filter: TaskFilter) -> None:
    engine.load(tasks=numbered(30, status=FAIL))
    for cap in (30, 31, POLL_CAP):
        assert await hub.tasks.count_tasks(filter, cap=cap) == Count(value=30)


@pytest.mark.parametrize("filter", FILTERS, ids=["all", "worker", "status", "queue", "both"])
async def test_above_its_cap_a_count_is_marked_as_such(
    hub: Hub, engine: Engine, filter: TaskFilter
) -> None:
    engine.load(tasks=numbered(POLL_CAP + 200, status=FAIL))
    for count in (
        await hub.tasks.count_tasks(filter),
        await hub.tasks.count_tasks(filter, cap=29),
    ):
        assert not count.exact
        if count.kind == "at_least":
            assert 29 <= count.value <= POLL_CAP + 200
    assert await hub.tasks.count_tasks(filter, cap=10_000) == Count(value=POLL_CAP + 200)


async def test_tasks_that_run_are_counted_up_to_a_cap_too(hub: Hub, engine: Engine) -> None:
    tasks = [make_task(f"t{index}", at=ago(minutes=1)) for index in range(12)]
    engine.load(
        [make_worker("long", default_timeout=3600)],
        tasks,
        [make_attempt(task.task_id, at=ago(seconds=0)) for task in tasks],
    )
    running = TaskFilter(statuses=(RUNNING,))
    assert await hub.tasks.count_tasks(running) == Count(value=12)
    assert await hub.tasks.count_tasks(running, cap=5) == Count(value=5, kind="at_least")
    counts = await hub.tasks.status_counts(cap=5)
    assert counts.by_status[PENDING] == Count(value=5, kind="at_least")
    assert counts.running.kind == "at_least"
    assert 5 <= counts.running.value <= 12


async def test_every_status_is_counted_and_what_runs_now(hub: Hub, engine: Engine) -> None:
    statuses = [PENDING] * 5 + [SUCCESS] * 4 + [FAIL] * 3 + [DEAD] * 2 + ["archived", "odd"]
    tasks = [
        make_task(f"t{index:02}", status=status, at=ago(hours=2))
        for index, status in enumerate(statuses)
    ]
    engine.load(
        tasks=tasks,
        attempts=[
            make_attempt("t00", at=ago(seconds=0)),
            make_attempt("t01", at=ago(hours=1)),
            make_attempt("t02", at=ago(hours=1)),
            make_attempt("t05", at=ago(seconds=0)),  # its row says success
            make_attempt("t09", at=ago(seconds=0)),
        ],
    )
    counts = await hub.tasks.status_counts()
    values = {status: count.value for status, count in counts.by_status.items() if count.value}
    assert values == {PENDING: 5, SUCCESS: 4, FAIL: 3, DEAD: 2, "archived": 1, "odd": 1}
    assert all(count.exact for count in counts.by_status.values())
    assert (counts.running, counts.overdue) == (Count(value=2), Count(value=2))


async def test_a_filter_holds_for_the_counts_by_status(hub: Hub, engine: Engine) -> None:
    engine.load(
        [make_worker("worker-2", ["mail"])],
        [
            make_task("a", status=FAIL),
            make_task("b", status=SUCCESS, queue="worker-1:web:low"),
            make_task("c", worker_name="worker-2", queue="worker-2:mail:low", at=ago(hours=1)),
            make_task("d", worker_name="worker-2", queue="worker-2:mail:low", at=ago(hours=1)),
        ],
        [make_attempt("a", at=ago(seconds=0)), make_attempt("c", at=ago(seconds=0))],
    )

    async def counted(filter: TaskFilter) -> tuple[dict[str, int], int]:
        counts = await hub.tasks.status_counts(filter)
        by_status = {name: count.value for name, count in counts.by_status.items() if count.value}
        return by_status, counts.running.value

    assert await counted(TaskFilter(worker_name=WORKER)) == ({FAIL: 1, SUCCESS: 1}, 1)
    assert await counted(TaskFilter(queue="mail")) == ({PENDING: 2}, 1)
    assert await counted(TaskFilter(task_id="b")) == ({SUCCESS: 1}, 0)
    assert await counted(TaskFilter(since=ago(hours=2))) == ({PENDING: 2}, 1)
    assert await counted(TaskFilter(worker_name="nobody")) == ({}, 0)
