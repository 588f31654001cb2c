"""What hangs on a worker, and removing its history in batches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from datetime import datetime

from asynqhub_tui.backends.clickhouse.counts import count, count_states
from asynqhub_tui.backends.clickhouse.database import Database
from asynqhub_tui.backends.clickhouse.filters import TIME, where
from asynqhub_tui.backends.clickhouse.lists import Asked, at
from asynqhub_tui.backends.clickhouse.rows import next_version
from asynqhub_tui.backends.clickhouse.workers import unknown_worker, worker_exists
from asynqhub_tui.backends.clickhouse.writing import LEAD
from asynqhub_tui.models import PENDING, RUNNING, Count, PurgeProgress, WorkerUsage
from asynqhub_tui.repository import DEMAND_CAP, TaskFilter

_NEWEST_TASKS = 200
"""How many of a worker's tasks the search for its last attempt looks at."""


async def worker_usage(database: Database, worker_name: str) -> WorkerUsage:
    """Tell what hangs on the worker. Raises NotFound."""
    if not await worker_exists(database, worker_name):
        raise unknown_worker(worker_name)
    tasks = where(TaskFilter(worker_name=worker_name), ())
    # RUNNING as a word of a filter is a state; here it is what the row says.
    unfinished = tasks.narrowed("t.status IN {rows:Array(String)}", rows=[PENDING, RUNNING])
    [(attempts,)] = await database.fetch(
        """SELECT count() FROM (
            SELECT DISTINCT task_id, attempt, started_at FROM task_attempt FINAL
            WHERE task_worker_name = {worker:String} LIMIT {limit:UInt64})""",
        {"worker": worker_name, "limit": DEMAND_CAP + 1},
    )
    running, _ = await count_states(database, tasks, DEMAND_CAP)
    return WorkerUsage(
        tasks=await count(database, Asked(tasks), DEMAND_CAP),
        attempts=Count.capped(attempts, DEMAND_CAP),
        unfinished=await count(database, Asked(unfinished), DEMAND_CAP),
        running=running,
        last_attempt_at=await _last_attempt(database, worker_name),
    )


async def _last_attempt(database: Database, worker_name: str) -> datetime | None:
    newest = await database.fetch(
        """SELECT task_id, created_at FROM task FINAL WHERE worker_name = {worker:String}
        ORDER BY created_at DESC, task_id DESC LIMIT {limit:UInt64}""",
        {"worker": worker_name, "limit": _NEWEST_TASKS},
    )
    if not newest:
        return None
    [(last,)] = await database.fetch(
        f"""SELECT maxOrNull(started_at) FROM task_attempt FINAL
        WHERE task_created_at IN {{at:Array({TIME})}} AND task_id IN {{ids:Array(String)}}""",
        at(dict(newest)),
    )
    found: datetime | None = last
    return found


async def purge(
    database: Database, worker_name: str, batch: int
) -> AsyncGenerator[PurgeProgress, None]:
    """Delete the worker's tasks with their attempts, oldest first, `batch` tasks at a time."""
    done = PurgeProgress()
    while True:
        rows = await database.fetch(
            """SELECT task_id, created_at FROM task FINAL WHERE worker_name = {worker:String}
            ORDER BY created_at, task_id LIMIT {batch:UInt64}""",
            {"worker": worker_name, "batch": batch},
        )
        if not rows:
            return
        # A batch that has begun is finished, also when the purge is cancelled: the rest is whole.
        work = asyncio.ensure_future(_remove(database, dict(rows)))
        try:
            attempts = await asyncio.shield(work)
        except asyncio.CancelledError:
            await asyncio.wait({work})
            raise
        done = PurgeProgress(tasks=done.tasks + len(rows), attempts=done.attempts + attempts)
        yield done


async def _remove(database: Database, places: dict[str, datetime]) -> int:
    """Delete tasks with their attempts, and return how many rows of attempts there were."""
    bound = at(places) | {"version": next_version() + LEAD}
    attempts = f"""task_attempt FINAL
        WHERE task_created_at IN {{at:Array({TIME})}} AND task_id IN {{ids:Array(String)}}"""
    [(number,)] = await database.fetch(f"SELECT count() FROM {attempts}", bound)
    # The attempts first: a purge that dies in between finds the tasks again.
    await database.execute(_tombstones("task_attempt", attempts), bound)
    tasks = f"""task FINAL
        WHERE created_at IN {{at:Array({TIME})}} AND task_id IN {{ids:Array(String)}}"""
    await database.execute(_tombstones("task", tasks, "'' AS payload"), bound)
    return int(number)


def _tombstones(table: str, rows: str, *replaced: str) -> str:
    """Write a newer version of `rows` that says that they are deleted."""
    said: Sequence[str] = (
        "greatest({version:UInt64}, version + 1) AS version",
        "toUInt8(1) AS is_deleted",
        *replaced,
    )
    return f"INSERT INTO {table} SELECT * REPLACE ({', '.join(said)}) FROM (SELECT * FROM {rows})"
