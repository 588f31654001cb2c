"""The figures of workers: tasks by status, durations, and attempts by the hour."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from asynqhub_tui.backends.postgres.connection import LONG_TIMEOUT, READ_TIMEOUT, Database
from asynqhub_tui.backends.postgres.open_tasks import open_tasks
from asynqhub_tui.backends.postgres.rows import all_workers
from asynqhub_tui.backends.postgres.statuses import attempt_statuses
from asynqhub_tui.models import (
    DEAD,
    FAIL,
    OVERDUE,
    PENDING,
    RUNNING,
    SUCCESS,
    QueueStats,
    TimeSeriesStats,
    Window,
    WorkerStats,
)

_PENDING_CAP = 2_000
"""How many pending rows are counted, of all workers together."""

_HOUR = timedelta(hours=1)

_SLICE = timedelta(hours=24)
"""The longest stretch of attempts that one statement reads: beyond it the planner would rather
read the whole table, and sorting it would not fit the memory.
"""

_BEGINNING_OF_TIME, _END_OF_TIME = (
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(9000, 1, 1, tzinfo=UTC),
)
"""Attempts that started beyond these, as `infinity`, are nobody's."""


@dataclass(slots=True)
class _Figures:
    tasks: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    durations: dict[str, tuple[int, int]] = field(default_factory=dict)
    now: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def average(self, queue: str | None = None) -> float | None:
        found = [of for name, of in self.durations.items() if queue in (None, name)]
        number = sum(number for number, _ in found)
        return sum(total for _, total in found) / number if number else None

    def count(self, *statuses: str, queue: str | None = None) -> int:
        return sum(
            number
            for name, of in self.tasks.items()
            for status, number in of.items()
            if queue in (None, name) and (not statuses or status in statuses)
        )


async def worker_stats(
    database: Database, window: Window, worker: str | None = None
) -> Mapping[str, WorkerStats]:
    """Return the figures of each worker that has tasks, or of one; see FleetStats.

    Within a week it reads the tasks and attempts of the window alone. All time reads both tables,
    the tasks within 10 s; where that is not enough it raises Unavailable.
    """
    figures: dict[str, _Figures] = defaultdict(_Figures)
    [(now,)] = await database.fetch(_NOW)
    low = None if window.length is None else now - window.length
    # A day of 300,000 tasks takes some three seconds where other work is going on.
    seconds = READ_TIMEOUT if window is Window.HOUR else LONG_TIMEOUT
    tasks = await database.fetch(
        ALL_TASKS if low is None else _TASKS, {"worker": worker, "low": low}, seconds=seconds
    )
    for name, queue, status, number in tasks:
        figures[name].tasks[queue][status] = number
    for name, queue, number, total in await _durations(database, low, now, worker, seconds):
        before = figures[name].durations.get(queue, (0, 0))
        figures[name].durations[queue] = (before[0] + number, before[1] + int(total))
    exact = await _count_now(database, figures, worker)
    return {name: _stats(name, window, found, exact) for name, found in figures.items()}


async def series(
    database: Database, hours: int, worker: str | None = None
) -> Mapping[str, Sequence[TimeSeriesStats]]:
    """Return the hours of each worker that had attempts in them, and of `worker` in any case.

    Every attempt that started in these hours is counted, however old its task is.
    """
    [(now,)] = await database.fetch(_NOW)
    last = now.replace(minute=0, second=0, microsecond=0)
    first = last - (hours - 1) * _HOUR
    statuses = await attempt_statuses(database)
    found: dict[str, dict[datetime, TimeSeriesStats]] = defaultdict(dict)
    for low, high in _slices(first, last + _HOUR):
        params = _span(low, high, statuses, worker)
        rows = await database.fetch(_SERIES, params, seconds=LONG_TIMEOUT)
        for name, hour, total, success, failed, average in rows:
            found[name][hour] = TimeSeriesStats(
                hour=hour, total=total, success=success, failed=failed, avg_duration=average
            )
    every = [first + index * _HOUR for index in range(hours)]
    names = found.keys() | ({worker} if worker is not None else set())
    return {
        name: [found[name].get(hour, TimeSeriesStats(hour=hour)) for hour in every]
        for name in names
    }


async def _durations(
    database: Database, low: datetime | None, now: datetime, worker: str | None, seconds: float
) -> list[tuple[Any, ...]]:
    statuses = [status for status in await attempt_statuses(database) if status != RUNNING]
    rows = []
    # A worker's clock may be ahead of the server's.
    high = now + _HOUR if low is not None else _END_OF_TIME
    while newest := await _newest_start(database, statuses, low or _BEGINNING_OF_TIME, high):
        high = newest + timedelta(microseconds=1)
        start = max(high - _SLICE, low or _BEGINNING_OF_TIME)
        span = _span(start, high, statuses, worker)
        rows += await database.fetch(_DURATIONS, span, seconds=seconds)
        high = start
    return rows


async def _newest_start(
    database: Database, statuses: Sequence[str], low: datetime, high: datetime
) -> datetime | None:
    params = {"statuses": list(statuses), "low": low, "high": high}
    [(newest,)] = await database.fetch(_NEWEST_START, params)
    found: datetime | None = newest
    return found


def _slices(low: datetime, high: datetime) -> list[tuple[datetime, datetime]]:
    """Cut a span of time, the newest first."""
    ends = []
    while high > low:
        ends.append((max(high - _SLICE, low), high))
        high -= _SLICE
    return ends


def _span(
    low: datetime, high: datetime, statuses: Sequence[str], worker: str | None
) -> dict[str, Any]:
    # How long before its attempt a task was created, usually; older ones are looked up singly.
    usually = max((high - low) / 4, _HOUR)
    return {
        "low": low,
        "high": high,
        "created": low - usually,
        "statuses": list(statuses),
        "worker": worker,
    }


