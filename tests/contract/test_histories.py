"""Statistics of random histories agree with the raw rows, whatever happened in them.

A history is made and loaded once, and everything is asked about it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from asynqhub_tui.models import (
    DEAD,
    FAIL,
    PENDING,
    RUNNING,
    SUCCESS,
    Attempt,
    QueueStats,
    Task,
    TimeSeriesStats,
    Window,
    WorkerConfig,
    WorkerStats,
)
from asynqhub_tui.repository import Hub
from tests.contract import oracle
from tests.contract.builders import make_attempt, make_task, make_worker
from tests.contract.engines import Engine

SEEDS = range(2)

WORKERS = [
    make_worker("worker-2", ["web", "mail"], default_timeout=600),
    make_worker("worker-3", ["web"], default_timeout=0),
]

EDGE = timedelta(minutes=3)
"""How far times stay from the borders of windows and timeouts, which move on meanwhile."""

BORDERS = [timedelta(seconds=40), timedelta(seconds=610), timedelta(minutes=30, seconds=10)] + [
    length for window in Window if (length := window.length) is not None
]


class History:
    """A random installation: tasks of three workers over twelve days, and their attempts' rows."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.now = datetime.now(UTC)
        self.workers = [make_worker(), *WORKERS]
        self.tasks = [self._task(number) for number in range(120)]
        self.rows = [row for task in self.tasks for row in self._rows(task)]

    def _time(self, longest: timedelta) -> datetime:
        """Return a time before now, as likely minutes ago as days ago."""
        while True:
            back = longest * self.draw.random() ** 4
            if back > EDGE and all(abs(back - border) > EDGE for border in BORDERS):
                return self.now - back

    def _task(self, number: int) -> Task:
        worker = self.draw.choice(self.workers)
        return make_task(
            f"t{number:03}",
            at=self._time(timedelta(days=12)),
            worker_name=worker.worker_name,
            queue=self.draw.choice([*worker.queues(), "legacy"]),
            status=self.draw.choice([PENDING, RUNNING, SUCCESS, SUCCESS, FAIL, DEAD, "odd"]),
            updated_at=self._time(timedelta(days=2)),
        )

    def _rows(self, task: Task) -> Iterator[Attempt]:
        """Yield attempts with repeated numbers, in any order of time, some without an end."""
        for _ in range(self.draw.randrange(5)):
            number = self.draw.randint(1, 3)
            start = self._time(timedelta(days=10))
            rows = [make_attempt(task.task_id, number, at=start)]
            ends = self.draw.choice([0, 1, 1, 1, 2])
            rows += [self._end(task, number, start) for _ in range(ends)]
            if len(rows) > 1 and self.draw.random() < 0.2:
                del rows[0]
            self.draw.shuffle(rows)
            yield from rows

    def _end(self, task: Task, number: int, start: datetime) -> Attempt:
        took = timedelta(microseconds=self.draw.randrange(-1_000_000, 90_000_000))
        return make_attempt(
            task.task_id,
            number,
            self.draw.choice([SUCCESS, SUCCESS, FAIL, DEAD, "odd"]),
            at=start,
            finished_at=self.draw.choice([None, start + took, start + took]),
            duration_ms=self.draw.choice([None, None, self.draw.randrange(90_000)]),
            error=self.draw.choice([None, f"error {self.draw.random()}"]),
        )


def near(value: float | None) -> object:
    """Return what equals `value` but for the rounding of floats."""
    return None if value is None else pytest.approx(value, rel=1e-9, abs=1e-6)


def told(stats: WorkerStats | QueueStats) -> tuple[object, ...]:
    """Return what `oracle.figures` returns, of an answer."""
    if isinstance(stats, QueueStats):
        return (stats.total, stats.success, stats.failed, stats.dead, near(stats.avg_duration_ms))
    return (
        stats.total_tasks,
        stats.success_tasks,
        stats.failed_tasks,
        stats.dead_tasks,
        near(stats.avg_duration_ms),
    )


@pytest.mark.parametrize("seed", SEEDS)
async def test_the_store_says_what_the_rows_say(hub: Hub, engine: Engine, seed: int) -> None:
    history = History(seed)
    engine.load(WORKERS, history.tasks, history.rows)
    for window in Window:
        await check_statistics(hub, history, window)
    for hours in (5, 168):
        await check_series(hub, history, hours)
    await check_states(hub, history)


async def check_statistics(hub: Hub, history: History, window: Window) -> None:
    fleet = await hub.tasks.fleet_stats(window)
    for worker in history.workers:
        name = worker.worker_name
        expected = oracle.stats(worker, history.tasks, history.rows, window, history.now)
        stats = await hub.tasks.get_worker_stats(name, window)
        assert told(stats) == expected.worker, window
        by_queue = {one.queue: told(one) for one in stats.queues if one.total}
        assert by_queue == expected.queues, window
        of_now = (stats.pending_tasks, stats.running_tasks, stats.overdue_tasks)
        assert of_now == (expected.pending, expected.running, expected.overdue)
        total, success = expected.worker[:2]
        if total:
            assert stats.success_rate == pytest.approx(100 * success / total)  # type: ignore[operator]
        assert fleet.get(name, WorkerStats(worker_name=name, window=window)) == stats


async def check_series(hub: Hub, history: History, hours: int) -> None:
    attempts = oracle.executions(history.tasks, history.rows)
    fleet = await hub.tasks.fleet_series(hours)
    for worker in history.workers:
        name = worker.worker_name
        series = await hub.tasks.get_worker_time_series_stats(name, hours)
        assert len(series) == hours
        for entry in series:
            assert _told(entry) == oracle.hour_figures(name, attempts, entry.hour), entry.hour
        if name in fleet:
            # The hour may have turned between the two calls.
            by_hour = {entry.hour: entry for entry in fleet[name]}
            assert [by_hour[one.hour] for one in series if one.hour in by_hour][1:] == [
                one for one in series if one.hour in by_hour
            ][1:]
        else:
            assert not any(entry.total for entry in series)


def _told(entry: TimeSeriesStats) -> tuple[object, ...]:
    return (entry.total, entry.success, entry.failed, near(entry.avg_duration))


async def check_states(hub: Hub, history: History) -> None:
    """What statistics count as running is what each task says of itself."""
    attempts = oracle.executions(history.tasks, history.rows)
    by_name: dict[str, WorkerConfig] = {one.worker_name: one for one in history.workers}
    for start in range(0, len(history.tasks), 50):
        expected = {task.task_id: task for task in history.tasks[start : start + 50]}
        for task in (await hub.tasks.changes(list(expected))).tasks:
            worker = by_name[task.worker_name]
            state = oracle.state(worker, expected[task.task_id], attempts, history.now)
            assert task.state(history.now, worker.timeout) == state
            error = oracle.error(task.task_id, history.rows)
            assert (task.failed_attempt.error if task.failed_attempt else None) == error
