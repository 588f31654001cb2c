"""Removing a worker: what hangs on it, and its history in batches."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from psycopg import errors

from asynqhub_tui.backends.postgres.connection import Database
from asynqhub_tui.backends.postgres.counting import count_rows, limited
from asynqhub_tui.backends.postgres.open_tasks import open_tasks
from asynqhub_tui.backends.postgres.selection import select
from asynqhub_tui.backends.postgres.workers import unknown_worker
from asynqhub_tui.models import PENDING, RUNNING, PurgeProgress, WorkerUsage
from asynqhub_tui.repository import DEMAND_CAP, TaskFilter

_NEWEST_TASKS = 200
"""How many of a worker's tasks the search for its last attempt looks at."""

_TRIES = 3
"""How often a batch is tried against writers that hold its rows."""


async def worker_usage(database: Database, worker_name: str) -> WorkerUsage:
    """Tell what hangs on the worker; see WorkerRemoval.worker_usage."""
    selection = await select(database, TaskFilter(worker_name=worker_name))
    if all(worker.worker_name != worker_name for worker in selection.workers):
        raise unknown_worker(worker_name)
    params = {
        "worker": worker_name,
        "tasks": DEMAND_CAP + 1,
        "rows": 2 * DEMAND_CAP + 2,
        "newest": _NEWEST_TASKS,
    }
    [(bounded, attempts)] = await database.fetch(_ATTEMPTS, params)
    [(last,)] = await database.fetch(_LAST_ATTEMPT, params)
    unfinished = selection.with_statuses((PENDING, RUNNING))
    found = await open_tasks(database, selection.workers)
    running = sum(state == RUNNING and row.worker_name == worker_name for row, state in found.rows)
    return WorkerUsage(
        tasks=await count_rows(database, selection, DEMAND_CAP),
        attempts=limited(attempts, DEMAND_CAP, complete=not bounded),
        unfinished=await count_rows(database, unfinished, DEMAND_CAP),
        running=limited(running, DEMAND_CAP, complete=found.complete(RUNNING)),
        last_attempt_at=last,
    )


async def purge(
    database: Database, worker_name: str, batch: int
) -> AsyncGenerator[PurgeProgress, None]:
    """Delete the worker's tasks and their attempts, oldest first; see WorkerRemoval.purge_worker.

    Each batch has a connection of its own, so that none is held while the caller takes its time.
    """
    done = PurgeProgress()
    while True:
        tasks, attempts = await _purge_batch(database, worker_name, max(batch, 1))
        if not tasks:
            return
        done = PurgeProgress(tasks=done.tasks + tasks, attempts=done.attempts + attempts)
        yield done


async def _purge_batch(database: Database, worker_name: str, batch: int) -> tuple[int, int]:
    async with database.writing() as connection:
        for last_try in (*[False] * (_TRIES - 1), True):
            try:
                async with connection.transaction():
                    # Locked, a task gets no further attempt until it is gone.
                    cursor = await connection.execute(
                        _OLDEST, {"worker": worker_name, "batch": batch}
                    )
                    ids = [task_id for (task_id,) in await cursor.fetchall()]
                    attempts = await connection.execute(_DELETE_ATTEMPTS, {"ids": ids})
                    tasks = await connection.execute(_DELETE_TASKS, {"ids": ids})
                return tasks.rowcount, attempts.rowcount
            except (
                errors.LockNotAvailable,
                errors.DeadlockDetected,
                errors.ForeignKeyViolation,
                errors.RestrictViolation,
            ):
                if last_try:
                    raise
    raise AssertionError("the last try returns or raises")


# Every attempt has two rows as a rule, so that twice the cap of rows is enough to know it is met.
_ATTEMPTS = """
WITH some_tasks AS MATERIALIZED (
    SELECT t.task_id FROM task AS t WHERE t.worker_name = %(worker)s
    ORDER BY t.created_at DESC LIMIT %(tasks)s
), some_rows AS MATERIALIZED (
    SELECT a.task_id, a.attempt, a.started_at
    FROM some_tasks CROSS JOIN LATERAL (
        SELECT a.task_id, a.attempt, a.started_at FROM task_attempt AS a
        WHERE a.task_id = some_tasks.task_id
        LIMIT %(rows)s
    ) AS a
    LIMIT %(rows)s
)
SELECT (SELECT count(*) FROM some_tasks) = %(tasks)s OR (SELECT count(*) FROM some_rows) = %(rows)s,
    (SELECT count(*) FROM (SELECT DISTINCT * FROM some_rows) AS attempt)
"""

_LAST_ATTEMPT = """
SELECT max(a.started_at)
FROM (
    SELECT t.task_id FROM task AS t WHERE t.worker_name = %(worker)s
    ORDER BY t.created_at DESC LIMIT %(newest)s
) AS t
CROSS JOIN LATERAL (
    SELECT a.started_at FROM task_attempt AS a WHERE a.task_id = t.task_id
    ORDER BY a.started_at DESC LIMIT 1
) AS a
"""

_OLDEST = """
SELECT t.task_id FROM task AS t WHERE t.worker_name = %(worker)s
ORDER BY t.created_at, t.id LIMIT %(batch)s
FOR UPDATE
"""

_DELETE_ATTEMPTS = "DELETE FROM task_attempt WHERE task_id = ANY(%(ids)s::text[])"

_DELETE_TASKS = "DELETE FROM task WHERE task_id = ANY(%(ids)s::text[])"
