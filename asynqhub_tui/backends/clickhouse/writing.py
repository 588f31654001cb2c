"""Writing one task, or one attempt, where others may write at the same time.

ClickHouse has no constraints and no locks: whoever has written looks again. Two first writes of a
task may leave two rows, as each brings its own creation; each writer then deletes all but the row
with the earliest creation, and writes its own into that. A task that was written while its worker
was deleted goes again; the one who deletes looks at the tasks again, so that at least one of the
two notices.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from asynqhub_tui.backends.clickhouse.database import Database
from asynqhub_tui.backends.clickhouse.filters import TIME
from asynqhub_tui.backends.clickhouse.places import Places
from asynqhub_tui.backends.clickhouse.rows import (
    ATTEMPT_COLUMNS,
    OWNER_COLUMNS,
    STAMP_COLUMNS,
    TASK_COLUMNS,
    attempt_values,
    next_version,
    task_values,
)
from asynqhub_tui.backends.clickhouse.workers import worker_exists
from asynqhub_tui.models import Attempt, Task
from asynqhub_tui.repository import Refused

_TASK = (*TASK_COLUMNS, *STAMP_COLUMNS)

_ATTEMPT = (*ATTEMPT_COLUMNS, *OWNER_COLUMNS, *STAMP_COLUMNS)

LEAD = 60_000_000
"""Microseconds by which a deletion outruns a write that had read the row before it."""


class _Written(NamedTuple):
    """One row of a task's id, by its creation."""

    created_at: datetime
    worker_name: str
    version: int
    is_deleted: bool


async def upsert_task(database: Database, places: Places, task: Task) -> None:
    """Create or update a task; see TaskRepository.upsert_task."""
    if not task.task_id:
        raise Refused("A task needs an id.")
    if task.payload is None:
        raise Refused(f"The task {task.task_id} comes without its payload.")
    rows = await _written(database, task.task_id)
    live = [row for row in rows if not row.is_deleted]
    if live:
        await _update(database, task, live[0])
        return
    if not await worker_exists(database, task.worker_name):
        raise _without_worker(task)
    # Where one with the same creation was deleted, the new row has to count instead.
    deleted = {row.created_at: row.version for row in rows}
    await _insert(database, task, deleted.get(task.created_at, 0))
    await _settle(database, places, task)


async def _settle(database: Database, places: Places, task: Task) -> None:
    """Look again at what a first write has left."""
    live = [row for row in await _written(database, task.task_id) if not row.is_deleted]
    for row in live[1:]:
        await _delete(database, task, row)
    if live and live[0].created_at != task.created_at:
        await _update(database, task, live[0])
    if live:
        places.remember([(task.task_id, live[0].created_at)])
    if not await worker_exists(database, task.worker_name):
        for row in live:
            await _delete(database, task, row)
        raise _without_worker(task)


async def _update(database: Database, task: Task, row: _Written) -> None:
    kept = {
        "worker_name": row.worker_name,
        "created_at": row.created_at,
        "updated_at": datetime.now(UTC),
    }
    await _insert(database, task.model_copy(update=kept), row.version)


async def _insert(database: Database, task: Task, version: int) -> None:
    stamp = (max(next_version(), version + 1), 0)
    await database.insert("task", _TASK, [[*task_values(task), *stamp]])


async def _delete(database: Database, task: Task, row: _Written) -> None:
    gone = task.model_copy(
        update={"worker_name": row.worker_name, "created_at": row.created_at, "payload": ""}
    )
    stamp = (max(next_version(), row.version) + LEAD, 1)
    await database.insert("task", _TASK, [[*task_values(gone), *stamp]])


async def _written(database: Database, task_id: str) -> list[_Written]:
    """Return the rows that there are of an id, deleted ones too, the earliest creation first."""
    rows = await database.fetch(
        """SELECT created_at, argMax(worker_name, version), max(version),
            argMax(is_deleted, (version, is_deleted))
        FROM task WHERE task_id = {id:String} GROUP BY created_at ORDER BY created_at""",
        {"id": task_id},
    )
    return [_Written(*row) for row in rows]


def _without_worker(task: Task) -> Refused:
    return Refused(
        f"The worker {task.worker_name} of the task {task.task_id} is unknown.",
        hint="Register the worker first.",
    )


async def update_status(
    database: Database,
    places: Places,
    task_id: str,
    status: str,
    last_attempt: int,
    last_error: str | None,
    last_worker_name: str | None,
) -> None:
    """Set these fields; see TaskRepository.update_task_status."""
    found = await places.look_up([task_id])
    if task_id not in found:
        return
    await database.execute(
        f"""INSERT INTO task SELECT * REPLACE (
                {{status:String}} AS status, {{attempt:Int32}} AS last_attempt,
                {{error:String}} AS last_error, {{worker:String}} AS last_worker_name,
                {{now:{TIME}}} AS updated_at,
                greatest({{version:UInt64}}, version + 1) AS version)
            FROM (SELECT * FROM task FINAL
                WHERE created_at = {{at:{TIME}}} AND task_id = {{id:String}})""",
        {
            "status": status,
            "attempt": last_attempt,
            "error": last_error or "",
            "worker": last_worker_name or "",
            "now": datetime.now(UTC),
            "version": next_version(),
            "at": found[task_id],
            "id": task_id,
        },
    )


async def insert_attempt(database: Database, attempt: Attempt) -> None:
    """Append one row; see TaskRepository.insert_attempt."""
    owners = await database.fetch(
        """SELECT created_at, worker_name, queue FROM task FINAL WHERE task_id = {id:String}
        ORDER BY created_at LIMIT 1""",
        {"id": attempt.task_id},
    )
    if not owners:
        raise Refused(f"The task {attempt.task_id} of an attempt is unknown.")
    row = [*attempt_values(attempt), *owners[0], next_version(), 0]
    await database.insert("task_attempt", _ATTEMPT, [row])
