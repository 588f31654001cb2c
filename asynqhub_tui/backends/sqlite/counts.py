"""Counting tasks, never further than asked, and naming them for a bulk action."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from asynqhub_tui.backends.sqlite.connection import Statements
from asynqhub_tui.backends.sqlite.database import Database
from asynqhub_tui.backends.sqlite.filters import STATE, UNFINISHED, Where, clock
from asynqhub_tui.backends.sqlite.rows import REF_COLUMNS, names, ref_from
from asynqhub_tui.backends.sqlite.selection import Stretch, condition, search
from asynqhub_tui.models import OVERDUE, RUNNING, Count, StatusCounts, TaskRef
from asynqhub_tui.repository import Cursor, Order, TaskFilter

_BATCH = 1_000
"""How many tasks `stream_refs` names at a time."""

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
    within, bound = await search(statements, found, Order.UPDATED)
    rows = await statements.fetch(
        f"SELECT count(*) FROM (SELECT 1 FROM task t WHERE {within.sql()} LIMIT :limit)",
        within.parameters | {"limit": cap + 1},
    )
    return _count(rows[0][0], cap, bound)


def _count(number: int, cap: int, bound: Cursor | None) -> Count:
    if bound is not None and number <= cap:
        return Count(value=number, kind="at_least")
    return Count.capped(number, cap)


async def count_by_status(database: Database, filter: TaskFilter, cap: int) -> StatusCounts:
    """Count the tasks that `filter` finds by status, and those that run or are overdue."""
    found = await condition(database, filter)
    async with database.snapshot() as statements:
        by_status = {}
        for (status,) in await statements.fetch(_STATUSES):
            number = await count(statements, found.narrowed("t.status = :one", one=status), cap)
            if number.value:
                by_status[str(status)] = number
        running, overdue = await count_states(statements, found, cap)
    return StatusCounts(by_status=by_status, running=running, overdue=overdue)


async def count_states(statements: Statements, found: Where, cap: int) -> tuple[Count, Count]:
    """Count the tasks that run and those that are overdue, among the rows that match."""
    looked_at = replace(
        found.narrowed(UNFINISHED, **clock(datetime.now(UTC))), state=found.state or "1"
    )
    within, bound = await search(statements, looked_at, Order.UPDATED)
    # The limit, which is none, keeps SQLite from looking up each state twice.
    rows = await statements.fetch(
        f"""SELECT state, count(*)
        FROM (SELECT {STATE} AS state FROM task t WHERE {within.sql()} LIMIT -1)
        GROUP BY state""",
        within.parameters,
    )
    numbers: dict[str, int] = dict(rows)
    return (
        _count(numbers.get(RUNNING, 0), cap, bound),
        _count(numbers.get(OVERDUE, 0), cap, bound),
    )


async def stream_refs(
    database: Database, filter: TaskFilter, limit: int
) -> AsyncGenerator[Sequence[TaskRef], None]:
    """Name every task that matches, newest first, a batch at a time.

    A task that changes meanwhile, in an order by update, moves above what is still to be read and
    is left out: it is no longer what was asked for.
    """
    found = await condition(database, filter)
    stretch = Stretch(found, filter.order, min(limit, _BATCH))
    while limit > 0:
        async with database.snapshot() as statements:
            rows, bound = await stretch.read(statements, names(REF_COLUMNS, "t"))
        stop = bound if len(rows) <= stretch.limit else stretch.cursor_at(*rows[-2][:2])
        rows = rows[: stretch.limit]
        if rows:
            yield [ref_from(row[2:]) for row in rows]
        if stop is None:
            return
        limit -= len(rows)
        stretch = replace(stretch, cursor=stop, limit=min(limit, _BATCH))
