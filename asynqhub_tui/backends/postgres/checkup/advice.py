"""Indexes that the hub's migrations do not make and that would be worth their room.

Three more were measured and are not recommended: `task (status, created_at, id)`, as a list of
failed tasks is read in order of update for no more; BRIN indexes on times, and covering ones on
attempts, which save little. A table of figures by the hour would need somebody who fills it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from asynqhub_tui import figures
from asynqhub_tui.backends.postgres.checkup.about import LARGE, POSTGRES
from asynqhub_tui.backends.postgres.checkup.catalog import Index, Wanted, indexes, served
from asynqhub_tui.backends.postgres.checkup.explaining import (
    ExplainingDatabase,
    is_whole,
    nodes,
)
from asynqhub_tui.backends.postgres.checkup.tables import Facts, facts
from asynqhub_tui.backends.postgres.statistics import ALL_TASKS
from asynqhub_tui.checkup import Finding

_PAGE = 8192

_FILLED = 0.9
"""The share of a page of an index that is filled when it is built."""

_IN_A_LIST = 440
"""Rows that share one copy of their key at most (deduplication of a btree, since PostgreSQL 13)."""

_WORTH = 4
"""How many times fewer pages an index has to read to be recommended."""

_HUB_LIST = "SELECT * FROM task ORDER BY created_at DESC LIMIT 50"
"""The first page of the hub's own web UI."""

FIGURES = Wanted("task", ("worker_name", "status", "queue"), "")
HUB_PAGE = Wanted("task", ("created_at DESC", "id DESC"), "")


@dataclass(frozen=True, slots=True)
class Keys:
    """What an index would hold: how many rows, with how many different keys of how many bytes."""

    rows: float
    distinct: float
    width: int

    @property
    def size(self) -> float:
        """Return about how many bytes the index takes.

        A key stands once for the rows that share it, up to _IN_A_LIST, with 6 bytes for each of
        them. Of 2,000,000 tasks, indexes that took 14, 60 and 77 MB come out as 14, 62 and 80.
        """
        width = -(-self.width // 8) * 8
        if self.distinct > self.rows / 2:
            return self.rows * (8 + 4 + width) / _FILLED
        sharing = min(self.rows / max(self.distinct, 1), _IN_A_LIST)
        return self.rows * (6 + (8 + 4 + width) / sharing) / _FILLED


async def advice(database: ExplainingDatabase) -> Sequence[Finding]:
    """Recommend what would save much, with estimates of gain and size."""
    task = next((one for one in await facts(database) if one.table == "task"), None)
    if task is None:
        return []
    if task.pages <= LARGE or task.rows <= 0 or not task.readable:
        return [POSTGRES.ok("advice", "No further index would save anything worth its upkeep.")]
    there = await indexes(database)
    advised = [await advise(database, task, there) for advise in (_figures, _hub_page)]
    found = [finding for finding in advised if finding is not None]
    return found or [POSTGRES.ok("advice", "No further index is worth its upkeep.")]


async def _figures(
    database: ExplainingDatabase, task: Facts, there: Sequence[Index]
) -> Finding | None:
    if any(_covers_figures(index) for index in there):
        return None
    plan = await database.explain(ALL_TASKS, {"worker": None})
    if not any(is_whole(node) for node in nodes(plan)):
        return None
    keys = await _keys(database, task, FIGURES)
    pages = keys.size / _PAGE
    # What is not all-visible is looked up in the table itself.
    hidden = max(task.counted_pages - task.visible_pages, 0)
    if task.pages < _WORTH * pages:
        return None
    unclean = f" and, until it is vacuumed, up to {hidden:,} of the table" if hidden else ""
    return POSTGRES.note(
        "advice",
        f"Figures of all time read the whole table; an index {FIGURES.words} would do.",
        f"Estimates: {task.pages:,} pages now, with it about {round(pages):,}{unclean}:"
        f" {_times(task.pages, pages)} fewer. It takes about {figures.size(round(keys.size))},"
        " and one more index entry for each report of an attempt. Shorter windows do not"
        " need it; the hub's own statistics of a worker gain as well.",
        FIGURES.create(task.name),
    )


async def _hub_page(
    database: ExplainingDatabase, task: Facts, there: Sequence[Index]
) -> Finding | None:
    if served(HUB_PAGE, there) or served(Wanted("task", ("created_at",), ""), there):
        return None
    plan = await database.explain(_HUB_LIST)
    if not any(is_whole(node) for node in nodes(plan)):
        return None
    keys = await _keys(database, task, HUB_PAGE)
    return POSTGRES.note(
        "advice-hub",
        "The first page of the hub's own web UI sorts the whole table of tasks.",
        f"Estimates: it reads {task.pages:,} pages now, and with an index {HUB_PAGE.words} about"
        f" 12. That takes about {figures.size(round(keys.size))}. It helps the hub alone: this"
        " dashboard does not need it.",
        HUB_PAGE.create(task.name),
    )


def _covers_figures(index: Index) -> bool:
    """Whether figures of a worker can be counted in an index alone."""
    return (
        index.table == FIGURES.table
        and index.valid
        and index.plain
        and index.keys[:1] == [FIGURES.keys[0]]
        and set(FIGURES.keys) <= {*index.keys, *index.others}
    )


async def _keys(database: ExplainingDatabase, task: Facts, wanted: Wanted) -> Keys:
    rows = await database.fetch(_WIDTHS, {"table": task.table, "columns": list(wanted.keys)})
    known = {name: (width, distinct) for name, width, distinct in rows}
    different, width = 1.0, 0
    for column in wanted.keys:
        # Without statistics: a time or a number, each different.
        column_width, distinct = known.get(column, (8, -1.0))
        # A negative number is a share of the rows.
        different *= distinct if distinct >= 0 else max(-distinct * task.rows, 1)
        width += column_width
    return Keys(task.rows, min(different, task.rows), width)


def _times(before: float, after: float) -> str:
    return f"about {max(round(before / max(after, 1)), 1):,} times"


_WIDTHS = """
SELECT p.attname::text, p.avg_width, p.n_distinct::float8
FROM pg_stats AS p
JOIN pg_class AS c ON c.oid = to_regclass(%(table)s)
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE p.schemaname = n.nspname AND p.tablename = c.relname
  AND p.attname = ANY(%(columns)s::text[])
"""
