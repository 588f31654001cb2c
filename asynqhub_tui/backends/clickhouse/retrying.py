"""What a retry reads and writes."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime

from asynqhub_tui.backends.batching import by_size
from asynqhub_tui.backends.clickhouse.database import Database
from asynqhub_tui.backends.clickhouse.filters import TIME
from asynqhub_tui.backends.clickhouse.lists import at, read_rows
from asynqhub_tui.backends.clickhouse.places import Places
from asynqhub_tui.backends.clickhouse.rows import TASK_COLUMNS, task_from
from asynqhub_tui.models import Task, TaskRef


async def with_payloads(
    database: Database, places: Places, task_ids: Sequence[str]
) -> AsyncGenerator[Sequence[Task], None]:
    """Stream tasks with their payloads; see TaskRetry.with_payloads."""
    found = await places.find(task_ids)
    sizes = await read_rows(database, found, ("task_id", "length(payload)"))
    for group in by_size((task_id, size) for task_id, size in sizes.values()):
        rows = await read_rows(database, {one: found[one] for one in group}, TASK_COLUMNS)
        yield [task_from(row, None) for row in rows.values()]


async def mark_pending(
    database: Database, places: Places, refs: Sequence[TaskRef]
) -> frozenset[str]:
    """Set tasks to pending that have not changed; see TaskRetry.mark_pending.

    The mark is a version just above the planned one: a report of the task's worker, which has the
    version of its own time, counts whether it was written before or after.
    """
    found = await places.find(ref.task_id for ref in refs)
    planned = [ref for ref in refs if ref.task_id in found]
    if not planned:
        return frozenset()
    among = f"""SELECT * FROM task FINAL
        WHERE created_at IN {{at:Array({TIME})}} AND task_id IN {{ids:Array(String)}}
        AND (task_id, updated_at) IN {{planned:Array(Tuple(String, {TIME}))}}"""
    bound = at({ref.task_id: found[ref.task_id] for ref in planned}) | {
        "planned": [(ref.task_id, ref.updated_at) for ref in planned],
        "now": datetime.now(UTC),
    }
    rows = await database.fetch(f"SELECT task_id FROM ({among})", bound)
    if rows:
        await database.execute(
            f"""INSERT INTO task SELECT * REPLACE ('pending' AS status,
                {{now:{TIME}}} AS updated_at, version + 1 AS version) FROM ({among})""",
            bound,
        )
    return frozenset(task_id for (task_id,) in rows)
