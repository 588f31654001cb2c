"""The TaskStore on PostgreSQL: each method, and where its work is done."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence

from psycopg import errors

from asynqhub_tui.backends.folding import AttemptRow, fold
from asynqhub_tui.backends.postgres.changes import changes
from asynqhub_tui.backends.postgres.connection import Database
from asynqhub_tui.backends.postgres.counting import count_tasks, status_counts
from asynqhub_tui.backends.postgres.listing import Listing
from asynqhub_tui.backends.postgres.removal import purge, worker_usage
from asynqhub_tui.backends.postgres.retrying import mark_pending, with_payloads
from asynqhub_tui.backends.postgres.rows import (
    ATTEMPT_COLUMNS,
    TASK_COLUMNS,
    TaskRow,
    latest_attempts,
    tasks_of,
)
from asynqhub_tui.backends.postgres.statistics import Statistics
from asynqhub_tui.models import (
    FAIL,
    Attempt,
    Count,
    PurgeProgress,
    StatusCounts,
    Task,
    TaskRef,
    TimeSeriesStats,
    Window,
    WorkerStats,
    WorkerUsage,
)
from asynqhub_tui.repository import (
    FAILED_LIMIT,
    HOURS,
    LIST_LIMIT,
    POLL_CAP,
    Changes,
    Cursor,
    Freshness,
    NotFound,
    Order,
    Page,
    Refused,
    TaskFilter,
    bounded,
)


class PostgresTasks:
    """The hub's tables `task` and `task_attempt`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._statistics = Statistics(database)

    async def upsert_task(self, task: Task) -> None:
        """See TaskRepository.upsert_task. Raises Refused, too, for a payload that is no JSON."""
        if not task.task_id:
            raise Refused("A task needs an id.")
        if task.payload is None:
            raise Refused(f"The task {task.task_id} has no payload.")
        fields = task.model_dump(exclude={"newest_attempt", "failed_attempt"})
        async with self._database.writing() as connection:
            try:
                await connection.execute(_UPSERT, fields)
            except errors.ForeignKeyViolation as error:
                raise Refused(
                    f"There is no worker {task.worker_name} for the task {task.task_id}.",
                    hint="The worker has to be registered first.",
                ) from error

    async def update_task_status(
        self,
        task_id: str,
        status: str,
        last_attempt: int,
        last_error: str | None,
        last_worker_name: str | None,
    ) -> None:
        """See TaskRepository.update_task_status."""
        fields = {
            "task_id": task_id,
            "status": status,
            "last_attempt": last_attempt,
            "last_error": last_error,
            "last_worker_name": last_worker_name,
        }
        async with self._database.writing() as connection:
            await connection.execute(_UPDATE_STATUS, fields)

    async def get_task(self, task_id: str) -> Task:
        """See TaskRepository.get_task."""
        rows = await self._database.fetch(_GET, {"task_id": task_id})
        if not rows:
            raise NotFound(f"There is no task {task_id}.", hint="It may have been removed.")
        *row, payload = rows[0]
        attempts = await latest_attempts(self._database, [task_id])
        return TaskRow._make(row).task(attempts.get(task_id), payload)

    async def list_tasks(
        self,
        filter: TaskFilter,
        *,
        limit: int | None = None,
        after: Cursor | None = None,
        before: Cursor | None = None,
        offset: int = 0,
        order: Order | None = None,
        from_end: bool = False,
    ) -> Page:
        """See TaskRepository.list_tasks.

        Where no index knows the whole filter, a page looks at 4,000 rows at most, or at as many as
        some 3,500 pages of the table hold. Tasks that run or are overdue are found as `open_tasks`
        tells.
        """
        cursor = after or before
        order = order or (cursor.order if cursor is not None else filter.order)
        listing = await Listing.of(self._database, filter, order)
        return await listing.page(
            bounded(limit, LIST_LIMIT),
            after=after,
            before=before,
            offset=offset,
            from_end=from_end,
        )

    async def count_tasks(self, filter: TaskFilter, *, cap: int = POLL_CAP) -> Count:
        """See TaskRepository.count_tasks."""
        return await count_tasks(self._database, filter, cap)

    async def insert_attempt(self, attempt: Attempt) -> None:
        """See TaskRepository.insert_attempt."""
        async with self._database.writing() as connection:
            try:
                await connection.execute(_INSERT_ATTEMPT, attempt.model_dump())
            except errors.ForeignKeyViolation as error:
                raise Refused(f"There is no task {attempt.task_id} for this attempt.") from error

    async def list_attempts(self, task_id: str, limit: int | None = None) -> Sequence[Attempt]:
        """See TaskRepository.list_attempts."""
        wanted = bounded(limit, LIST_LIMIT)
        rows = 2 * wanted + 2
        while True:
            params = {"task_id": task_id, "rows": rows}
            found = await self._database.fetch(_ATTEMPTS, params)
            # The oldest start may have further rows behind the limit, unless that was not met.
            attempts = fold(AttemptRow._make(row) for row in found)
            if len(found) < rows or len(attempts) > wanted:
                return attempts[:wanted]
            rows *= 2

    async def get_worker_stats(self, worker_name: str, window: Window = Window.ALL) -> WorkerStats:
        """See TaskRepository.get_worker_stats."""
        return await self._statistics.of_worker(worker_name, window)

    async def get_worker_time_series_stats(
        self, worker_name: str, hours: int | None = None
    ) -> Sequence[TimeSeriesStats]:
        """See TaskRepository.get_worker_time_series_stats."""
        return await self._statistics.hours_of_worker(worker_name, bounded(hours, HOURS))

    async def list_failed_tasks(
        self, worker_name: str | None = None, limit: int | None = None
    ) -> Sequence[Task]:
        """See TaskRepository.list_failed_tasks."""
        filter = TaskFilter(worker_name=worker_name, statuses=(FAIL,))
        listing = await Listing.of(self._database, filter, filter.order)
        rows = await listing.newest(bounded(limit, FAILED_LIMIT))
        return await tasks_of(self._database, rows)

    async def freshness(self) -> Freshness | None:
        """See TaskFeed.freshness: the hub's own database is no copy."""
        return None

    async def changes(self, shown: Sequence[str], since: object | None = None) -> Changes:
        """See TaskFeed.changes."""
        return await changes(self._database, shown, since)

    async def status_counts(
        self, filter: TaskFilter | None = None, *, cap: int = POLL_CAP
    ) -> StatusCounts:
        """See TaskFeed.status_counts. The statuses of the filter itself do not count."""
        return await status_counts(self._database, filter or TaskFilter(), cap)

    async def task_refs(
        self, filter: TaskFilter, *, limit: int = 1_000_000
    ) -> AsyncGenerator[Sequence[TaskRef], None]:
        """See TaskFeed.task_refs."""
        listing = await Listing.of(self._database, filter, filter.order)
        async for batch in listing.refs(limit):
            yield batch

    async def fleet_stats(self, window: Window) -> Mapping[str, WorkerStats]:
        """See FleetStats.fleet_stats."""
        return await self._statistics.of_workers(window)

    async def fleet_series(
        self, hours: int | None = None
    ) -> Mapping[str, Sequence[TimeSeriesStats]]:
        """See FleetStats.fleet_series."""
        return await self._statistics.hours_of_workers(bounded(hours, HOURS))

    async def worker_usage(self, worker_name: str) -> WorkerUsage:
        """See WorkerRemoval.worker_usage."""
        return await worker_usage(self._database, worker_name)

    async def purge_worker(
        self, worker_name: str, *, batch: int = 500
    ) -> AsyncGenerator[PurgeProgress, None]:
        """See WorkerRemoval.purge_worker."""
        async for progress in purge(self._database, worker_name, batch):
            self._statistics.forget()
            yield progress

    async def with_payloads(self, task_ids: Sequence[str]) -> AsyncGenerator[Sequence[Task], None]:
        """See TaskRetry.with_payloads."""
        async for batch in with_payloads(self._database, task_ids):
            yield batch

    async def mark_pending(self, refs: Sequence[TaskRef]) -> frozenset[str]:
        """See TaskRetry.mark_pending."""
        return await mark_pending(self._database, refs)


