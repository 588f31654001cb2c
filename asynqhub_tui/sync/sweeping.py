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
    to = max(to, await highest(copy, table, ours, WIDTH))
    first = await pace.read(source.first_id, table)
    lowest = min([(first - 1) // WIDTH] if first is not None else [], default=to // WIDTH + 1)
    watcher.stage(f"looking through {table}", to, min([lowest, *ours]) * WIDTH)
    stretches = sorted({*ours, *range(lowest, -(-to // WIDTH))})
    for stretch in stretches:
        after, end = stretch * WIDTH, min((stretch + 1) * WIDTH, to)
        theirs = await pace.read(source.tally, table, after, end) if stretch >= lowest else _NONE
        changed = 0
        if theirs != ours.get(stretch, _NONE):
            changed = await _mend(source, copy, pace, table, (after, end), write)
        watcher.advanced(end, changed)


async def highest(copy: Copy, table: Table, tallies: Mapping[int, Tally], width: int) -> int:
    """Return the highest id of a copy, 0 of an empty one; the source may have it no longer."""
    if not tallies:
        return 0
    last = max(tallies)
    return max(await copy.ids(table, last * width, (last + 1) * width), default=0)


async def _mend(
    source: Source,
    copy: Copy,
    pace: Pace,
    table: Table,
    stretch: tuple[int, int],
    write: Callable[[Table, Sequence[Row]], Awaitable[None]],
) -> int:
    theirs = set(await pace.read(source.ids, table, *stretch))
    ours = set(await copy.ids(table, *stretch))
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
