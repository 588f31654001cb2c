"""The figures of the last hours, read once and kept up to date.

What is kept are buckets of time that have ended. Before each answer those are dropped in which
something has changed since the last one, and read again with the two that an answer cuts through:
its oldest and the present one. So every number is one that was read, never one that was guessed
from what came in between.

What changed is told by `updated_at` of tasks and by the ids of new rows. Deleted rows are told by
the server's own count of them, and then all is read again; so it is every quarter of an hour, for
what no rule of the hub's allows: a row that was altered without its `updated_at`, a host whose
clock is off by more than a minute.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from asynqhub_tui.backends.postgres.buckets import Buckets
from asynqhub_tui.backends.postgres.connection import Database
from asynqhub_tui.backends.postgres.statuses import attempt_statuses, task_statuses
from asynqhub_tui.backends.postgres.tallies import (
    Scale,
    Stretch,
    Tally,
    read_attempts,
    read_tasks,
)

_TRUSTED = timedelta(minutes=15)
"""After which all is read again."""

_SLACK = timedelta(minutes=1)
"""How far the clock of a hub's host may be behind, and a transaction take to commit."""

_SETTLED = timedelta(seconds=10)
"""After which no row with a lower id can still appear: ids are given out before their
transactions commit, which may happen in another order."""

_MOST_CHANGES = 5_000
"""Changed tasks, or new attempts, of buckets that have ended that are looked at singly."""

_MOST_READS = 8
"""Statements for the buckets that are missing, of which some may lie far apart."""

_SLICE = 24
"""Buckets that one statement reads: with more, its rows take longer than a frame to arrive."""

HOUR = timedelta(hours=1)

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)

_AHEAD = timedelta(hours=1)
"""How far a worker's clock may be ahead of the server's."""


@dataclass(frozen=True, slots=True)
class _Mark:
    """How far all is known.

    `gone` changes when rows are deleted, and is None where the server does not tell.
    """

    now: datetime
    task: int
    attempt: int
    gone: Sequence[int] | None

    def follows(self, last: _Mark) -> bool:
        """Whether nothing was deleted since."""
        return self.gone is not None and self.gone == last.gone and self.now >= last.now


@dataclass(frozen=True, slots=True)
class _Seen:
    """Changes that were found already: they are found again for as long as _SLACK lasts."""

    tasks: frozenset[tuple[int, datetime]] = frozenset()
    attempts: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class _Found:
    """What an answer is made of: kept buckets, and parts of others that were read for it."""

    whole: range
    parts: Sequence[tuple[int, Tally]]


Read = Callable[[Stretch], Awaitable[dict[int, Tally]]]


