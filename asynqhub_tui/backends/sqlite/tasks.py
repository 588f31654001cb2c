"""All that SQLite answers about tasks."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import UTC, datetime

from asynqhub_tui.backends.folding import fold
from asynqhub_tui.backends.sqlite import counts, removal, retrying, statistics
from asynqhub_tui.backends.sqlite.database import Database
from asynqhub_tui.backends.sqlite.lists import read_page, read_tasks
from asynqhub_tui.backends.sqlite.position import read_position
from asynqhub_tui.backends.sqlite.rows import (
    ATTEMPT_COLUMNS,
    TASK_COLUMNS,
    attempt_row,
    attempt_values,
    insert,
    micros,
    names,
    task_values,
)
from asynqhub_tui.backends.sqlite.selection import Stretch, condition
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
    Refused,
    TaskFilter,
    bounded,
)

_KEPT = ("task_id", "worker_name", "created_at", "updated_at")

_UPSERT = f"""{insert("task", TASK_COLUMNS)}
    ON CONFLICT (task_id) DO UPDATE SET updated_at = ?,
    {", ".join(f"{name} = excluded.{name}" for name in TASK_COLUMNS if name not in _KEPT)}"""


class SqliteTasks:
    """The tasks of one file; the docstrings stand in the Protocols of `repository.TaskStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def upsert_task(self, task: Task) -> None:
        if not task.task_id:
            raise Refused("A task needs an id.")
        if task.payload is None:
            raise Refused(f"The task {task.task_id} comes without its payload.")
        now = micros(datetime.now(UTC))
        async with self._database.transaction() as statements:
            known = await statements.fetch(
                """SELECT 1 FROM worker WHERE worker_name = ?
                UNION ALL SELECT 1 FROM task WHERE task_id = ?""",
                (task.worker_name, task.task_id),
            )
            if not known:
                raise Refused(
                    f"The worker {task.worker_name} of the task {task.task_id} is unknown.",
                    hint="Register the worker first.",
                )
            await statements.execute(_UPSERT, (*task_values(task), now))

    async def update_task_status(
        self,
        task_id: str,
        status: str,
        last_attempt: int,
        last_error: str | None,
        last_worker_name: str | None,
    ) -> None:
        await self._database.execute(
            """UPDATE task SET status = ?, last_attempt = ?, last_error = ?,
            last_worker_name = ?, updated_at = ? WHERE task_id = ?""",
            (
                status,
                last_attempt,
                last_error,
                last_worker_name,
                micros(datetime.now(UTC)),
                task_id,
            ),
        )

    async def get_task(self, task_id: str) -> Task:
        tasks = await read_tasks(self._database, (task_id,), TASK_COLUMNS)
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
        stretch = Stretch(
            await condition(self._database, filter),
            order or (cursor.order if cursor is not None else filter.order),
            bounded(limit, LIST_LIMIT),
            cursor,
            upwards=from_end or before is not None,
            offset=offset,
        )
        return await read_page(self._database, stretch)

    async def count_tasks(self, filter: TaskFilter, *, cap: int = POLL_CAP) -> Count:
        found = await condition(self._database, filter)
        async with self._database.snapshot() as statements:
            return await counts.count(statements, found, cap)

    async def insert_attempt(self, attempt: Attempt) -> None:
        async with self._database.transaction() as statements:
            known = await statements.fetch(
                "SELECT 1 FROM task WHERE task_id = ?", (attempt.task_id,)
            )
            if not known:
                raise Refused(f"The task {attempt.task_id} of an attempt is unknown.")
            await statements.execute(
                insert("task_attempt", ATTEMPT_COLUMNS), attempt_values(attempt)
            )

    async def list_attempts(self, task_id: str, limit: int | None = None) -> Sequence[Attempt]:
        # Cut by the number of attempts, not of rows, and only then folded.
        rows = await self._database.fetch(
            f"""SELECT {names(ATTEMPT_COLUMNS, "a")} FROM task_attempt a
            JOIN (SELECT DISTINCT started_at, attempt FROM task_attempt WHERE task_id = :task
                  ORDER BY started_at DESC, attempt DESC LIMIT :limit) n
            ON a.started_at = n.started_at AND a.attempt = n.attempt
            WHERE a.task_id = :task ORDER BY a.id""",
            {"task": task_id, "limit": bounded(limit, LIST_LIMIT)},
        )
        return fold(attempt_row(row) for row in rows)

    async def list_failed_tasks(
        self, worker_name: str | None = None, limit: int | None = None
    ) -> Sequence[Task]:
        filter = TaskFilter(worker_name=worker_name, statuses=(FAIL,))
        found = await condition(self._database, filter)
        stretch = Stretch(found, filter.order, bounded(limit, FAILED_LIMIT))
        return (await read_page(self._database, stretch)).tasks

    async def freshness(self) -> Freshness | None:
        return freshness_of(await read_position(self._database))

    async def changes(self, shown: Sequence[str], since: object | None = None) -> Changes:
        # Reading the few tasks of a screen anew costs less than finding out which have changed.
        tasks = await read_tasks(self._database, shown)
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
        return retrying.with_payloads(self._database, task_ids)

    async def mark_pending(self, refs: Sequence[TaskRef]) -> frozenset[str]:
        return await retrying.mark_pending(self._database, refs)
