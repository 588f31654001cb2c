"""All that ClickHouse answers about tasks."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence

from asynqhub_tui.backends.clickhouse import counts, removal, retrying, statistics, writing
from asynqhub_tui.backends.clickhouse.database import Database
from asynqhub_tui.backends.clickhouse.lists import read_attempts, read_page, read_tasks
from asynqhub_tui.backends.clickhouse.places import Places
from asynqhub_tui.backends.clickhouse.position import read_position
from asynqhub_tui.backends.clickhouse.rows import TASK_COLUMNS
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
from asynqhub_tui.replication import freshness_of
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
    TaskFilter,
    bounded,
)


class ClickHouseTasks:
    """The tasks of one database; the docstrings stand in the Protocols of
    `repository.TaskStore`.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._places = Places(database)

    async def upsert_task(self, task: Task) -> None:
        await writing.upsert_task(self._database, self._places, task)

    async def update_task_status(
        self,
        task_id: str,
        status: str,
        last_attempt: int,
        last_error: str | None,
        last_worker_name: str | None,
    ) -> None:
        await writing.update_status(
            self._database,
            self._places,
            task_id,
            status,
            last_attempt,
            last_error,
            last_worker_name,
        )

    async def get_task(self, task_id: str) -> Task:
        tasks = await read_tasks(self._database, self._places, (task_id,), TASK_COLUMNS)
        if not tasks:
            raise NotFound(f"There is no task {task_id}.")
        return tasks[0]

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
        if sum((after is not None, before is not None, from_end)) > 1:
            raise ValueError("a page begins at one cursor, or at an end of the list")
        cursor = after or before
        return await read_page(
            self._database,
            self._places,
            filter,
            order or (cursor.order if cursor is not None else filter.order),
            bounded(limit, LIST_LIMIT),
            cursor,
            upwards=from_end or before is not None,
            offset=offset,
        )

    async def count_tasks(self, filter: TaskFilter, *, cap: int = POLL_CAP) -> Count:
        return await counts.count_tasks(self._database, filter, cap)

    async def insert_attempt(self, attempt: Attempt) -> None:
        await writing.insert_attempt(self._database, attempt)

    async def list_attempts(self, task_id: str, limit: int | None = None) -> Sequence[Attempt]:
        most = bounded(limit, LIST_LIMIT)
        return await read_attempts(self._database, self._places, task_id, most)

    async def list_failed_tasks(
        self, worker_name: str | None = None, limit: int | None = None
    ) -> Sequence[Task]:
        filter = TaskFilter(worker_name=worker_name, statuses=(FAIL,))
        most = bounded(limit, FAILED_LIMIT)
        page = await read_page(self._database, self._places, filter, filter.order, most)
        return page.tasks

    async def freshness(self) -> Freshness | None:
        return freshness_of(await read_position(self._database))

    async def changes(self, shown: Sequence[str], since: object | None = None) -> Changes:
        # Reading the few tasks of a screen anew costs less than finding out which have changed.
        tasks = await read_tasks(self._database, self._places, shown)
        gone = frozenset(shown) - {task.task_id for task in tasks}
        return Changes(tasks=tuple(tasks), missing=gone, mark=since)

    async def status_counts(
        self, filter: TaskFilter | None = None, *, cap: int = POLL_CAP
    ) -> StatusCounts:
        return await counts.count_by_status(self._database, filter or TaskFilter(), cap)

    def task_refs(
        self, filter: TaskFilter, *, limit: int = 1_000_000
    ) -> AsyncGenerator[Sequence[TaskRef], None]:
        return counts.stream_refs(self._database, filter, limit)

    async def get_worker_stats(self, worker_name: str, window: Window = Window.ALL) -> WorkerStats:
        found = await statistics.worker_stats(self._database, window, worker_name)
        return found.get(worker_name) or WorkerStats(worker_name=worker_name, window=window)

    async def get_worker_time_series_stats(
        self, worker_name: str, hours: int | None = None
    ) -> Sequence[TimeSeriesStats]:
        found = await statistics.worker_series(self._database, bounded(hours, HOURS), worker_name)
        return found[worker_name]

    async def fleet_stats(self, window: Window) -> Mapping[str, WorkerStats]:
        return await statistics.worker_stats(self._database, window)

    async def fleet_series(
        self, hours: int | None = None
    ) -> Mapping[str, Sequence[TimeSeriesStats]]:
        return await statistics.worker_series(self._database, bounded(hours, HOURS))

    async def worker_usage(self, worker_name: str) -> WorkerUsage:
        return await removal.worker_usage(self._database, worker_name)

    def purge_worker(
        self, worker_name: str, *, batch: int = 500
    ) -> AsyncGenerator[PurgeProgress, None]:
        return removal.purge(self._database, worker_name, batch)

    def with_payloads(self, task_ids: Sequence[str]) -> AsyncGenerator[Sequence[Task], None]:
        return retrying.with_payloads(self._database, self._places, task_ids)

    async def mark_pending(self, refs: Sequence[TaskRef]) -> frozenset[str]:
        return await retrying.mark_pending(self._database, self._places, refs)
