"""The figures of the last hours, read once and kept up to date.

What is kept are buckets of time that have ended. Before each answer those are dropped in which
something has changed since the last one, and read again with the two that an answer cuts through:
its oldest and the present one. So every number is one that was read, never one that was guessed
from what came in between. How a change is found, and what is found only a quarter of an hour later,
when everything is read again, tells `News`.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise

from asynqhub_tui.backends.postgres.buckets import Buckets
from asynqhub_tui.backends.postgres.connection import LONG_TIMEOUT, READ_TIMEOUT, Database
from asynqhub_tui.backends.postgres.news import News
from asynqhub_tui.backends.postgres.statuses import attempt_statuses
from asynqhub_tui.backends.postgres.tallies import (
    EPOCH,
    MOST_BUCKETS,
    Name,
    Reader,
    Scale,
    Span,
    Tally,
)

HOUR = timedelta(hours=1)

_NARROWER = 10
"""How many times narrower the buckets at the ends are."""

_MOST_SPANS = 24
"""Into how many parts the buckets that are missing are parted, where they lie apart."""

_AHEAD = timedelta(hours=1)
"""How far a worker's clock may be ahead of the server's."""


class _Kept:
    """The buckets of one width, of tasks and of attempts, and what reads them."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.scale = reader.scale
        self.tasks = Buckets()
        self.attempts = Buckets()

    def keep(self, *spans: Span) -> None:
        """Forget what does not begin in one of these."""
        for buckets in (self.tasks, self.attempts):
            buckets.keep(lambda bucket: any(self.scale.start(bucket) in span for span in spans))

    def clear(self) -> None:
        """Forget all."""
        self.tasks.clear()
        self.attempts.clear()


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of an answer: the buckets in `whole` are kept, the others were read for it."""

    buckets: Buckets
    scale: Scale
    whole: range
    others: Sequence[tuple[int, Tally]]

    async def total(self, within: Span | None = None) -> Tally:
        """Add up what it holds, or those of its buckets that lie in a span."""

        def lies(bucket: int) -> bool:
            return within is None or self.scale.start(bucket) in within

        kept = await self.buckets.total(filter(lies, self.whole))
        return added([kept, *(tally for bucket, tally in self.others if lies(bucket))])


class Recent:
    """Tasks and attempts of the time back to `reach`, of all workers; or once, of one.

    Most of it is kept in buckets of a `width` of which an hour has a whole number, and `reach` two
    at least. Its ends, which change with every answer, are made of ones that are a tenth as long.
    """

    def __init__(
        self, database: Database, width: timedelta, reach: timedelta, *, worker: str | None = None
    ) -> None:
        self._database = database
        self._reach = reach
        self._wide = _Kept(Reader(database, Scale(width), worker, seconds=LONG_TIMEOUT))
        narrow = Scale(width / _NARROWER)
        self._narrow = _Kept(Reader(database, narrow, worker, seconds=READ_TIMEOUT))
        self._news = News(database, narrow, reach) if worker is None else None
        self._oldest = Span(EPOCH, EPOCH)
        """The old end of the figures that were last asked for."""
        self._turn = asyncio.Lock()

    async def figures(self, length: timedelta) -> tuple[Tally, Tally]:
        """Count the tasks that were created, and the attempts that began, since `length` ago."""
        async with self._turn:
            now = await self._catch_up()
            low = now - length
            self._oldest = Span(low, self._middle(low, now)[0])
            tasks = [await part.total() for part in await self._tasks_since(low, now)]
            attempts = [await part.total() for part in await self._attempts_since(low, now)]
        return added(tasks), added(attempts)

    async def hours(self, hours: int) -> Mapping[datetime, Tally]:
        """Count the attempts that began in each of the last hours, the present one the last."""
        async with self._turn:
            now = await self._catch_up()
            last = now.replace(minute=0, second=0, microsecond=0)
            begins = [last - back * HOUR for back in range(hours - 1, -1, -1)]
            parts = await self._attempts_since(begins[0], now)
            return {
                begin: added([await part.total(Span(begin, begin + HOUR)) for part in parts])
                for begin in begins
            }

    async def _catch_up(self) -> datetime:
        """Drop what has changed since the last answer, and return the server's time."""
        wide, narrow = self._wide, self._narrow
        if self._news is None:
            [(now,)] = await self._database.fetch("SELECT clock_timestamp()")
            found: datetime = now
            return found
        news = await self._news.ask()
        if news.created is None or news.began is None:
            wide.clear()
            narrow.clear()
        else:
            narrow.tasks.drop(news.created)
            narrow.attempts.drop(news.began)
            wide.tasks.drop({bucket // _NARROWER for bucket in news.created})
            wide.attempts.drop({bucket // _NARROWER for bucket in news.began})
        begin = news.now - self._reach
        wide.keep(Span(begin))
        narrow.keep(Span(self._middle(begin, news.now)[1]), self._oldest)
        return news.now

    async def _tasks_since(self, low: datetime, now: datetime) -> list[_Part]:
        """Read what is not kept of the time from `low` on, and keep what of it has ended."""
        wide, narrow = self._wide, self._narrow
        first, last = self._middle(low, now)
        ends = partial(_read, narrow.tasks, narrow.scale, narrow.reader.tasks)
        return [
            await ends(last, now, beyond=Span(now)),
            await _read(wide.tasks, wide.scale, wide.reader.tasks, first, last),
            await ends(low, first),
        ]

    async def _attempts_since(self, low: datetime, now: datetime) -> list[_Part]:
        wide, narrow = self._wide, self._narrow
        statuses = await attempt_statuses(self._database)
        first, last = self._middle(low, now)
        read = partial(narrow.reader.attempts, statuses)
        ends = partial(_read, narrow.attempts, narrow.scale, read)
        read = partial(wide.reader.attempts, statuses)
        return [
            await ends(last, now, beyond=Span(now, now + _AHEAD)),
            await _read(wide.attempts, wide.scale, read, first, last),
            await ends(low, first),
        ]

    def _middle(self, low: datetime, now: datetime) -> tuple[datetime, datetime]:
        """Return from when to when it is made of wide buckets: not what has ended just now, as
        that still changes often.
        """
        scale = self._wide.scale
        first = scale.start(scale.ceiling(low))
        return first, max(scale.start(scale.bucket(now) - 1), first)


async def _read(
    buckets: Buckets,
    scale: Scale,
    read: Callable[[Span], Awaitable[dict[int, Tally]]],
    low: datetime,
    high: datetime,
    *,
    beyond: Span | None = None,
) -> _Part:
    """Read what is not kept of the time from `low` to `high`, and keep what are whole buckets.

    With `beyond`, which begins at `high`, all of that is read, too.
    """
    whole = range(scale.ceiling(low), scale.bucket(high))
    missing = [bucket for bucket in whole if bucket not in buckets]
    others: list[tuple[int, Tally]] = []
    if scale.bucket(low) < whole.start and low < high:
        missing.insert(0, scale.bucket(low))
    if beyond is not None:
        missing.append(whole.stop)
    for first, stop in _slices(_spans(missing)):
        end = beyond.high if beyond is not None and stop > whole.stop else scale.start(stop)
        rows = await read(Span(max(scale.start(first), low), end))
        for bucket in range(max(first, whole.start), min(stop, whole.stop)):
            buckets.put(bucket, rows.pop(bucket, {}))
        others += rows.items()
    return _Part(buckets, scale, whole, others)


def added(tallies: Iterable[Tally]) -> Tally:
    """Add up tallies."""
    total: Counter[Name] = Counter()
    for tally in tallies:
        total.update(tally)
    return total


def _spans(buckets: Sequence[int]) -> list[tuple[int, int]]:
    """Join buckets, which are in order, to a few spans: each from its first to behind its last.

    What lies between two that are near each other is read with them.
    """
    if not buckets:
        return []
    apart = [at for at in range(1, len(buckets)) if buckets[at] > buckets[at - 1] + 1]
    farthest = sorted(apart, key=lambda at: buckets[at - 1] - buckets[at])[: _MOST_SPANS - 1]
    cuts = [0, *sorted(farthest), len(buckets)]
    return [(buckets[first], buckets[stop - 1] + 1) for first, stop in pairwise(cuts)]


def _slices(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Cut spans to what one statement may read, the newest first."""
    return [
        (max(stop - MOST_BUCKETS, first), stop)
        for first, end in reversed(spans)
        for stop in range(end, first, -MOST_BUCKETS)
    ]
