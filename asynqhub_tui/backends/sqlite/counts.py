"""Counting tasks, never further than asked, and naming them for a bulk action."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal

from asynqhub_tui.backends.sqlite.connection import Statements
from asynqhub_tui.backends.sqlite.database import Database
from asynqhub_tui.backends.sqlite.filters import STATE, UNFINISHED, Where, clock
from asynqhub_tui.backends.sqlite.rows import ref_from
from asynqhub_tui.backends.sqlite.selection import SCAN_ROWS, Stretch, condition, scanned
from asynqhub_tui.models import OVERDUE, RUNNING, Count, StatusCounts, TaskRef
from asynqhub_tui.repository import TaskFilter

_BATCH = 1_000
"""How many tasks `stream_refs` names at a time."""

_NEWEST_FIRST = "ORDER BY t.updated_at DESC, t.id DESC"

_STATUSES = """
    WITH RECURSIVE one(status) AS (
        SELECT min(status) FROM task
        UNION ALL
        SELECT (SELECT min(status) FROM task WHERE status > one.status) FROM one
        WHERE one.status IS NOT NULL)
    SELECT status FROM one WHERE status IS NOT NULL"""
"""Every status that occurs: a step in the index for each, where DISTINCT reads all of it."""


async def count(statements: Statements, found: Where, cap: int) -> Count:
    """Count the rows that match, up to `cap`."""
    source = f"task t WHERE {found.sql()}"
    if found.state is not None:
        source = f"({scanned(found, _NEWEST_FIRST)}) t WHERE {found.state}"
    rows = await statements.fetch(
        f"SELECT count(*) FROM (SELECT 1 FROM {source} LIMIT :limit)",
        found.parameters | {"limit": cap + 1},
    )
    number = int(rows[0][0])
    if found.state is not None and number <= cap and await _cut_short(statements, found):
        return Count(value=number, kind="at_least")
    return Count.capped(number, cap)


async def _cut_short(statements: Statements, found: Where) -> bool:
    rows = await statements.fetch(
        f"SELECT 1 FROM task t WHERE {found.sql()} LIMIT 1 OFFSET {SCAN_ROWS}", found.parameters
    )
    return bool(rows)


async def count_by_status(database: Database, filter: TaskFilter, cap: int) -> StatusCounts:
    """Count the tasks that `filter` finds by status, and those that run or are overdue."""
    found = await condition(database, filter)
    async with database.snapshot() as statements:
        by_status = {}
        for (status,) in await statements.fetch(_STATUSES):
            number = await count(statements, _and(found, "t.status = :one", one=status), cap)
            if number.value:
                by_status[str(status)] = number
        running, overdue = await count_states(statements, found, cap)
    return StatusCounts(by_status=by_status, running=running, overdue=overdue)


async def count_states(statements: Statements, found: Where, cap: int) -> tuple[Count, Count]:
    """Count the tasks that run and those that are overdue, among the rows that match."""
    among = _and(found, UNFINISHED, **clock(datetime.now(UTC)))
    rows = await statements.fetch(
        f"""SELECT state, count(*)
        FROM (SELECT {STATE} AS state FROM ({scanned(among, _NEWEST_FIRST)}) t
              WHERE {found.state or "1"})
        GROUP BY state""",
        among.parameters,
    )
    numbers: dict[str, int] = dict(rows)
    kind: Literal["exact", "at_least"] = (
        "at_least" if await _cut_short(statements, among) else "exact"
    )

    def capped(state: str) -> Count:
        number = numbers.get(state, 0)
        return Count.capped(number, cap) if number > cap else Count(value=number, kind=kind)

    return capped(RUNNING), capped(OVERDUE)


def _and(found: Where, row: str, **parameters: object) -> Where:
    return replace(found, rows=[*found.rows, row], parameters=found.parameters | parameters)


async def stream_refs(
    database: Database, filter: TaskFilter, limit: int
) -> AsyncIterator[Sequence[TaskRef]]:
    """Name every task that matches, newest first, a batch at a time.

    A task that changes meanwhile, in an order by update, moves above what is still to be read and
    is left out: it is no longer what was asked for.
    """
    found = await condition(database, filter)
    stretch = Stretch(found, filter.order, min(limit, _BATCH))
    while limit > 0:
        async with database.snapshot() as statements:
            rows = await stretch.read(
                statements, "t.task_id, t.status, t.last_attempt, t.updated_at"
            )
            more = len(rows) > stretch.limit
            stop = None if more else await stretch.cut_short(statements)
        rows = rows[: stretch.limit]
        if rows:
            yield [ref_from(row[2:]) for row in rows]
        if not more and stop is None:
            return
        limit -= len(rows)
        place = stop or stretch.cursor_at(*rows[-1][:2])
        stretch = replace(stretch, cursor=place, limit=min(limit, _BATCH))
