"""Tasks with their newest attempts, page by page.

A page is found by its keys, of all rows that are looked at; then its rows, and their attempts, are
read where they lie.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asynqhub_tui.backends.clickhouse.database import Database
from asynqhub_tui.backends.clickhouse.filters import TIME, Where, where
from asynqhub_tui.backends.clickhouse.places import Places
from asynqhub_tui.backends.clickhouse.rows import (
    ATTEMPT_COLUMNS,
    LISTED,
    Row,
    attempt_row,
    names,
    task_from,
)
from asynqhub_tui.backends.clickhouse.states import Now, read_now, state_parameters, with_states
from asynqhub_tui.backends.clickhouse.stretches import stretches
from asynqhub_tui.backends.clickhouse.workers import read_workers
from asynqhub_tui.backends.folding import ROWS_LOOKED_AT, AttemptRow, fold, latest
from asynqhub_tui.models import OVERDUE, RUNNING, Attempt, Task
from asynqhub_tui.repository import Cursor, Order, Page, TaskFilter


@dataclass(frozen=True, slots=True)
class Asked:
    """What a filter stands for; `now` is set where it asks what tasks do."""

    found: Where
    now: Now | None = None

    def select(self, columns: Sequence[str], found: Where) -> tuple[str, dict[str, Any]]:
        """Write a SELECT of columns of the tasks that pass `found`, and what it binds."""
        if self.now is not None:
            return with_states(names(columns), found), state_parameters(found, self.now)
        written = f"SELECT {names(columns, 't')} FROM task AS t FINAL WHERE {found.sql()}"
        return written, found.parameters


async def asked(database: Database, filter: TaskFilter) -> Asked:
    """Return what `filter` stands for."""
    group = bool(filter.queue) and ":" not in (filter.queue or "")
    by_state = bool({RUNNING, OVERDUE} & set(filter.statuses))
    workers = await read_workers(database) if group or by_state else []
    now = await read_now(database, workers) if by_state else None
    return Asked(where(filter, workers), now)


@dataclass(frozen=True, slots=True)
class Keys:
    """A part of a list: rows of the columns that were asked for, in the list's order.

    `end` is where the search stopped for its cost, None where it did not.
    """

    rows: Sequence[Row]
    end: datetime | None


async def read_keys(
    database: Database,
    asked: Asked,
    columns: Sequence[str],
    order: Order,
    limit: int,
    cursor: Cursor | None = None,
    *,
    upwards: bool = False,
    offset: int = 0,
) -> Keys:
    """Read columns of up to `limit` tasks; the first two must be the order's time and the id."""
    way = "ASC" if upwards else "DESC"
    rows: list[Row] = []
    end = None
    async for stretch in stretches(database, asked.found, order, cursor, upwards=upwards):
        written, parameters = asked.select(columns, stretch.found)
        rows += await database.fetch(
            f"""{written} ORDER BY {columns[0]} {way}, {columns[1]} {way}
            LIMIT {{limit:UInt64}}""",
            parameters | {"limit": limit + offset - len(rows)},
        )
        end = stretch.end
        if len(rows) >= limit + offset or end is None:
            break
    return Keys(rows[offset:], end if len(rows) < limit + offset else None)


async def read_page(
    database: Database,
    places: Places,
    filter: TaskFilter,
    order: Order,
    limit: int,
    cursor: Cursor | None = None,
    *,
    upwards: bool = False,
    offset: int = 0,
) -> Page:
    """Read one page, newest first."""
    columns = tuple(dict.fromkeys((f"{order}_at", "task_id", "created_at")))
    keys = await read_keys(
        database,
        await asked(database, filter),
        columns,
        order,
        limit + 1,
        cursor,
        upwards=upwards,
        offset=offset,
    )
    more = len(keys.rows) > limit
    rows = [dict(zip(columns, row, strict=True)) for row in keys.rows[:limit]]
    places.remember((row["task_id"], row["created_at"]) for row in rows)
    tasks = await read_tasks(database, places, [row["task_id"] for row in rows])
    cursors = [Cursor(order, row[f"{order}_at"], row["task_id"]) for row in rows]
    begin = cursors[0] if cursors else cursor
    end = cursors[-1] if cursors else cursor
    if keys.end is not None:
        # Behind the stretch that was searched to its border, whatever its rows' ids.
        end = Cursor(order, keys.end, "" if not upwards else "\U0010ffff")
    if upwards:
        tasks.reverse()
        begin, end = end, begin
    return Page(
        tasks=tuple(tasks),
        order=order,
        first=begin,
        last=end,
        more=more or keys.end is not None,
        searched_to=keys.end,
    )


