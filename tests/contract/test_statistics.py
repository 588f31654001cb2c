"""The figures of workers: by queue, by window, of now, and for all at once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from asynqhub_tui.models import (
    DEAD,
    FAIL,
    PENDING,
    RUNNING,
    SUCCESS,
    QueueStats,
    Window,
    WorkerStats,
)
from asynqhub_tui.repository import Hub
from tests.contract.builders import (
    THEN,
    WORKER,
    ago,
    both_rows,
    make_attempt,
    make_task,
    make_worker,
)
from tests.contract.engines import Engine

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize("window", Window)
async def test_an_unknown_worker_has_zeros(hub: Hub, window: Window) -> None:
    stats = await hub.tasks.get_worker_stats("nobody", window)
    assert stats == WorkerStats(worker_name="nobody", window=window)
    idle = await hub.tasks.get_worker_stats(WORKER, window)
    assert (idle.total_tasks, idle.success_rate, idle.avg_duration_ms) == (0, None, None)
    fleet = await hub.tasks.fleet_stats(window)
    assert "nobody" not in fleet
    assert all(stats.total_tasks == 0 for stats in fleet.values())


async def test_every_figure_of_a_worker(hub: Hub, engine: Engine) -> None:
    low = "worker-1:web:low"
    engine.load(
        [make_worker("worker-2")],
        [
            make_task("a", status=SUCCESS),
            make_task("b", status=SUCCESS),
            make_task("c", status=FAIL),
            make_task("d", status=DEAD, queue=low),
            make_task("e", status=PENDING, queue=low),
            make_task("f", status=PENDING, at=ago(hours=1)),
            make_task("g", status=PENDING, at=ago(hours=1)),
            make_task("h", status="odd", queue=low),
            make_task("z", status=SUCCESS, worker_name="worker-2", queue="worker-2:web:low"),
        ],
        [
            *both_rows("a", 1, SUCCESS, at=THEN, took=2 * SECOND),
            *both_rows("b", 1, FAIL, at=THEN, took=60 * SECOND),
            *both_rows("b", 2, SUCCESS, at=THEN + 90 * SECOND, took=SECOND, duration_ms=400),
            *both_rows("c", 1, FAIL, at=THEN, took=60 * SECOND),
            make_attempt("d", 1, SUCCESS),
            make_attempt("f", at=ago(seconds=0)),
            make_attempt("g", at=ago(minutes=30)),
            *both_rows("z", 1, SUCCESS, at=THEN, took=9 * SECOND),
        ],
    )
    stats = await hub.tasks.get_worker_stats(WORKER)
    assert stats == WorkerStats(
        worker_name=WORKER,
        window=Window.ALL,
        total_tasks=8,
        success_tasks=2,
        failed_tasks=1,
        dead_tasks=1,
        success_rate=25.0,
        pending_tasks=1,
        running_tasks=1,
        overdue_tasks=1,
        avg_duration_ms=1200.0,
        queues=(
            QueueStats(
                queue="worker-1:web:default",
                total=5,
                success=2,
                failed=1,
                avg_duration_ms=1200.0,
            ),
            QueueStats(queue=low, total=3, dead=1),
        ),
    )
    other = await hub.tasks.get_worker_stats("worker-2")
    assert (other.total_tasks, other.success_rate, other.avg_duration_ms) == (1, 100.0, 9000.0)
    fleet = await hub.tasks.fleet_stats(Window.ALL)
    assert {name: fleet[name] for name in (WORKER, "worker-2")} == {
        WORKER: stats,
        "worker-2": other,
    }


async def test_a_worker_whose_tasks_all_failed_has_no_success(hub: Hub, engine: Engine) -> None:
    engine.load(tasks=[make_task(status=FAIL)])
    stats = await hub.tasks.get_worker_stats(WORKER)
    assert (stats.success_rate, stats.avg_duration_ms) == (0.0, None)


async def test_a_window_looks_at_tasks_created_in_it(hub: Hub, engine: Engine) -> None:
    """What waits and runs is of now, whatever the window; attempts count by their own start."""
    engine.load(
        tasks=[
            make_task("old", status=FAIL, at=ago(days=30), updated_at=ago(minutes=1)),
            make_task("waiting", status=PENDING, at=ago(days=30)),
            make_task("week", status=SUCCESS, at=ago(days=6)),
            make_task("day", status=SUCCESS, at=ago(hours=20)),
            make_task("hour", status=DEAD, at=ago(minutes=50)),
        ],
        attempts=[
            *both_rows("old", 1, SUCCESS, at=ago(days=30), took=5 * SECOND),
            *both_rows("old", 1, SUCCESS, at=ago(minutes=5), took=3 * SECOND),
            *both_rows("week", 1, SUCCESS, at=ago(days=6), took=SECOND),
        ],
    )
    found = {window: await hub.tasks.get_worker_stats(WORKER, window) for window in Window}
    totals = {window: stats.total_tasks for window, stats in found.items()}
    assert totals == {Window.HOUR: 1, Window.DAY: 2, Window.WEEK: 3, Window.ALL: 5}
    rates = {window: stats.success_rate for window, stats in found.items()}
    assert rates == {
        Window.HOUR: 0.0,
        Window.DAY: 50.0,
        Window.WEEK: pytest.approx(200 / 3),
        Window.ALL: 40.0,
    }
    averages = {window: stats.avg_duration_ms for window, stats in found.items()}
    assert averages == {
        Window.HOUR: 3000.0,
        Window.DAY: 3000.0,
        Window.WEEK: 2000.0,
        Window.ALL: 3000.0,
    }
    for window, stats in found.items():
        assert stats.window is window
        assert stats.pending_tasks == 1
        in_queues = [queue for queue in stats.queues if queue.total]
        assert sum(queue.total for queue in in_queues) == stats.total_tasks


async def test_an_old_task_that_runs_now_counts_in_every_window(hub: Hub, engine: Engine) -> None:
    engine.load(
        tasks=[make_task("t1", status=FAIL), make_task("t2", status=RUNNING)],
        attempts=[make_attempt("t1", at=ago(seconds=0))],
    )
    for window in Window:
        stats = await hub.tasks.get_worker_stats(WORKER, window)
        assert (stats.pending_tasks, stats.running_tasks, stats.overdue_tasks) == (0, 1, 1)
        assert (await hub.tasks.fleet_stats(window))[WORKER] == stats


async def test_queues_that_no_configuration_names_are_counted(hub: Hub, engine: Engine) -> None:
    engine.load(tasks=[make_task("a", queue="legacy", status=SUCCESS), make_task("b", queue="")])
    stats = await hub.tasks.get_worker_stats(WORKER)
    assert {queue.queue: queue.total for queue in stats.queues if queue.total} == {
        "legacy": 1,
        "": 1,
    }


async def test_durations_that_rows_leave_out_are_derived(hub: Hub, engine: Engine) -> None:
    engine.load(
        tasks=[make_task(f"t{number}", status=SUCCESS) for number in range(5)],
        attempts=[
            make_attempt("t0", 1, SUCCESS, finished_at=THEN + SECOND),
            make_attempt("t1", 1, SUCCESS, duration_ms=3000),
            make_attempt("t2", 1, SUCCESS),  # says nothing, so it does not count
            make_attempt("t3", 1, SUCCESS, finished_at=THEN - SECOND),  # clocks differ
            make_attempt("t4", 1, FAIL, finished_at=THEN + 60 * SECOND),
        ],
    )
    stats = await hub.tasks.get_worker_stats(WORKER)
    assert stats.avg_duration_ms == pytest.approx(4000 / 3)


async def test_two_final_rows_are_one_attempt(hub: Hub, engine: Engine) -> None:
    engine.load(
        tasks=[make_task(status=SUCCESS)],
        attempts=[
            *both_rows("t1", 1, SUCCESS, at=THEN, took=SECOND),
            make_attempt("t1", 1, SUCCESS, finished_at=THEN + 3 * SECOND),
        ],
    )
    stats = await hub.tasks.get_worker_stats(WORKER)
    assert stats.avg_duration_ms == 3000.0


async def test_figures_asked_again_follow_what_has_happened(hub: Hub, engine: Engine) -> None:
    """A store may keep what it has read, as long as nobody can tell."""
    mail, began = "worker-2", ago(minutes=119)
    engine.load(
        [make_worker(mail)],
        [
            make_task("old", status=FAIL, at=ago(hours=20)),
            make_task("new", status=PENDING, at=ago(hours=2)),
            make_task("other", status=FAIL, at=ago(hours=3), worker_name=mail),
        ],
        [
            *both_rows("old", 1, SUCCESS, at=ago(hours=19), took=SECOND),
            make_attempt("new", at=began),
        ],
    )

    async def told() -> tuple[object, ...]:
        stats = (await hub.tasks.fleet_stats(Window.DAY)).get(WORKER)
        hours = (await hub.tasks.fleet_series(24)).get(WORKER, [])
        attempts = sum(hour.total for hour in hours), sum(hour.success for hour in hours)
        if stats is None:
            return (0, 0, None, *attempts)
        return (stats.total_tasks, stats.success_tasks, stats.avg_duration_ms, *attempts)

    assert await told() == (2, 0, 1000.0, 2, 1)
    await hub.tasks.update_task_status("old", SUCCESS, 2, None, None)
    await hub.tasks.insert_attempt(make_attempt("new", 1, SUCCESS, at=began, duration_ms=400))
    await hub.tasks.upsert_task(make_task("newest", status=PENDING, at=ago(seconds=1)))
    assert await told() == (3, 1, 700.0, 2, 2)
    async for _ in hub.tasks.purge_worker(WORKER):
        pass
    assert await told() == (0, 0, None, 0, 0)
    assert (await hub.tasks.fleet_stats(Window.DAY))[mail].failed_tasks == 1
