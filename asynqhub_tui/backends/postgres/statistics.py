"""The figures of workers: tasks by status, durations, and attempts by the hour."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from asynqhub_tui.backends.counting import QueueCounts, worker_figures
from asynqhub_tui.backends.postgres.connection import LONG_TIMEOUT, Database
from asynqhub_tui.backends.postgres.open_tasks import open_tasks
from asynqhub_tui.backends.postgres.recent import HOUR, Recent, added
from asynqhub_tui.backends.postgres.rows import all_workers
from asynqhub_tui.backends.postgres.statuses import attempt_statuses
from asynqhub_tui.backends.postgres.tallies import (
    EPOCH,
    FAILED,
    MILLISECONDS,
    SUCCEEDED,
    TIMED,
    TOTAL,
    Name,
    Reader,
    Scale,
    Span,
    Tally,
)
from asynqhub_tui.models import (
    OVERDUE,
    PENDING,
    RUNNING,
    TimeSeriesStats,
    Window,
    WorkerStats,
)

_PENDING_CAP = 2_000
"""How many pending rows are counted, of all workers together."""

_DAY = timedelta(hours=24)
"""What is always kept."""

_SLICE = timedelta(hours=24)
"""The longest span of attempts that one statement reads: beyond it the planner would rather read
the whole table, and sorting it would not fit the memory.
"""

_FINE, _COARSE = timedelta(minutes=5), timedelta(minutes=30)
"""How long the buckets are that a day is made of, and those of longer times."""

_END_OF_TIME = datetime(9000, 1, 1, tzinfo=UTC)
"""Attempts that started later, as at `infinity`, or before 1970, are nobody's."""


