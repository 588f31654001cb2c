"""The figures of the last hours, read once and kept up to date.

What is kept are buckets of time that have ended. Before each answer those are dropped in which
something has changed since the last one, and read again with the two that an answer cuts through:
its oldest and the present one. So every number is one that was read, never one that was guessed
from what came in between.

What changed is told by `updated_at` of tasks and by the ids of new rows, also of transactions that
were under way at the last answer. Deleted rows are told by the server's own count of them, which a
session reports within seconds, a minute at most; then all is read again.

So it is every quarter of an hour, for what none of this tells, and what the hub does not do: a row
that was altered without its `updated_at`, or written under an old id; a clock that is more than a
minute behind; a transaction of more than a quarter of an hour.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from asynqhub_tui.backends.postgres.buckets import Buckets
from asynqhub_tui.backends.postgres.connection import LONG_TIMEOUT, Database
from asynqhub_tui.backends.postgres.statuses import attempt_statuses, task_statuses
from asynqhub_tui.backends.postgres.tallies import (
    EPOCH,
    MOST_BUCKETS,
    Name,
    Scale,
    Span,
    Tally,
    bucket_of,
    read_attempts,
    read_tasks,
)

HOUR = timedelta(hours=1)

_TRUSTED = timedelta(minutes=15)
"""After which all is read again."""

_SLACK = timedelta(minutes=1)
"""How far the clock of a hub's host may be behind the server's."""

_SETTLED = timedelta(seconds=10)
"""How long before its transaction is seen to be under way a row may have been given its id."""

_IN_FLIGHT = 200
"""Ids that may have been given out before the newest and are not committed yet, where there was no
answer before."""

_MOST_CHANGES = 5_000
"""Changes since the last answer, of tasks or of attempts, that are looked at singly."""

_MOST_FOUND = 20_000
"""The same, with those that were found before."""

_NARROWER = 10
"""How many times narrower the buckets at the ends are."""

_MOST_SPANS = 8
"""Into how many parts the buckets that are missing are parted, where they lie apart."""

_AHEAD = timedelta(hours=1)
"""How far a worker's clock may be ahead of the server's."""


@dataclass(frozen=True, slots=True)
class _Mark:
    """What was so at a moment.

    `task` and `attempt` are the newest ids. All transactions below `xmin` had ended, none from
    `xmax` on had begun. `gone` changes when rows are deleted, and is None where the server does not
    tell.
    """

    now: datetime
    task: int
    attempt: int
    xmin: int
    xmax: int
    gone: Sequence[int] | None

    def follows(self, last: _Mark) -> bool:
        """Whether nothing was deleted since."""
        return self.gone is not None and self.gone == last.gone and self.now >= last.now

    def was_settled(self, later: _Mark) -> bool:
        """Whether all that was under way at this moment had ended at a later one."""
        return self.xmax <= later.xmin and self.now <= later.now - _SETTLED


@dataclass(frozen=True, slots=True)
class _Changes:
    """Changes, each with the bucket that it changes: of tasks by id and time, of attempts by id."""

    tasks: Mapping[tuple[int, float], int]
    attempts: Mapping[int, int]

    def since(self, last: _Changes) -> _Changes:
        """Return those that were not found before."""
        return _Changes(
            {key: bucket for key, bucket in self.tasks.items() if key not in last.tasks},
            {key: bucket for key, bucket in self.attempts.items() if key not in last.attempts},
        )

    @property
    def most(self) -> int:
        """How many there are, of tasks or of attempts."""
        return max(len(self.tasks), len(self.attempts))


Read = Callable[[Span], Awaitable[dict[int, Tally]]]


class _Kept:
    """The buckets of one width: of tasks, and of attempts."""

    def __init__(self, width: timedelta) -> None:
        self.scale = Scale(width)
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
    """A part of an answer: buckets that are kept, and others that were read for it."""

    kept: Buckets
    scale: Scale
    whole: range
    others: Sequence[tuple[int, Tally]]

    async def total(self, within: Span | None = None) -> Tally:
        """Add up what it holds, or those of its buckets that lie in a span."""

        def lies(bucket: int) -> bool:
            return within is None or self.scale.start(bucket) in within

        total = Counter(await self.kept.total(filter(lies, self.whole)))
        for bucket, tally in self.others:
            if lies(bucket):
                total.update(tally)
        return total


class Recent:
    """Tasks and attempts of the time back to `reach`, of all workers or of one.

    Most of it is kept in buckets of a `width` of which an hour has a whole number. Its ends, which
    change with every answer, are made of ones that are a tenth as long.
    """

    def __init__(
        self, database: Database, width: timedelta, reach: timedelta, *, worker: str | None = None
    ) -> None:
        self._database = database
        self._reach = reach
        self._worker = worker
        self._wide = _Kept(width)
        self._narrow = _Kept(width / _NARROWER)
        self._marks: list[_Mark] = []
        """Of the last answers, from the newest on that had settled at the last one."""
        self._seen = _Changes({}, {})
        self._begun = EPOCH
        self._oldest = Span(EPOCH, EPOCH)
        """The end of which figures were last asked for, as far as it is in narrow buckets."""
        self._turn = asyncio.Lock()

    async def figures(self, length: timedelta) -> tuple[Tally, Tally]:
        """Count the tasks that were created, and the attempts that began, since `length` ago."""
        async with self._turn:
            now = await self._catch_up()
            low = now - length
            self._oldest = Span(low, self._middle(low, now).low)
            tasks = [await part.total() for part in await self._tasks_since(low, now)]
            attempts = [await part.total() for part in await self._attempts_since(low, now)]
        return _sum(tasks), _sum(attempts)

    async def hours(self, hours: int) -> Mapping[datetime, Tally]:
        """Count the attempts that began in each of the last hours, the present one the last."""
        async with self._turn:
            now = await self._catch_up()
            last = now.replace(minute=0, second=0, microsecond=0)
            begins = [last - back * HOUR for back in range(hours - 1, -1, -1)]
            parts = await self._attempts_since(begins[0], now)
            return {
                begin: _sum([await part.total(Span(begin, begin + HOUR)) for part in parts])
                for begin in begins
            }

    async def _tasks_since(self, low: datetime, now: datetime) -> list[_Part]:
        def reading(scale: Scale) -> Read:
            return lambda span: read_tasks(self._database, span, scale, self._worker)

        wide, narrow = self._wide, self._narrow
        return await self._parts(wide.tasks, narrow.tasks, low, now, None, reading)

    async def _attempts_since(self, low: datetime, now: datetime) -> list[_Part]:
        statuses = await attempt_statuses(self._database)

        def reading(scale: Scale) -> Read:
            return lambda span: read_attempts(self._database, span, scale, self._worker, statuses)

        wide, narrow = self._wide, self._narrow
        high = now + _AHEAD
        return await self._parts(wide.attempts, narrow.attempts, low, now, high, reading)

    async def _parts(
        self,
        wide: Buckets,
        narrow: Buckets,
        low: datetime,
        now: datetime,
        high: datetime | None,
        reading: Callable[[Scale], Read],
    ) -> list[_Part]:
        """Read what is not kept of the time from `low` on, and keep what of it has ended."""
        middle = self._middle(low, now)
        ends = self._narrow.scale
        assert middle.high is not None
        return [
            await _read(
                narrow, ends, Span(middle.high, now), reading(ends), opened=Span(now, high)
            ),
            await _read(wide, self._wide.scale, middle, reading(self._wide.scale)),
            await _read(narrow, ends, Span(low, middle.low), reading(ends)),
        ]

    def _middle(self, low: datetime, now: datetime) -> Span:
        """Return the time between the ends, which is made of wide buckets."""
        scale = self._wide.scale
        first = scale.start(scale.ceiling(low))
        # What has just ended still changes often.
        return Span(first, max(scale.start(scale.bucket(now) - 1), first))

    async def _catch_up(self) -> datetime:
        """Drop what has changed since the last answer, and return the server's time."""
        mark = await self._mark()
        kept = bool(self._marks) and mark.follows(self._marks[-1])
        if not kept:
            earlier = replace(mark, task=mark.task - _IN_FLIGHT, attempt=mark.attempt - _IN_FLIGHT)
            self._marks = [earlier]
        found = await self._changes(mark, self._settled())
        fresh = found.since(self._seen)
        few = found.most <= _MOST_FOUND and fresh.most <= _MOST_CHANGES
        if kept and few and mark.now - self._begun <= _TRUSTED:
            await self._drop(fresh, mark)
        else:
            self._wide.clear()
            self._narrow.clear()
            self._begun = mark.now
        self._seen = found
        self._marks.append(mark)
        begin = mark.now - self._reach
        self._wide.keep(Span(begin))
        self._narrow.keep(Span(self._middle(begin, mark.now).high or begin), self._oldest)
        return mark.now

    def _settled(self) -> _Mark:
        """Return a moment after which all began that was still under way at the last answer."""
        last = self._marks[-1]
        while len(self._marks) > 1 and (
            self._marks[1].was_settled(last) or self._marks[0].now < last.now - _TRUSTED
        ):
            del self._marks[0]
        return self._marks[0]

    async def _changes(self, mark: _Mark, settled: _Mark) -> _Changes:
        """Return what was written since `settled`, and maybe some of what was before."""
        span = self._ended(mark) | {"most": _MOST_FOUND + 1}
        statuses = await task_statuses(self._database)
        since = settled.now - _SLACK
        rows = await self._fetch(_UPDATED_TASKS, span | {"statuses": statuses, "since": since})
        rows += await self._fetch(_NEW_TASKS, span | {"id": settled.task})
        attempts = await self._fetch(_NEW_ATTEMPTS, span | {"id": settled.attempt})
        return _Changes({(id, at): bucket for id, at, bucket in rows}, dict(attempts))

    async def _drop(self, changes: _Changes, mark: _Mark) -> None:
        began = set(changes.attempts.values())
        if changes.tasks:  # attempts go to the queue that their task has now
            ids = [id for id, _ in changes.tasks]
            buckets = await self._fetch(_ATTEMPTS_OF, self._ended(mark) | {"ids": ids})
            began.update(bucket for (bucket,) in buckets)
        created = set(changes.tasks.values())
        self._narrow.tasks.drop(created)
        self._narrow.attempts.drop(began)
        self._wide.tasks.drop({bucket // _NARROWER for bucket in created})
        self._wide.attempts.drop({bucket // _NARROWER for bucket in began})

    def _ended(self, mark: _Mark) -> dict[str, Any]:
        """Return the parameters that stand for the time that is kept, in narrow buckets."""
        scale = self._narrow.scale
        return {
            "width": scale.microseconds,
            "low": mark.now - self._reach,
            "top": scale.start(scale.bucket(mark.now)),
        }

    async def _mark(self) -> _Mark:
        [row] = await self._fetch(_MARK, {})
        return _Mark(*row)

    async def _fetch(self, query: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
        return await self._database.fetch(query, params, seconds=LONG_TIMEOUT)


async def _read(
    kept: Buckets, scale: Scale, within: Span, read: Read, *, opened: Span | None = None
) -> _Part:
    """Read what is not kept of a span, the newest first, and keep what are whole buckets of it.

    `opened` is what is read beyond it, with the bucket that it begins in.
    """
    assert within.high is not None
    whole = range(scale.ceiling(within.low), scale.bucket(within.high))
    missing = [bucket for bucket in whole if bucket not in kept]
    others: list[tuple[int, Tally]] = []
    if scale.bucket(within.low) < whole.start and within.low < within.high:
        missing.insert(0, scale.bucket(within.low))
    if opened is not None:
        missing.append(whole.stop)
    for first, stop in _slices(_spans(missing)):
        high = scale.start(stop) if stop <= whole.stop or opened is None else opened.high
        rows = await read(Span(max(scale.start(first), within.low), high))
        for bucket in range(max(first, whole.start), min(stop, whole.stop)):
            kept.put(bucket, rows.pop(bucket, {}))
        others += rows.items()
    return _Part(kept, scale, whole, others)


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


def _sum(parts: Iterable[Tally]) -> Tally:
    total: Counter[Name] = Counter()
    for part in parts:
        total.update(part)
    return total


# Rows are gone, too, where another file took the place of a table's, or another server the place
# of this one. A standby does not count.
_MARK = """
SELECT clock_timestamp(),
    coalesce((SELECT max(t.id) FROM task AS t), 0),
    coalesce((SELECT max(a.id) FROM task_attempt AS a), 0),
    pg_snapshot_xmin(snapshot)::text::bigint,
    pg_snapshot_xmax(snapshot)::text::bigint,
    CASE WHEN current_setting('track_counts') = 'on' AND NOT pg_is_in_recovery() THEN ARRAY[
        pg_stat_get_tuples_deleted('task'::regclass),
        pg_stat_get_tuples_deleted('task_attempt'::regclass),
        pg_relation_filenode('task'::regclass)::bigint,
        pg_relation_filenode('task_attempt'::regclass)::bigint,
        (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint
    ] END
FROM pg_current_snapshot() AS snapshot
"""

# What lies outside of the time that is kept comes to buckets at its ends, which are not kept.
_CREATED = bucket_of("least(greatest(t.created_at, %(low)s), %(top)s)")

_UPDATED_TASKS = f"""
SELECT t.id, extract(epoch FROM t.updated_at)::float8, {_CREATED} FROM task AS t
WHERE t.status = ANY(%(statuses)s::text[]) AND t.updated_at > %(since)s
LIMIT %(most)s
"""

_NEW_TASKS = f"""
SELECT t.id, extract(epoch FROM t.updated_at)::float8, {_CREATED} FROM task AS t
WHERE t.id > %(id)s
LIMIT %(most)s
"""

_NEW_ATTEMPTS = f"""
SELECT a.id, {bucket_of("greatest(a.started_at, %(low)s)")} FROM task_attempt AS a
WHERE a.id > %(id)s AND a.started_at < %(top)s
LIMIT %(most)s
"""

_ATTEMPTS_OF = f"""
SELECT DISTINCT {bucket_of("a.started_at")}
FROM task AS t CROSS JOIN LATERAL (
    SELECT x.started_at FROM task_attempt AS x
    WHERE x.task_id = t.task_id AND x.started_at >= %(low)s AND x.started_at < %(top)s
) AS a
WHERE t.id = ANY(%(ids)s::bigint[])
"""
