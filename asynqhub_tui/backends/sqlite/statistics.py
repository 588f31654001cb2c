"""The figures of workers, computed from the rows."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta

from asynqhub_tui.backends.counting import QueueCounts, worker_figures
from asynqhub_tui.backends.sqlite.database import Database
from asynqhub_tui.backends.sqlite.filters import STATE, UNFINISHED, clock
from asynqhub_tui.backends.sqlite.rows import micros, moment, span
from asynqhub_tui.models import (
    TimeSeriesStats,
    Window,
    WorkerStats,
)

_HOUR = span(timedelta(hours=1))

_DURATION = "coalesce(a.duration_ms, max((a.finished_at - a.started_at) / 1000, 0))"
"""The duration of the final row `a` in milliseconds, derived where the row does not give it."""

_OUTCOMES = f"""
    SELECT t.worker_name, a.started_at, a.status, {_DURATION} AS duration,
        max(CASE WHEN a.status = 'running' THEN 0 ELSE a.id END)
    FROM task_attempt a JOIN task t ON t.task_id = a.task_id
    WHERE a.started_at >= :begin AND a.started_at < :end {{worker}}
    GROUP BY a.task_id, a.attempt, a.started_at"""
"""Attempts, folded as `folding.fold` does it: beside a single max(), SQLite takes the other columns
from the row that has the maximum, which is the last-written final row."""

_SUCCESSES = f"""
    SELECT t.worker_name, t.queue, sum({_DURATION}), count({_DURATION})
    FROM task_attempt a JOIN task t ON t.task_id = a.task_id
    WHERE a.status = 'success' AND a.started_at >= :begin {{worker}} AND NOT EXISTS (
        SELECT 1 FROM task_attempt later
        WHERE later.task_id = a.task_id AND later.started_at = a.started_at
            AND later.attempt = a.attempt AND later.id > a.id AND later.status <> 'running')
    GROUP BY t.worker_name, t.queue"""
"""Durations by queue. That no later final row takes a success back is asked of each by itself,
which costs half of folding all attempts first."""

_TASKS = """
    SELECT t.worker_name, t.queue, t.status, count(*) FROM task t
    WHERE t.created_at >= :begin {worker} GROUP BY +t.worker_name, +t.queue, +t.status"""
"""Tasks of a window. The signs keep SQLite from reading all tasks in the order of the grouping."""

_ALL_TASKS = """
    SELECT t.worker_name, t.queue, t.status, count(*) FROM task t
    WHERE 1 {worker} GROUP BY t.worker_name, t.queue, t.status"""
"""All tasks, which the index in the order of the grouping counts by itself."""

_NOW = f"""
    SELECT worker_name, state, count(*)
    FROM (SELECT t.worker_name, {STATE} AS state FROM task t WHERE {UNFINISHED} {{worker}}
          LIMIT -1)
    GROUP BY worker_name, state"""
"""What tasks do now. The limit, which is none, keeps SQLite from looking up each state twice."""

_FIRST = -(2**63)
"""Before every time that a column can hold."""


_Queues = defaultdict[str, QueueCounts]


async def worker_stats(
    database: Database, window: Window, worker: str | None = None
) -> dict[str, WorkerStats]:
    """Return the figures of one worker, or of all that have tasks, by name."""
    now = datetime.now(UTC)
    begin = _FIRST if window.length is None else micros(now - window.length)
    only = "AND t.worker_name = :worker" if worker is not None else ""
    parameters = {"begin": begin, "worker": worker}
    gathered: defaultdict[str, _Queues] = defaultdict(lambda: defaultdict(QueueCounts))
    states: defaultdict[str, dict[str, int]] = defaultdict(dict)
    async with database.snapshot() as statements:
        for name, queue, status, number in await statements.fetch(
            (_ALL_TASKS if window.length is None else _TASKS).format(worker=only), parameters
        ):
            gathered[name][queue].tasks[status] = number
        for name, queue, duration, timed in await statements.fetch(
            _SUCCESSES.format(worker=only), parameters
        ):
            if timed:
                gathered[name][queue].duration = duration
                gathered[name][queue].timed = timed
        for name, state, number in await statements.fetch(
            _NOW.format(worker=only), parameters | clock(now)
        ):
            states[name][state] = number
    return {
        name: worker_figures(name, window, gathered[name], states[name])
        for name in sorted(gathered.keys() | states.keys())
    }


async def worker_series(
    database: Database, hours: int, worker: str | None = None
) -> dict[str, list[TimeSeriesStats]]:
    """Return the hourly figures of one worker, or of all that had attempts, by name."""
    current = micros(datetime.now(UTC)) // _HOUR
    first = current - hours + 1
    only = "AND t.worker_name = :worker" if worker is not None else ""
    rows = await database.fetch(
        f"""SELECT worker_name, started_at / :hour, count(*),
            sum(status = 'success'), sum(status IN ('fail', 'dead')),
            avg(CASE WHEN status = 'success' THEN duration END)
        FROM ({_OUTCOMES.format(worker=only)}) GROUP BY 1, 2""",
        {"hour": _HOUR, "begin": first * _HOUR, "end": (current + 1) * _HOUR, "worker": worker},
    )
    found: defaultdict[str, dict[int, TimeSeriesStats]] = defaultdict(dict)
    for name, hour, total, success, failed, average in rows:
        found[name][hour] = TimeSeriesStats(
            hour=moment(hour * _HOUR),
            total=total,
            success=success,
            failed=failed,
            avg_duration=average,
        )
    workers = found.keys() if worker is None else {worker}
    return {
        name: [
            found[name].get(hour) or TimeSeriesStats(hour=moment(hour * _HOUR))
            for hour in range(first, current + 1)
        ]
        for name in sorted(workers)
    }
