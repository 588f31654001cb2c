"""What hangs on a worker, and removing its history in batches."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import UTC, datetime

from asynqhub_tui.backends.sqlite.counts import count, count_states
from asynqhub_tui.backends.sqlite.database import Database
from asynqhub_tui.backends.sqlite.filters import where
from asynqhub_tui.backends.sqlite.rows import optional_moment
from asynqhub_tui.models import PENDING, RUNNING, Count, PurgeProgress, WorkerUsage
from asynqhub_tui.repository import DEMAND_CAP, NotFound, TaskFilter

_NEWEST_TASKS = 200
"""How many of a worker's tasks the search for its last attempt looks at."""

_OLDEST = "FROM task WHERE worker_name = ? ORDER BY created_at, id LIMIT ?"


async def worker_usage(database: Database, worker_name: str) -> WorkerUsage:
    """Tell what hangs on the worker. Raises NotFound."""
    tasks = where(TaskFilter(worker_name=worker_name), (), datetime.now(UTC))
    unfinished = where(TaskFilter(worker_name=worker_name), (), datetime.now(UTC))
    unfinished.rows.append(unfinished.any_of("t.status", "row", (PENDING, RUNNING)))
    async with database.snapshot() as statements:
        if not await statements.fetch("SELECT 1 FROM worker WHERE worker_name = ?", (worker_name,)):
            raise unknown_worker(worker_name)
        attempts = await statements.fetch(
            """SELECT count(*) FROM (SELECT DISTINCT a.task_id, a.attempt, a.started_at
                FROM task t JOIN task_attempt a ON a.task_id = t.task_id
                WHERE t.worker_name = ? LIMIT ?)""",
            (worker_name, DEMAND_CAP + 1),
        )
        last = await statements.fetch(
            """SELECT max(a.started_at) FROM task_attempt a WHERE a.task_id IN
                (SELECT t.task_id FROM task t WHERE t.worker_name = ?
                ORDER BY t.created_at DESC, t.id DESC LIMIT ?)""",
            (worker_name, _NEWEST_TASKS),
        )
        running, _ = await count_states(statements, tasks, DEMAND_CAP)
        return WorkerUsage(
            tasks=await count(statements, tasks, DEMAND_CAP),
            attempts=Count.capped(attempts[0][0], DEMAND_CAP),
            unfinished=await count(statements, unfinished, DEMAND_CAP),
            running=running,
            last_attempt_at=optional_moment(last[0][0]),
        )


def unknown_worker(worker_name: str) -> NotFound:
    """Return the error for a worker that is not there."""
    return NotFound(f"There is no worker {worker_name}.")


async def purge(
    database: Database, worker_name: str, batch: int
) -> AsyncGenerator[PurgeProgress, None]:
    """Delete the worker's tasks with their attempts, oldest first, `batch` tasks a transaction."""
    done = PurgeProgress()
    while True:
        async with database.transaction() as statements:
            attempts = await statements.execute(
                f"DELETE FROM task_attempt WHERE task_id IN (SELECT task_id {_OLDEST})",
                (worker_name, batch),
            )
            tasks = await statements.execute(
                f"DELETE FROM task WHERE id IN (SELECT id {_OLDEST})", (worker_name, batch)
            )
        if not tasks:
            return
        done = PurgeProgress(tasks=done.tasks + tasks, attempts=done.attempts + attempts)
        yield done
