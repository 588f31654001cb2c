"""A sweep: finding what the source no longer has, and what the copy lacks.

Both count their rows by stretches of ids and add up the ids; only stretches that differ are looked
at row by row.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from asynqhub_tui.replication import Copy, Row, Source, Table, Tally
from asynqhub_tui.sync.pace import Pace
from asynqhub_tui.sync.watching import Watcher

WIDTH = 50_000
"""Ids in a stretch."""

SLICE = 2_000
"""Rows that are read or deleted at a time."""

ALL = 2**62
"""Above every id."""

Span = tuple[int, int]
"""Ids above the first, up to the second."""

_NONE = Tally(0, 0)


async def sweep(
    source: Source,
    copy: Copy,
    pace: Pace,
    watcher: Watcher,
    table: Table,
    to: int,
    write: Callable[[Table, Sequence[Row]], Awaitable[None]],
) -> None:
    """Make the copy hold the rows of the source with an id up to `to`, and no others above either.

    `write` takes what was missing.
    """
    ours = await copy.tallies(table, WIDTH, ALL)
    spans = await spans_of(source, copy, pace, table, to, ours, WIDTH)
    watcher.stage(f"looking through {table}", *extent(spans))
    for span in spans:
        theirs = await pace.read(source.tally, table, *span)
        changed = 0
        if theirs != ours.get(span[0] // WIDTH, _NONE):
            changed = await _mend(source, copy, pace, table, span, write)
        watcher.advanced(span[1], changed)


async def spans_of(
    source: Source,
    copy: Copy,
    pace: Pace,
    table: Table,
    to: int,
    ours: Mapping[int, Tally],
    width: int,
) -> list[Span]:
    """Return the stretches in which either has rows, up to the id `to` or the copy's highest.

    The copy may have higher ones than the source, which has them no longer. `ours` are its tallies.
    """
    if ours:
        last = max(ours)
        to = max(to, *await copy.ids(table, last * width, (last + 1) * width))
    theirs = await pace.read(source.stretches, table, width, to)
    return [(n * width, min((n + 1) * width, to)) for n in sorted({*ours, *theirs})]


def extent(spans: Sequence[Span]) -> tuple[int, int]:
    """Return where spans end and where they begin, as a watcher is told."""
    return (spans[-1][1], spans[0][0]) if spans else (0, 0)


async def _mend(
    source: Source,
    copy: Copy,
    pace: Pace,
    table: Table,
    span: Span,
    write: Callable[[Table, Sequence[Row]], Awaitable[None]],
) -> int:
    theirs = set(await pace.read(source.ids, table, *span))
    ours = set(await copy.ids(table, *span))
    for some in _slices(sorted(ours - theirs)):
        await copy.remove(table, some)
    missing = 0
    for some in _slices(sorted(theirs - ours)):
        left: Sequence[int] = some
        while left and (rows := await pace.read(source.rows_of, table, left)):
            await write(table, rows)
            missing += len(rows)
            left = [id for id in left if id > rows[-1][0]]
    return missing


def _slices(ids: Sequence[int]) -> list[Sequence[int]]:
    return [ids[start : start + SLICE] for start in range(0, len(ids), SLICE)]