async def _count_now(database: Database, figures: dict[str, _Figures], worker: str | None) -> bool:
    """Add what is so at this moment, and tell whether all of it was counted."""
    counted = 0
    for name, number in await database.fetch(_PENDING, {"bound": _PENDING_CAP + 1}):
        counted += number
        if worker in (None, name):
            figures[name].now[PENDING] = number
    found = await open_tasks(database, await all_workers(database))
    for row, state in found.rows:
        if worker in (None, row.worker_name):
            now = figures[row.worker_name].now
            now[state] += 1
            if row.status == PENDING:
                now[PENDING] = max(now[PENDING] - 1, 0)
    return counted <= _PENDING_CAP and found.complete(OVERDUE)


def _stats(name: str, window: Window, of: _Figures, exact: bool) -> WorkerStats:
    total, success = of.count(), of.count(SUCCESS)
    return WorkerStats(
        worker_name=name,
        window=window,
        total_tasks=total,
        success_tasks=success,
        failed_tasks=of.count(FAIL),
        dead_tasks=of.count(DEAD),
        success_rate=100 * success / total if total else None,
        pending_tasks=of.now[PENDING],
        running_tasks=of.now[RUNNING],
        overdue_tasks=of.now[OVERDUE],
        now_exact=exact,
        avg_duration_ms=of.average(),
        queues=tuple(
            QueueStats(
                queue=queue,
                total=of.count(queue=queue),
                success=of.count(SUCCESS, queue=queue),
                failed=of.count(FAIL, queue=queue),
                dead=of.count(DEAD, queue=queue),
                avg_duration_ms=of.average(queue),
            )
            for queue in sorted(of.tasks.keys() | of.durations.keys())
        ),
    )


_NOW = "SELECT clock_timestamp()"

# By way of `worker`, the index on (worker_name, created_at) serves also before PostgreSQL 18.
_TASKS = """
SELECT t.worker_name, t.queue, t.status, count(*)
FROM worker AS w JOIN task AS t ON t.worker_name = w.worker_name AND t.created_at >= %(low)s
WHERE %(worker)s::text IS NULL OR w.worker_name = %(worker)s
GROUP BY t.worker_name, t.queue, t.status
"""

ALL_TASKS = """
SELECT t.worker_name, t.queue, t.status, count(*) FROM task AS t
WHERE %(worker)s::text IS NULL OR t.worker_name = %(worker)s
GROUP BY t.worker_name, t.queue, t.status
"""

_PENDING = """
SELECT t.worker_name, count(*)
FROM (
    SELECT t.worker_name FROM task AS t WHERE t.status = 'pending'
    ORDER BY t.updated_at DESC LIMIT %(bound)s
) AS t
GROUP BY t.worker_name
"""

# Each attempt once: its last-written final row, else its `running` row. Most belong to tasks that
# were created not long before; those come by the index on creation and are matched as a whole.
# LIMIT keeps the planner from reading all tasks for the few others.
_ATTEMPTS = """
WITH attempt AS MATERIALIZED (
    SELECT DISTINCT ON (a.task_id, a.attempt, a.started_at)
        a.task_id, a.status, a.started_at,
        CASE WHEN a.duration_ms IS NOT NULL THEN a.duration_ms
            WHEN a.finished_at IS NOT NULL
            THEN greatest(floor(extract(epoch FROM a.finished_at - a.started_at) * 1000), 0)
        END AS ms
    FROM task_attempt AS a
    WHERE a.status = ANY(%(statuses)s::text[])
      AND a.started_at >= %(low)s AND a.started_at < %(high)s
    ORDER BY a.task_id, a.attempt, a.started_at, a.status = 'running', a.id DESC
), near AS MATERIALIZED (
    SELECT t.task_id, t.worker_name, t.queue
    FROM worker AS w CROSS JOIN LATERAL (
        SELECT t.task_id, t.worker_name, t.queue FROM task AS t
        WHERE t.worker_name = w.worker_name
          AND t.created_at >= %(created)s AND t.created_at < %(high)s
    ) AS t
), owned AS (
    SELECT attempt.status, attempt.started_at, attempt.ms,
        coalesce(near.worker_name, far.worker_name) AS worker_name,
        coalesce(near.queue, far.queue) AS queue
    FROM attempt
    LEFT JOIN near USING (task_id)
    LEFT JOIN LATERAL (
        SELECT t.worker_name, t.queue FROM task AS t
        WHERE near.task_id IS NULL AND t.task_id = attempt.task_id
        LIMIT 1
    ) AS far ON true
)
"""

_DURATIONS = f"""{_ATTEMPTS}
SELECT worker_name, queue, count(ms), sum(ms)
FROM owned
WHERE status = 'success' AND ms IS NOT NULL
  AND (%(worker)s::text IS NULL OR worker_name = %(worker)s)
GROUP BY worker_name, queue
"""

_NEWEST_START = """
SELECT max(newest.started_at)
FROM unnest(%(statuses)s::text[]) AS of(status)
CROSS JOIN LATERAL (
    SELECT a.started_at FROM task_attempt AS a
    WHERE a.status = of.status AND a.started_at >= %(low)s AND a.started_at < %(high)s
    ORDER BY a.started_at DESC LIMIT 1
) AS newest
"""

_SERIES = f"""{_ATTEMPTS}
SELECT worker_name, date_trunc('hour', started_at), count(*),
    count(*) FILTER (WHERE status = 'success'),
    count(*) FILTER (WHERE status IN ('fail', 'dead')),
    (avg(ms) FILTER (WHERE status = 'success'))::float8
FROM owned
WHERE %(worker)s::text IS NULL OR worker_name = %(worker)s
GROUP BY 1, 2
"""
