"""Tasks with their newest attempts, page by page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from asynqhub_tui.backends.folding import ROWS_LOOKED_AT, latest
from asynqhub_tui.backends.sqlite.database import Database
from asynqhub_tui.backends.sqlite.rows import (
    ATTEMPT_COLUMNS,
    TASK_COLUMNS,
    Row,
    attempt_row,
    names,
    task_from,
)
from asynqhub_tui.backends.sqlite.selection import Stretch
from asynqhub_tui.models import Task
from asynqhub_tui.repository import Page

LISTED = TASK_COLUMNS[:-1]
"""What a list reads of a task: all but the payload."""

_NEWEST = f"""
    LEFT JOIN task_attempt a ON a.id IN
        (SELECT n.id FROM task_attempt n WHERE n.task_id = t.task_id
         ORDER BY n.started_at DESC, n.attempt DESC, n.id DESC LIMIT {ROWS_LOOKED_AT})"""
"""The rows of the newest attempts."""


async def read_page(database: Database, stretch: Stretch) -> Page:
    """Read one page, newest first."""
    columns = f"{names(LISTED, 't')}, {names(ATTEMPT_COLUMNS, 'a')}"
    async with database.snapshot() as statements:
        rows, bound = await stretch.read(statements, columns, _NEWEST, then="a.id")
    places = list(dict.fromkeys(row[:2] for row in rows))
    more = len(places) > stretch.limit
    stop = None if more else bound
    places = places[: stretch.limit]
    tasks = _tasks((row[2:] for row in rows), LISTED)[: stretch.limit]
    cursors = [stretch.cursor_at(*place) for place in places]
    begin = cursors[0] if cursors else stretch.cursor
    end = stop or (cursors[-1] if cursors else stretch.cursor)
    if stretch.upwards:
        tasks.reverse()
        begin, end = end, begin
    return Page(
        tasks=tuple(tasks),
        order=stretch.order,
        first=begin,
        last=end,
        more=more or stop is not None,
        searched_to=stop.at if stop is not None else None,
    )


async def read_tasks(
    database: Database, ids: Sequence[str], columns: Sequence[str] = LISTED
) -> list[Task]:
    """Return the tasks with these ids, in their order; an unknown id has none."""
    marks = ", ".join("?" * len(ids))
    rows = await database.fetch(
        f"""SELECT {names(columns, "t")}, {names(ATTEMPT_COLUMNS, "a")} FROM task t {_NEWEST}
        WHERE t.task_id IN ({marks}) ORDER BY t.id, a.id""",
        tuple(ids),
    )
    place = {one: number for number, one in enumerate(ids)}
    return sorted(_tasks(rows, columns), key=lambda task: place[task.task_id])


def _tasks(rows: Iterable[Row], columns: Sequence[str]) -> list[Task]:
    """Make tasks of rows that hold `columns` of a task and then an attempt's, or NULLs.

    The rows of one task stand together, its attempts' in the order in which they were written.
    """
    width = len(columns)
    tasks = []
    for row, joined in groupby(rows, key=lambda row: row[:width]):
        parts = [one[width:] for one in joined]
        attempts = latest(attempt_row(part) for part in parts if part[0] is not None)
        tasks.append(task_from(row, attempts))
    return tasks
