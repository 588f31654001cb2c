"""Comparing a copy with its source: counts and checksums by day and status."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from asynqhub_tui.replication import (
    ATTEMPT_FIELDS,
    Copy,
    Fingerprint,
    Group,
    Moment,
    Source,
    Table,
)
from asynqhub_tui.sync.pace import Pace
from asynqhub_tui.sync.sweeping import ALL, Span, extent, spans_of
from asynqhub_tui.sync.watching import Watcher

LOOKS = 3
"""How often a row that differs is looked at: the source goes on changing meanwhile."""

WIDTH = 5_000
"""Ids in a stretch: all payloads of it are read by each of the two."""

_KEY = [ATTEMPT_FIELDS.index(name) for name in ("task_id", "started_at", "attempt", "status")]


@dataclass(slots=True)
class Comparison:
    """How many rows of each group there are, at the source and in the copy, and which differ.

    `differing` holds, by group, the ids of rows that are not the same in both, or in one of them
    only. Rows that a source repeats, the same attempt with the same status, count once.
    """

    source: Counter[Group] = field(default_factory=Counter)
    copy: Counter[Group] = field(default_factory=Counter)
    differing: dict[Group, list[int]] = field(default_factory=dict)


async def compare(
    source: Source,
    copy: Copy,
    pace: Pace,
    watcher: Watcher,
    catch_up: Callable[[], Awaitable[Moment]],
) -> dict[Table, Comparison]:
    """Compare all rows that the copy should have.

    `catch_up` brings the copy up to date and returns the moment of it. It is called once to begin
    with, and again where rows differ: those that have changed meanwhile do not count.
    """
    moment = await catch_up()
    found = {}
    for table in Table:
        to = moment.task if table is Table.TASK else moment.attempt
        ours = await copy.tallies(table, WIDTH, ALL)
        spans = await spans_of(source, copy, pace, table, to, ours, WIDTH)
        watcher.stage(f"comparing {table}", *extent(spans))
        found[table] = comparison = Comparison()
        for span in spans:
            looking = _Stretch(source, copy, pace, table, span)
            await looking.add_to(comparison, catch_up)
            watcher.advanced(span[1], 0)
    return found


class _Stretch:
    """A stretch of ids of one table."""

    def __init__(self, source: Source, copy: Copy, pace: Pace, table: Table, span: Span) -> None:
        self._source = source
        self._copy = copy
        self._pace = pace
        self._table = table
        self._span = span

    async def add_to(
        self, comparison: Comparison, catch_up: Callable[[], Awaitable[Moment]]
    ) -> None:
        """Count its rows, and look closer where the checksums differ."""
        theirs = await self._pace.read(self._source.groups, self._table, *self._span)
        ours = await self._copy.groups(self._table, *self._span)
        if theirs == ours:
            comparison.source.update({group: tally.rows for group, tally in theirs.items()})
            comparison.copy.update({group: tally.rows for group, tally in ours.items()})
            return
        there: dict[int, Fingerprint] = {}
        for look in range(LOOKS):
            before = there
            if look:
                await catch_up()
            there = dict(await self._pace.read(self._fingerprints_of, self._source))
            here = await self._fingerprints_of(self._copy)
            differing = {id for id in there.keys() | here.keys() if there.get(id) != here.get(id)}
            if look:  # what has changed since could not be in the copy yet
                differing = {id for id in differing if there.get(id) == before.get(id)}
            for id in await self._repeated(differing & (there.keys() - here.keys())):
                differing.discard(id)
                del there[id]
            if not differing:
                break
        comparison.source.update(one.group for one in there.values())
        comparison.copy.update(one.group for one in here.values())
        for id in sorted(differing):
            group = (there.get(id) or here[id]).group
            comparison.differing.setdefault(group, []).append(id)

    async def _fingerprints_of(self, store: Source | Copy) -> dict[int, Fingerprint]:
        return dict(await store.fingerprints(self._table, *self._span))

    async def _repeated(self, missing: set[int]) -> Sequence[int]:
        """Tell which rows the source has again with a higher id."""
        if self._table is not Table.ATTEMPT or not missing:
            return ()
        last: dict[tuple[object, ...], int] = {}
        keys: dict[int, tuple[object, ...]] = {}
        after, to = self._span
        while rows := await self._pace.read(self._source.rows_by_id, self._table, after, to, WIDTH):
            for row in rows:
                key = tuple(row[at] for at in _KEY)
                last[key] = row[0]
                if row[0] in missing:
                    keys[row[0]] = key
            after = rows[-1][0]
        return [id for id, key in keys.items() if last[key] != id]