async def read_tasks(
    database: Database, places: Places, ids: Sequence[str], columns: Sequence[str] = LISTED
) -> list[Task]:
    """Return the tasks with these ids, in their order; an unknown id has none."""
    known = places.known(ids)
    rows = await read_rows(database, known, columns)
    missing = [one for one in dict.fromkeys(ids) if one not in rows]
    # One that was remembered may have been deleted, and made anew since.
    rows |= await read_rows(database, await places.look_up(missing), columns)
    attempts = await _newest_attempts(database, places.known(rows))
    return [
        task_from(rows[one], latest(attempts.get(one, ())))
        for one in dict.fromkeys(ids)
        if one in rows
    ]


async def read_rows(
    database: Database, places: Mapping[str, datetime], columns: Sequence[str]
) -> dict[str, Row]:
    """Return rows of columns of tasks that lie at `places`, by their id, the first column."""
    if not places:
        return {}
    rows = await database.fetch(
        f"""SELECT {names(columns)} FROM task FINAL
        WHERE created_at IN {{at:Array({TIME})}} AND task_id IN {{ids:Array(String)}}""",
        at(places),
    )
    return {row[0]: row for row in rows}


def at(places: Mapping[str, datetime]) -> dict[str, Any]:
    """Return the parameters `at` and `ids` of a condition on tasks that lie at `places`."""
    return {"at": list(dict.fromkeys(places.values())), "ids": list(places)}


async def _newest_attempts(
    database: Database, places: Mapping[str, datetime]
) -> Mapping[str, Sequence[AttemptRow]]:
    """Return the newest rows of each task's attempts, in the order in which they were written."""
    if not places:
        return {}
    rows = await database.fetch(
        f"""SELECT {names(ATTEMPT_COLUMNS)}, version FROM task_attempt FINAL
        WHERE task_created_at IN {{at:Array({TIME})}} AND task_id IN {{ids:Array(String)}}
        ORDER BY started_at DESC, attempt DESC, version DESC LIMIT {ROWS_LOOKED_AT} BY task_id""",
        at(places),
    )
    found: defaultdict[str, list[AttemptRow]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: int(row[-1])):
        found[row[0]].append(attempt_row(row[:-1]))
    return found


async def read_attempts(
    database: Database, places: Places, task_id: str, limit: int
) -> Sequence[Attempt]:
    """Return up to `limit` folded attempts of a task, newest start first."""
    found = await places.find([task_id])
    if not found:
        return []
    # Cut by the number of attempts, not of rows, and only then folded.
    rows = await database.fetch(
        f"""SELECT {names(ATTEMPT_COLUMNS)} FROM task_attempt FINAL
        WHERE task_created_at IN {{at:Array({TIME})}} AND task_id IN {{ids:Array(String)}}
        AND (started_at, attempt) IN (
            SELECT DISTINCT started_at, attempt FROM task_attempt FINAL
            WHERE task_created_at IN {{at:Array({TIME})}} AND task_id IN {{ids:Array(String)}}
            ORDER BY started_at DESC, attempt DESC LIMIT {{limit:UInt64}})
        ORDER BY version""",
        at(found) | {"limit": limit},
    )
    return fold(attempt_row(row) for row in rows)
