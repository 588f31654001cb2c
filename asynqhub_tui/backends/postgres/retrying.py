"""What a retry reads and writes."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from asynqhub_tui.backends.batching import by_size
from asynqhub_tui.backends.postgres.connection import Database
from asynqhub_tui.backends.postgres.rows import TASK_COLUMNS, TaskRow
from asynqhub_tui.models import Task, TaskRef


async def with_payloads(
    database: Database, task_ids: Sequence[str]
) -> AsyncGenerator[Sequence[Task], None]:
    """Stream tasks with their payloads; see TaskRetry.with_payloads."""
    sizes = await database.fetch(_SIZES, {"ids": list(task_ids)})
    for group in by_size((task_id, size) for task_id, size in sizes):
        rows = await database.fetch(_WHOLE, {"ids": group})
        yield [TaskRow._make(row).task(None, payload) for *row, payload in rows]


async def mark_pending(database: Database, refs: Sequence[TaskRef]) -> frozenset[str]:
    """Set tasks to pending that have not changed; see TaskRetry.mark_pending."""
    seen = {ref.task_id: ref.updated_at for ref in refs}
    async with database.writing() as connection:
        cursor = await connection.execute(_MARK, {"ids": list(seen), "seen": list(seen.values())})
        return frozenset(task_id for (task_id,) in await cursor.fetchall())


# As stored, compressed or not: to know the size of the text, all of it would have to be read.
_SIZES = """
SELECT t.task_id, pg_column_size(t.payload) FROM task AS t WHERE t.task_id = ANY(%(ids)s::text[])
"""

_WHOLE = f"""
SELECT {TASK_COLUMNS}, t.payload::text FROM task AS t WHERE t.task_id = ANY(%(ids)s::text[])
"""

# Locked in one order, so that two operators who mark the same tasks cannot wait for each other.
_MARK = """
WITH still AS (
    SELECT t.id FROM unnest(%(ids)s::text[], %(seen)s::timestamptz[]) AS planned(task_id, seen)
    JOIN task AS t ON t.task_id = planned.task_id AND t.updated_at = planned.seen
    ORDER BY t.id FOR NO KEY UPDATE OF t
)
UPDATE task AS t SET status = 'pending', updated_at = clock_timestamp()
FROM still WHERE t.id = still.id
RETURNING t.task_id
"""
