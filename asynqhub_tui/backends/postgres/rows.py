"""Rows of the hub's tables and the models that they become."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from asynqhub_tui.backends.folding import ROWS_LOOKED_AT, AttemptRow, Latest, latest
from asynqhub_tui.backends.postgres.connection import Database
from asynqhub_tui.models import SUCCESS, Task, WorkerConfig
from asynqhub_tui.repository import Order

TASK_COLUMNS = """t.id, t.task_id, t.worker_name, t.queue, t.priority, t.status, t.last_attempt,
t.last_error, t.last_worker_name, t.trace_id, t.created_at, t.updated_at"""

ATTEMPT_COLUMNS = """a.task_id, a.attempt, a.status, a.started_at, a.finished_at, a.duration_ms,
a.error, a.worker_name, a.asynq_task_id, a.trace_id, a.span_id"""

WORKER_COLUMNS = """w.worker_name, w.base_url, w.redis_addr, w.queue_groups, w.default_retry_count,
w.default_timeout, w.default_delay, w.is_enabled, w.last_heartbeat_at, w.created_at, w.updated_at"""

_ROWS_OF_NEWEST = 4
"""Attempt rows to read of each task: the two of its newest attempt, and of the one before."""


class TaskRow(NamedTuple):
    """A row of `task` without its payload, in the order of TASK_COLUMNS."""

    id: int
    task_id: str
    worker_name: str
    queue: str
    priority: int
    status: str
    last_attempt: int
    last_error: str | None
    last_worker_name: str | None
    trace_id: str | None
    created_at: datetime
    updated_at: datetime

    def place(self, order: Order) -> tuple[datetime, int]:
        """Where it stands in a list of this order."""
        return (self.created_at if order is Order.CREATED else self.updated_at, self.id)

    def task(self, attempts: Latest | None, payload: str | None = None) -> Task:
        """Make the model of it."""
        fields = self._asdict()
        del fields["id"]
        newest, failed = attempts or Latest()
        return Task(**fields, payload=payload, newest_attempt=newest, failed_attempt=failed)


async def tasks_of(database: Database, rows: Sequence[TaskRow]) -> tuple[Task, ...]:
    """Return the rows as tasks, each with its newest attempt and the one whose error stands."""
    attempts = await latest_attempts(database, [row.task_id for row in rows])
    return tuple(row.task(attempts.get(row.task_id)) for row in rows)


async def latest_attempts(database: Database, task_ids: Sequence[str]) -> Mapping[str, Latest]:
    """Return what these tasks tell of their attempts, by the id of each that has one.

    One round trip, and a second one for tasks of which several attempts have begun since the last
    error.
    """
    rows = await newest_rows(database, task_ids)
    found = {task_id: latest(of_task) for task_id, of_task in rows.items()}
    farther = [
        task_id
        for task_id, (newest, failed) in found.items()
        if len(rows[task_id]) == _ROWS_OF_NEWEST
        and failed is None
        and newest is not None
        and newest.status != SUCCESS
    ]
    again = await newest_rows(database, farther, ROWS_LOOKED_AT)
    return found | {task_id: latest(of_task) for task_id, of_task in again.items()}


async def newest_rows(
    database: Database, task_ids: Sequence[str], most: int = _ROWS_OF_NEWEST
) -> Mapping[str, Sequence[AttemptRow]]:
    """Return the newest `most` attempt rows of each of these tasks, in the order of writing."""
    if not task_ids:
        return {}
    rows = await database.fetch(_NEWEST, {"ids": list(task_ids), "rows": most})
    by_task: dict[str, list[AttemptRow]] = {}
    for row in map(AttemptRow._make, rows):
        by_task.setdefault(row.task_id, []).append(row)
    return by_task


def task_rows(rows: Iterable[tuple[object, ...]]) -> list[TaskRow]:
    """Name the columns of rows that begin with TASK_COLUMNS."""
    return [TaskRow._make(row) for row in rows]


async def all_workers(database: Database) -> list[WorkerConfig]:
    """Return every worker, by name."""
    return [worker_of(row) for row in await database.fetch(_WORKERS)]


def worker_of(row: tuple[object, ...]) -> WorkerConfig:
    """Make the model of a row that has WORKER_COLUMNS."""
    return WorkerConfig.model_validate(dict(zip(WorkerConfig.model_fields, row, strict=True)))


_WORKERS = f"SELECT {WORKER_COLUMNS} FROM worker AS w ORDER BY w.worker_name"

# The newest rows come first out of the index; written order is what folding wants.
_NEWEST = f"""
SELECT {ATTEMPT_COLUMNS}
FROM unnest(%(ids)s::text[]) AS wanted(task_id)
CROSS JOIN LATERAL (
    SELECT x.* FROM task_attempt AS x
    WHERE x.task_id = wanted.task_id
    ORDER BY x.started_at DESC, x.attempt DESC, x.id DESC
    LIMIT %(rows)s
) AS a
ORDER BY a.id
"""
