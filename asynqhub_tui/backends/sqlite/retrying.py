"""What a retry reads and writes."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime

from asynqhub_tui.backends.batching import by_size
from asynqhub_tui.backends.sqlite.database import Database
from asynqhub_tui.backends.sqlite.rows import TASK_COLUMNS, micros, names, task_from
from asynqhub_tui.models import Task, TaskRef


async def with_payloads(
    database: Database, task_ids: Sequence[str]
) -> AsyncGenerator[Sequence[Task], None]:
    """Stream tasks with their payloads; see TaskRetry.with_payloads."""
    sizes = await database.fetch(_SIZES, (json.dumps(list(task_ids)),))
    for group in by_size((task_id, size) for task_id, size in sizes):
        rows = await database.fetch(_WHOLE, (json.dumps(group),))
        yield [task_from(row, None) for row in rows]


async def mark_pending(database: Database, refs: Sequence[TaskRef]) -> frozenset[str]:
    """Set tasks to pending that have not changed; see TaskRetry.mark_pending."""
    seen = json.dumps([(ref.task_id, micros(ref.updated_at)) for ref in refs])
    async with database.transaction() as statements:
        rows = await statements.fetch(_MARK, (micros(datetime.now(UTC)), seen))
    return frozenset(task_id for (task_id,) in rows)


_AMONG = "t.task_id IN (SELECT value FROM json_each(?))"

_SIZES = f"SELECT t.task_id, length(CAST(t.payload AS BLOB)) FROM task t WHERE {_AMONG}"

_WHOLE = f"SELECT {names(TASK_COLUMNS, 't')} FROM task t WHERE {_AMONG}"

_MARK = """
    UPDATE task SET status = 'pending', updated_at = ?
    WHERE (task_id, updated_at) IN (
        SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?)
    )
    RETURNING task_id
"""