class Recent:
    """Tasks and attempts of the time back to `reach`, of all workers or of one.

    Buckets are `width` long, of which an hour has a whole number.
    """

    def __init__(
        self, database: Database, width: timedelta, reach: timedelta, *, worker: str | None = None
    ) -> None:
        self._database = database
        self._scale = Scale(width)
        self._reach = reach
        self._worker = worker
        self._tasks = Buckets()
        self._attempts = Buckets()
        self._marks: list[_Mark] = []
        """Of the last answers: as far back as _SETTLED."""
        self._begun = _LONG_AGO
        self._seen = _Seen()
        self._forgotten = self._known = 0
        self._turn = asyncio.Lock()

    def forget(self) -> None:
        """Read everything again for the next answer: rows were deleted."""
        self._forgotten += 1

    async def figures(self, length: timedelta) -> tuple[Tally, Tally]:
        """Count the tasks that were created, and the attempts that began, since `length` ago."""
        async with self._turn:
            now = await self._catch_up()
            created = await self._find_tasks(now - length, now)
            tasks = await _sum(self._tasks, created.whole, created.parts)
            began = await self._find_attempts(now - length, now)
            attempts = await _sum(self._attempts, began.whole, began.parts)
        return tasks, attempts

    async def hours(self, hours: int) -> Mapping[datetime, Tally]:
        """Count the attempts that began in each of the last hours, the present one the last."""
        async with self._turn:
            now = await self._catch_up()
            last = now.replace(minute=0, second=0, microsecond=0)
            begins = [last - back * HOUR for back in range(hours - 1, -1, -1)]
            found = await self._find_attempts(begins[0], now)
            return {begin: await self._of_hour(begin, found) for begin in begins}

    async def _of_hour(self, begin: datetime, found: _Found) -> Tally:
        buckets = range(self._scale.bucket(begin), self._scale.bucket(begin + HOUR))
        whole = [bucket for bucket in buckets if bucket in found.whole]
        parts = [(bucket, part) for bucket, part in found.parts if bucket in buckets]
        return await _sum(self._attempts, whole, parts)

    async def _find_tasks(self, low: datetime, now: datetime) -> _Found:
        async def read(stretch: Stretch) -> dict[int, Tally]:
            return await read_tasks(self._database, stretch, self._scale, self._worker)

        return await self._find(self._tasks, low, now, None, read)

    async def _find_attempts(self, low: datetime, now: datetime) -> _Found:
        statuses = await attempt_statuses(self._database)

        async def read(stretch: Stretch) -> dict[int, Tally]:
            return await read_attempts(self._database, stretch, self._scale, self._worker, statuses)

        return await self._find(self._attempts, low, now, now + _AHEAD, read)

    async def _find(
        self, kept: Buckets, low: datetime, now: datetime, high: datetime | None, read: Read
    ) -> _Found:
        """Read what is not kept of the time from `low` on, the newest first, and keep it."""
        scale = self._scale
        whole = range(scale.ceiling(low), scale.bucket(now))
        missing = [bucket for bucket in whole if bucket not in kept]
        cut = [scale.bucket(low)] if scale.bucket(low) < whole.start else []
        parts: list[tuple[int, Tally]] = []
        for first, stop in _slices(_spans([*cut, *missing, whole.stop])):
            stretch = Stretch(
                max(scale.start(first), low), high if stop > whole.stop else scale.start(stop)
            )
            rows = await read(stretch)
            for bucket in range(max(first, whole.start), min(stop, whole.stop)):
                kept.put(bucket, rows.pop(bucket, {}))
            parts += rows.items()
        return _Found(whole, parts)

    async def _catch_up(self) -> datetime:
        """Drop what has changed since the last answer, and return the server's time."""
        forgotten = self._forgotten
        mark = await self._mark()
        last = self._marks[-1] if self._marks and self._known == forgotten else None
        if (
            last is None
            or not mark.follows(last)
            or mark.now - self._begun > _TRUSTED
            or not await self._drop_changed(mark, last)
        ):
            self._tasks.clear()
            self._attempts.clear()
            self._marks.clear()
            self._seen = _Seen()
            self._begun = mark.now
        self._known = forgotten
        self._marks.append(mark)
        oldest = self._scale.bucket(mark.now - self._reach)
        self._tasks.drop_before(oldest)
        self._attempts.drop_before(oldest)
        return mark.now

    async def _drop_changed(self, mark: _Mark, last: _Mark) -> bool:
        """Drop the buckets in which something has changed, unless that is too much to look at."""
        while len(self._marks) > 1 and self._marks[1].now <= mark.now - _SETTLED:
            del self._marks[0]
        settled = self._marks[0]
        span = {
            "width": self._scale.seconds,
            "low": mark.now - self._reach,
            "top": self._scale.start(self._scale.bucket(mark.now)),
            "most": _MOST_CHANGES + 1,
        }
        tasks = await self._changed_tasks(span, last.now - _SLACK, settled.task)
        attempts = await self._fetch(_NEW_ATTEMPTS, span | {"id": settled.attempt})
        if max(len(tasks), len(attempts)) > _MOST_CHANGES:
            return False
        changed = [row for key, row in tasks.items() if key not in self._seen.tasks]
        self._tasks.drop(bucket for _, bucket in changed)
        began = [bucket for id, bucket in attempts if id not in self._seen.attempts]
        if changed:
            # Attempts go to the queue that their task has now.
            ids = [task_id for task_id, _ in changed]
            began += [bucket for (bucket,) in await self._fetch(_ATTEMPTS_OF, span | {"ids": ids})]
        self._attempts.drop(began)
        self._seen = _Seen(frozenset(tasks), frozenset(id for id, _ in attempts))
        return True

    async def _changed_tasks(
        self, span: dict[str, Any], since: datetime, after: int
    ) -> dict[tuple[int, datetime], tuple[str, int]]:
        """Return id and bucket of the tasks that were updated or written since."""
        statuses = await task_statuses(self._database)
        rows = await self._fetch(_UPDATED_TASKS, span | {"statuses": statuses, "since": since})
        rows += await self._fetch(_NEW_TASKS, span | {"id": after})
        return {(id, updated_at): (task_id, bucket) for id, updated_at, task_id, bucket in rows}

    async def _mark(self) -> _Mark:
        [(now, task, attempt, gone)] = await self._fetch(_MARK, {})
        return _Mark(now, task, attempt, gone)

    async def _fetch(self, query: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
        return await self._database.fetch(query, params)


def _spans(buckets: Sequence[int]) -> list[tuple[int, int]]:
    """Join buckets, which are in order, to a few spans: each from its first to behind its last.

    What lies between two that are near each other is read with them.
    """
    apart = [at for at in range(1, len(buckets)) if buckets[at] > buckets[at - 1] + 1]
    farthest = sorted(apart, key=lambda at: buckets[at - 1] - buckets[at])[: _MOST_READS - 1]
    cuts = [0, *sorted(farthest), len(buckets)]
    return [(buckets[first], buckets[stop - 1] + 1) for first, stop in pairwise(cuts)]


def _slices(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Cut spans to what one statement may read, the newest first."""
    return [
        (max(stop - _SLICE, first), stop)
        for first, end in reversed(spans)
        for stop in range(end, first, -_SLICE)
    ]


async def _sum(kept: Buckets, whole: Iterable[int], parts: Iterable[tuple[int, Tally]]) -> Tally:
    total = Counter(await kept.total(whole))
    for _, part in parts:
        total.update(part)
    return total


# Rows are gone, too, where another file took the place of a table's, or another server the place
# of this one. A standby does not count.
_MARK = """
SELECT clock_timestamp(),
    coalesce((SELECT max(t.id) FROM task AS t), 0),
    coalesce((SELECT max(a.id) FROM task_attempt AS a), 0),
    CASE WHEN current_setting('track_counts') = 'on' AND NOT pg_is_in_recovery() THEN ARRAY[
        pg_stat_get_tuples_deleted('task'::regclass),
        pg_stat_get_tuples_deleted('task_attempt'::regclass),
        pg_relation_filenode('task'::regclass)::bigint,
        pg_relation_filenode('task_attempt'::regclass)::bigint,
        (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint
    ] END
"""


def _bucket(time: str) -> str:
    return (
        f"CASE WHEN {time} >= %(low)s"
        f" THEN floor(extract(epoch FROM {time}) / %(width)s::float8)::bigint ELSE 0 END"
    )


_UPDATED_TASKS = f"""
SELECT t.id, t.updated_at, t.task_id, {_bucket("t.created_at")} FROM task AS t
WHERE t.status = ANY(%(statuses)s::text[]) AND t.updated_at > %(since)s
  AND t.created_at < %(top)s
LIMIT %(most)s
"""

_NEW_TASKS = f"""
SELECT t.id, t.updated_at, t.task_id, {_bucket("t.created_at")} FROM task AS t
WHERE t.id > %(id)s AND t.created_at < %(top)s
LIMIT %(most)s
"""

_NEW_ATTEMPTS = f"""
SELECT a.id, {_bucket("a.started_at")} FROM task_attempt AS a
WHERE a.id > %(id)s AND a.started_at < %(top)s
LIMIT %(most)s
"""

_ATTEMPTS_OF = f"""
SELECT DISTINCT {_bucket("a.started_at")}
FROM unnest(%(ids)s::text[]) AS wanted(task_id)
CROSS JOIN LATERAL (
    SELECT x.started_at FROM task_attempt AS x
    WHERE x.task_id = wanted.task_id AND x.started_at >= %(low)s AND x.started_at < %(top)s
) AS a
"""
