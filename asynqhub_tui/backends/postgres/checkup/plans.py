"""Whether the dashboard's own polls are answered by indexes, as they are meant to be."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from asynqhub_tui.backends.postgres.changes import changes
from asynqhub_tui.backends.postgres.checkup.about import LARGE, POSTGRES
from asynqhub_tui.backends.postgres.checkup.explaining import (
    ExplainingDatabase,
    WouldReadTable,
)
from asynqhub_tui.backends.postgres.checkup.tables import Facts, facts
from asynqhub_tui.backends.postgres.counting import status_counts
from asynqhub_tui.backends.postgres.listing import Listing
from asynqhub_tui.backends.postgres.statistics import Statistics
from asynqhub_tui.checkup import Finding
from asynqhub_tui.models import FAIL, Window
from asynqhub_tui.repository import POLL_CAP, HubError, Order, TaskFilter

_PAGE_ROWS = 50
_NEWEST = "SELECT t.task_id FROM task AS t ORDER BY t.id DESC LIMIT 50"


async def plans(database: ExplainingDatabase) -> Sequence[Finding]:
    """Ask once what the dashboard asks again and again; what would read a large table is not run.

    Every statement is planned with the values that it has, and then run, to get at the values of
    the next one: it costs what one poll of each screen costs.
    """
    tables = {one.table: one for one in await facts(database)}
    # Pages as the catalog has them may be of before the table grew, and of before it shrank.
    large = [one for one in tables.values() if max(one.pages, one.counted_pages) > LARGE]
    if not large:
        return [POSTGRES.ok("plans", "The tables are too small for a plan to be dear.")]
    database.spared = frozenset(one.table for one in large)
    database.cost = 0.0
    found = []
    read: dict[str, list[str]] = {}
    try:
        for what, ask in _POLLS:
            try:
                await ask(database)
            except WouldReadTable as error:
                for name in error.tables:
                    read.setdefault(name, []).append(what)
            except HubError as error:
                found.append(POSTGRES.unchecked("plans", f"The plan of {what}", error))
    finally:
        database.spared = frozenset()
    found = [*(_finding(tables[name], polls) for name, polls in read.items()), *found]
    return found or [
        POSTGRES.ok(
            "plans",
            "No poll reads a large table from end to end.",
            f"The dearest plan of a statement costs {database.cost:,.0f} in the planner's units.",
        )
    ]


def _finding(table: Facts, polls: Sequence[str]) -> Finding:
    return POSTGRES.warning(
        "plans",
        f"Polls would read the whole table {table.table}, {table.pages:,} pages each time.",
        f"Namely: {', '.join(polls)}. An index of the hub is missing, or the planner knows too"
        " little of the table: mend what else is said of these; if nothing is, analyse it.",
        f"ANALYZE {table.name};",
    )


async def _list(database: ExplainingDatabase) -> None:
    await _page(database, TaskFilter(), Order.CREATED)


async def _failed(database: ExplainingDatabase) -> None:
    await _page(database, TaskFilter(statuses=(FAIL,)), Order.UPDATED)


async def _page(database: ExplainingDatabase, filter: TaskFilter, order: Order) -> None:
    listing = await Listing.of(database, filter, order)
    await listing.page(_PAGE_ROWS, after=None, before=None, offset=0, from_end=False)


async def _changes(database: ExplainingDatabase) -> None:
    shown = [task_id for (task_id,) in await database.fetch(_NEWEST)]
    first = await changes(database, shown, None)
    await changes(database, shown, first.mark)


async def _counts(database: ExplainingDatabase) -> None:
    await status_counts(database, None, POLL_CAP)


async def _figures(database: ExplainingDatabase) -> None:
    statistics = Statistics(database)
    for _ in ("the first answer", "one that is kept up to date"):
        await statistics.of_workers(Window.HOUR)


_POLLS: tuple[tuple[str, Callable[[ExplainingDatabase], Awaitable[None]]], ...] = (
    ("a poll of the task list", _changes),
    ("the first page of the task list", _list),
    ("the first page of failed tasks", _failed),
    ("the counts by status", _counts),
    ("the workers' figures of an hour", _figures),
)
"""What is asked every few seconds, and what asks it."""