class Statistics:
    """Answers for all workers and for one.

    What it has read of a day for all of them it keeps for the next answer; of a week as long as no
    other window is asked for.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._day = self._back_to(_DAY)
        self._week: Recent | None = None

    def forget(self) -> None:
        """Read everything again for the next answer: rows were deleted."""
        self._day = self._back_to(_DAY)
        self._week = None

    async def of_workers(self, window: Window) -> Mapping[str, WorkerStats]:
        """Return the figures of each worker that has tasks; see FleetStats.fleet_stats.

        Within a week the first answer reads the tasks and attempts of the window, each further one
        those of the time in which something has changed. All time reads both tables, the tasks
        within 10 s; where that is not enough it raises Unavailable.
        """
        if window is not Window.WEEK:
            self._week = None
        if window.length is None:
            return await self._of_all_time(None)
        recent = self._day
        if window is Window.WEEK:
            recent = self._week = self._week or self._back_to(window.length)
        return await self._figures(window, *await recent.figures(window.length))

    async def of_worker(self, worker: str, window: Window) -> WorkerStats:
        """Return the figures of one worker; see TaskRepository.get_worker_stats."""
        if window.length is None:
            found = await self._of_all_time(worker)
        else:
            recent = self._back_to(window.length, worker)
            found = await self._figures(window, *await recent.figures(window.length), worker)
        return found.get(worker) or WorkerStats(worker_name=worker, window=window)

    async def hours_of_workers(self, hours: int) -> Mapping[str, Sequence[TimeSeriesStats]]:
        """Return the last hours of each worker that had attempts; see FleetStats.fleet_series."""
        reach = hours * HOUR
        return await _series(self._day if reach <= _DAY else self._back_to(reach), hours)

    async def hours_of_worker(self, worker: str, hours: int) -> Sequence[TimeSeriesStats]:
        """Return the last hours of one worker; see TaskRepository."""
        return (await _series(self._back_to(hours * HOUR, worker), hours, worker))[worker]

    def _back_to(self, reach: timedelta, worker: str | None = None) -> Recent:
        width = _FINE if reach <= _DAY else _COARSE
        return Recent(self._database, width, reach, worker=worker)

    async def _figures(
        self, window: Window, tasks: Tally, attempts: Tally, worker: str | None = None
    ) -> Mapping[str, WorkerStats]:
        now, exact = await self._now(worker)
        queues = _by_queue(tasks, attempts)
        return {
            name: worker_figures(name, window, queues[name], now[name], now_exact=exact)
            for name in queues.keys() | now.keys()
        }

    async def _of_all_time(self, worker: str | None) -> Mapping[str, WorkerStats]:
        database = self._database
        rows = await database.fetch(ALL_TASKS, {"worker": worker}, seconds=LONG_TIMEOUT)
        tasks = {Name(name, queue, status): number for name, queue, status, number in rows}
        statuses = [status for status in await attempt_statuses(database) if status != RUNNING]
        reader = Reader(database, Scale(HOUR), worker)
        attempts: Tally = {}
        high = _END_OF_TIME
        while newest := await self._newest_start(statuses, high):
            end = newest + timedelta(microseconds=1)
            span = Span(max(end - _SLICE, EPOCH), end)
            attempts = added([attempts, *(await reader.attempts(statuses, span)).values()])
            high = span.low
        return await self._figures(Window.ALL, tasks, attempts, worker)

    async def _newest_start(self, statuses: Sequence[str], high: datetime) -> datetime | None:
        params = {"statuses": list(statuses), "low": EPOCH, "high": high}
        [(newest,)] = await self._database.fetch(_NEWEST_START, params)
        found: datetime | None = newest
        return found

    async def _now(self, worker: str | None) -> tuple[defaultdict[str, Counter[str]], bool]:
        """Count by worker and state what is so at this moment, and tell whether that is all."""
        counted = 0
        now: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for name, number in await self._database.fetch(_PENDING, {"bound": _PENDING_CAP + 1}):
            counted += number
            if worker in (None, name):
                now[name][PENDING] = number
        found = await open_tasks(self._database, await all_workers(self._database))
        for row, state in found.rows:
            if worker in (None, row.worker_name):
                of_worker = now[row.worker_name]
                of_worker[state] += 1
                if row.status == PENDING:
                    of_worker[PENDING] = max(of_worker[PENDING] - 1, 0)
        return now, counted <= _PENDING_CAP and found.complete(OVERDUE)


def _by_queue(tasks: Tally, attempts: Tally) -> defaultdict[str, defaultdict[str, QueueCounts]]:
    found: defaultdict[str, defaultdict[str, QueueCounts]] = defaultdict(
        lambda: defaultdict(QueueCounts)
    )
    for name, number in tasks.items():
        found[name.worker][name.queue].tasks[name.what] = number
    for name, number in attempts.items():
        if name.what == TIMED:
            found[name.worker][name.queue].timed = number
        elif name.what == MILLISECONDS:
            found[name.worker][name.queue].duration = number
    return found


async def _series(
    recent: Recent, hours: int, worker: str | None = None
) -> Mapping[str, Sequence[TimeSeriesStats]]:
    by_hour = {hour: _by_worker(tally) for hour, tally in (await recent.hours(hours)).items()}
    names = {name for of_hour in by_hour.values() for name in of_hour}
    if worker is not None:
        names.add(worker)
    return {
        name: [_hour(hour, of_hour[name]) for hour, of_hour in by_hour.items()] for name in names
    }


def _by_worker(attempts: Tally) -> defaultdict[str, Counter[str]]:
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for name, number in attempts.items():
        found[name.worker][name.what] += number
    return found


def _hour(hour: datetime, attempts: Counter[str]) -> TimeSeriesStats:
    timed = attempts[TIMED]
    return TimeSeriesStats(
        hour=hour,
        total=attempts[TOTAL],
        success=attempts[SUCCEEDED],
        failed=attempts[FAILED],
        avg_duration=attempts[MILLISECONDS] / timed if timed else None,
    )


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

_NEWEST_START = """
SELECT max(newest.started_at)
FROM unnest(%(statuses)s::text[]) AS of(status)
CROSS JOIN LATERAL (
    SELECT a.started_at FROM task_attempt AS a
    WHERE a.status = of.status AND a.started_at >= %(low)s AND a.started_at < %(high)s
    ORDER BY a.started_at DESC LIMIT 1
) AS newest
"""