_GET = f"""
SELECT {TASK_COLUMNS}, t.payload::text FROM task AS t WHERE t.task_id = %(task_id)s
"""

_UPSERT = """
INSERT INTO task (task_id, worker_name, queue, priority, payload, status, last_attempt,
    last_error, last_worker_name, trace_id, created_at, updated_at)
VALUES (%(task_id)s, %(worker_name)s, %(queue)s, %(priority)s, %(payload)s, %(status)s,
    %(last_attempt)s, %(last_error)s, %(last_worker_name)s, %(trace_id)s, %(created_at)s,
    %(updated_at)s)
ON CONFLICT (task_id) DO UPDATE SET queue = excluded.queue, priority = excluded.priority,
    payload = excluded.payload, status = excluded.status, last_attempt = excluded.last_attempt,
    last_error = excluded.last_error, last_worker_name = excluded.last_worker_name,
    trace_id = excluded.trace_id, updated_at = clock_timestamp()
"""

_UPDATE_STATUS = """
UPDATE task SET status = %(status)s, last_attempt = %(last_attempt)s, last_error = %(last_error)s,
    last_worker_name = %(last_worker_name)s, updated_at = clock_timestamp()
WHERE task_id = %(task_id)s
"""

_INSERT_ATTEMPT = """
INSERT INTO task_attempt (task_id, asynq_task_id, attempt, status, started_at, finished_at,
    duration_ms, error, worker_name, trace_id, span_id)
VALUES (%(task_id)s, %(asynq_task_id)s, %(attempt)s, %(status)s, %(started_at)s, %(finished_at)s,
    %(duration_ms)s, %(error)s, %(worker_name)s, %(trace_id)s, %(span_id)s)
"""

# The newest rows, in the order in which they were written.
_ATTEMPTS = f"""
SELECT {ATTEMPT_COLUMNS}
FROM (
    SELECT x.* FROM task_attempt AS x WHERE x.task_id = %(task_id)s
    ORDER BY x.started_at DESC, x.attempt DESC, x.id DESC LIMIT %(rows)s
) AS a
ORDER BY a.id
"""
