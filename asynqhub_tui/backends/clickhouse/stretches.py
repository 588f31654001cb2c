"""How far a search reads: a list is looked through stretch by stretch, until it costs too much.

ClickHouse reads no further than a LIMIT needs only where rows come in the order of the key. A list
by update, and a filter that few rows pass, would read the whole table. So they are read in
stretches of time that get longer, from the newest on, and each is estimated by the server before
it is read, which costs it a look at its indexes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from asynqhub_tui.backends.clickhouse.database import SMALL, Database
from asynqhub_tui.backends.clickhouse.filters import TIME, Where
from asynqhub_tui.backends.clickhouse.states import WAITING
from asynqhub_tui.repository import Cursor, Order

BUDGET = 2_000_000
"""Rows that one search may read; the first stretch is read in any case."""

_SPANS = (
    timedelta(hours=1),
    timedelta(hours=6),
    timedelta(days=1),
    timedelta(days=7),
    timedelta(days=30),
    timedelta(days=180),
)
"""How far each stretch reaches from where the search began; the last one reaches to the end."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a list, as a condition, and where it ends: None at the list's own end."""

    found: Where
    end: datetime | None


async def stretches(
    database: Database,
    found: Where,
    order: Order,
    cursor: Cursor | None = None,
    *,
    upwards: bool = False,
) -> AsyncIterator[Stretch]:
    """Yield the parts of a list beyond `cursor`, or of all of it, that may be read.

    They follow each other without a gap. Where the last one has an `end`, the search stops there
    for its cost.
    """
    beyond = _beyond(found, order, cursor, upwards=upwards)
    in_order = order is Order.CREATED and not (found.rows or found.states)
    if in_order or await _estimate(database, beyond) <= SMALL:
        yield Stretch(beyond, None)
        return
    start = cursor.at if cursor is not None else await _edge(database, upwards=upwards)
    spent = 0
    edge: datetime | None = None
    for span in (*_SPANS, None):
        end = None if span is None else _moved(start, span, upwards=upwards)
        stretch = _between(beyond, order, edge, end, upwards=upwards)
        cost = await _estimate(database, stretch)
        if edge is not None and spent + cost > BUDGET:
            return
        spent += cost
        yield Stretch(stretch, end)
        edge = end


def _beyond(found: Where, order: Order, cursor: Cursor | None, *, upwards: bool) -> Where:
    if cursor is None:
        return found
    sign = ">" if upwards else "<"
    column = f"t.{order}_at"
    return found.narrowed(
        # Said twice: the first is what the indexes of a column understand.
        f"{column} {sign}= {{at:{TIME}}}",
        f"({column}, t.task_id) {sign} ({{at:{TIME}}}, {{tie:String}})",
        at=cursor.at,
        tie=str(cursor.tie),
    )


def _between(
    found: Where, order: Order, edge: datetime | None, end: datetime | None, *, upwards: bool
) -> Where:
    """Narrow a condition to what lies behind `edge`, up to and with `end`."""
    column = f"t.{order}_at"
    if edge is not None:
        sign = ">" if upwards else "<"
        found = found.narrowed(f"{column} {sign} {{edge:{TIME}}}", edge=edge)
    if end is not None:
        sign = "<=" if upwards else ">="
        found = found.narrowed(f"{column} {sign} {{end:{TIME}}}", end=end)
    return found


async def _estimate(database: Database, found: Where) -> int:
    if found.states and not found.beside:
        found = found.narrowed(WAITING)
    return await database.estimate("task", found.sql(), found.parameters)


async def _edge(database: Database, *, upwards: bool) -> datetime:
    """Return the creation of the newest or the oldest task, which the table's parts know.

    By update the list may go on beyond it; the first stretch has no border there.
    """
    which = "min" if upwards else "max"
    [(edge,)] = await database.fetch(f"SELECT {which}(created_at) FROM task")
    found: datetime = edge
    return found


def _moved(start: datetime, span: timedelta, *, upwards: bool) -> datetime:
    try:
        return start + span if upwards else start - span
    except OverflowError:
        return start
