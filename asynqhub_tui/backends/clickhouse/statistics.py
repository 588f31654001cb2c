"""The figures of workers, computed from the rows."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from asynqhub_tui.backends.clickhouse.counts import group_by_state
from asynqhub_tui.backends.clickhouse.database import PATIENT, READ_TIMEOUT, Database
from asynqhub_tui.backends.clickhouse.filters import TIME, where
from asynqhub_tui.backends.counting import QueueCounts, worker_figures
from asynqhub_tui.models import (
    OVERDUE,
    PENDING,
    RUNNING,
    TimeSeriesStats,
    Window,
    WorkerStats,
)
from asynqhub_tui.repository import TaskFilter

_HOUR = timedelta(hours=1)

_TOOK = "intDiv(toUnixTimestamp64Micro(finished_at) - toUnixTimestamp64Micro(started_at), 1000)"

_DURATION = f"coalesce(toInt64(duration_ms), if({_TOOK} < 0, 0, {_TOOK}))"
"""The duration of a final row in milliseconds, derived where the row does not give it."""

_ATTEMPT = "task_created_at, task_id, started_at, attempt"
"""What identifies an attempt, in the order of the table's key, in which it is then folded."""

_SUCCESSES = f"""
    SELECT worker, queue, sum(duration.1), count(duration.1)
    FROM (
        SELECT any(task_worker_name) AS worker, any(task_queue) AS queue,
            argMax(status, version) AS outcome, argMax(tuple({_DURATION}), version) AS duration
        FROM task_attempt FINAL
        WHERE status != 'running' {{begin}} {{worker}}
        GROUP BY {_ATTEMPT}
    )
    WHERE outcome = 'success'
    GROUP BY worker, queue
    SETTINGS optimize_aggregation_in_order = 1"""
"""Durations of successes, an attempt's outcome being its last-written final row."""

_HOURS = f"""
    SELECT worker, hour, count(),
        countIf(outcome = 'success'), countIf(outcome IN ('fail', 'dead')),
        avgIf(duration.1, outcome = 'success')
    FROM (
        SELECT any(task_worker_name) AS worker, toStartOfHour(started_at) AS hour,
            argMax(status, (status != 'running', version)) AS outcome,
            argMax(tuple({_DURATION}), (status != 'running', version)) AS duration
        FROM task_attempt FINAL
        WHERE started_at >= {{begin:{TIME}}} AND started_at < {{end:{TIME}}} {{worker}}
        GROUP BY {_ATTEMPT}
    )
    GROUP BY worker, hour
    SETTINGS optimize_aggregation_in_order = 1"""

_TASKS = """
    SELECT worker_name, queue, status, count() FROM task FINAL
    WHERE 1 {begin} {worker} GROUP BY worker_name, queue, status"""


_Queues = defaultdict[str, QueueCounts]


async def worker_stats(
    database: Database, window: Window, worker: str | None = None
) -> dict[str, WorkerStats]:
    """Return the figures of one worker, or of all that have tasks, by name."""
    begin = None if window.length is None else datetime.now(UTC) - window.length
    parameters = {"begin": begin, "worker": worker}
    gathered: defaultdict[str, _Queues] = defaultdict(lambda: defaultdict(QueueCounts))
    seconds = PATIENT if window in (Window.WEEK, Window.ALL) else READ_TIMEOUT
    tasks = _written(_TASKS, "created_at", "worker_name", begin, worker)
    for name, queue, status, number in await database.fetch(tasks, parameters, seconds=seconds):
        gathered[name][queue].tasks[status] = number
    successes = _written(_SUCCESSES, "started_at", "task_worker_name", begin, worker)
    for name, queue, duration, timed in await database.fetch(
        successes, parameters, seconds=seconds
    ):
        if timed:
            gathered[name][queue].duration = duration
            gathered[name][queue].timed = timed
    found = where(TaskFilter(worker_name=worker), ())
    states = await group_by_state(database, replace(found, states=(PENDING, RUNNING, OVERDUE)))
    return {
        name: worker_figures(name, window, gathered[name], states.of(name), now_exact=states.whole)
        for name in sorted(gathered.keys() | {worker for worker, _ in states.numbers})
    }


def _written(query: str, time: str, owner: str, begin: datetime | None, worker: str | None) -> str:
    return query.format(
        begin=f"AND {time} >= {{begin:{TIME}}}" if begin is not None else "",
        worker=f"AND {owner} = {{worker:String}}" if worker is not None else "",
    )


async def worker_series(
    database: Database, hours: int, worker: str | None = None
) -> dict[str, list[TimeSeriesStats]]:
    """Return the hourly figures of one worker, or of all that had attempts, by name."""
    current = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    first = current - (hours - 1) * _HOUR
    query = _HOURS.replace(
        "{worker}", "AND task_worker_name = {worker:String}" if worker is not None else ""
    )
    rows = await database.fetch(
        query, {"begin": first, "end": current + _HOUR, "worker": worker}, seconds=PATIENT
    )
    found: defaultdict[str, dict[datetime, TimeSeriesStats]] = defaultdict(dict)
    for name, hour, total, success, failed, average in rows:
        found[name][hour] = TimeSeriesStats(
            hour=hour, total=total, success=success, failed=failed, avg_duration=average
        )
    workers = found.keys() if worker is None else {worker}
    every = [first + step * _HOUR for step in range(hours)]
    return {
        name: [found[name].get(hour) or TimeSeriesStats(hour=hour) for hour in every]
        for name in sorted(workers)
    }
