"""What has changed in tasks and attempts since it was last asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from asynqhub_tui.backends.postgres.connection import LONG_TIMEOUT, Database
from asynqhub_tui.backends.postgres.statuses import task_statuses
from asynqhub_tui.backends.postgres.tallies import EPOCH, Scale, bucket_of

_TRUSTED = timedelta(minutes=15)
"""After which anything may have changed."""

_SLACK = timedelta(minutes=1)
"""How far the clock of a hub's host may be behind the server's."""

_SETTLED = timedelta(seconds=10)
"""How long before its transaction is seen to be under way a row may have been given its id."""

_IN_FLIGHT = 200
"""Ids that may have been given out before the newest and are not committed yet, where nothing was
asked before."""

_MOST_CHANGES = 5_000
"""Changes since the last answer, of tasks or of attempts, that are looked at singly."""

_MOST_FOUND = 20_000
"""The same, with those that were found before."""


@dataclass(frozen=True, slots=True)
class Changed:
    """The buckets, up to the server's time `now`, in which tasks were created, or attempts began,
    of which something has changed. None of either where that may be anything.
    """

    now: datetime
    created: frozenset[int] | None = None
    began: frozenset[int] | None = None


@dataclass(frozen=True, slots=True)
class _Mark:
    """The state of the tables at a moment.

    `task` and `attempt` are the newest ids. All transactions below `xmin` had ended, none from
    `xmax` on had begun. `place` tells the tables and the server from others. `deleted` counts the
    rows that were deleted so far; None where the server does not.
    """

    now: datetime
    task: int
    attempt: int
    xmin: int
    xmax: int
    place: Sequence[int]
    deleted: Sequence[int] | None


@dataclass(frozen=True, slots=True)
class _Found:
    """Changes, each with the bucket that it changes: of tasks by id and time, of attempts by id."""

    tasks: Mapping[tuple[int, float], int]
    attempts: Mapping[int, int]

    def since(self, last: _Found) -> _Found:
        """Return those that were not found before."""
        return _Found(
            {key: bucket for key, bucket in self.tasks.items() if key not in last.tasks},
            {key: bucket for key, bucket in self.attempts.items() if key not in last.attempts},
        )

    @property
    def most(self) -> int:
        """How many there are, of tasks or of attempts."""
        return max(len(self.tasks), len(self.attempts))


_NOTHING = _Found({}, {})


class News:
    """Tells what has changed, back to `reach`; an answer that fails or is cancelled is none.

    Changes are told by `updated_at` of tasks and by the ids of new rows, also of transactions that
    were under way at the last answer. Deleted rows are told by the server's own count of them,
    which a session reports within seconds, a minute at most.

    Not told are, for a quarter of an hour at most, what the hub does not write: a row that was
    altered without its `updated_at`, got another time of creation or start, or was written under an
    old id; a time that lay back by more than a minute when it was written, as by a clock that is
    behind or in a transaction that has long begun; what was under way longer than a minute before
    the first answer, or a quarter of an hour before a later one; and tasks of a status beyond the
    first fifty.
    """

    def __init__(self, database: Database, scale: Scale, reach: timedelta) -> None:
        self._database = database
        self._scale = scale
        self._reach = reach
        self._marks: Sequence[_Mark] = ()
        """Of the last answers, from the newest on after which all began that was under way at the
        last one."""
        self._seen = _NOTHING
        self._trusted_since = EPOCH

    async def ask(self) -> Changed:
        """Return what has changed since the last answer."""
        mark = await self._mark()
        last = self._marks[-1] if self._marks else None
        if mark.deleted is None:
            self._marks = ()
            return Changed(mark.now)
        marks = self._marks
        if last is None or mark.place != last.place:
            earlier = replace(mark, task=mark.task - _IN_FLIGHT, attempt=mark.attempt - _IN_FLIGHT)
            marks = (earlier,)
        marks = _unsettled(marks)
        found = await self._changes(mark, marks[0])
        fresh = found.since(self._seen)
        changed = Changed(mark.now)
        if (
            last is not None
            and (mark.place, mark.deleted) == (last.place, last.deleted)
            and self._trusted_since <= last.now <= mark.now <= self._trusted_since + _TRUSTED
            and found.most <= _MOST_FOUND
            and fresh.most <= _MOST_CHANGES
        ):
            changed = await self._buckets(fresh, mark)
        else:
            self._trusted_since = mark.now
        self._marks, self._seen = (*marks, mark), found
        if found.most > _MOST_FOUND:  # as something has long been under way, maybe elsewhere
            self._marks, self._seen = (mark,), _NOTHING
        return changed

    async def _changes(self, mark: _Mark, settled: _Mark) -> _Found:
        """Return what was written since `settled`, and maybe some of what was before."""
        params = self._ended(mark) | {"most": _MOST_FOUND + 1}
        statuses = await task_statuses(self._database)
        since = settled.now - _SLACK
        fetch = self._database.fetch
        rows = await fetch(_UPDATED_TASKS, params | {"statuses": statuses, "since": since})
        rows += await fetch(_NEW_TASKS, params | {"id": settled.task})
        attempts = await fetch(_NEW_ATTEMPTS, params | {"id": settled.attempt})
        return _Found({(id, at): bucket for id, at, bucket in rows}, dict(attempts))

    async def _buckets(self, fresh: _Found, mark: _Mark) -> Changed:
        began = set(fresh.attempts.values())
        if fresh.tasks:  # attempts go to the queue that their task has now
            params = self._ended(mark) | {"ids": [id for id, _ in fresh.tasks]}
            rows = await self._database.fetch(_ATTEMPTS_OF, params, seconds=LONG_TIMEOUT)
            began.update(bucket for (bucket,) in rows)
        return Changed(mark.now, frozenset(fresh.tasks.values()), frozenset(began))

    def _ended(self, mark: _Mark) -> dict[str, Any]:
        """Return the parameters that stand for the buckets that have ended."""
        return {
            "width": self._scale.microseconds,
            "low": mark.now - self._reach,
            "top": self._scale.start(self._scale.bucket(mark.now)),
        }

    async def _mark(self) -> _Mark:
        [row] = await self._database.fetch(_MARK)
        return _Mark(*row)


def _unsettled(marks: Sequence[_Mark]) -> Sequence[_Mark]:
    """Leave out marks before the newest after which all began that was under way at the last one.

    What was under way at a mark had its transaction seen some time later, and that had ended. What
    has been under way for long is not waited for.
    """
    last = marks[-1]
    first = 0
    for at, mark in enumerate(marks):
        settled = any(
            mark.now + _SETTLED <= later.now and later.xmax <= last.xmin for later in marks[at:]
        )
        if settled or mark.now < last.now - _TRUSTED:
            first = at
    return marks[first:]


# A new file takes the place of a table's when it is truncated. A standby does not count.
_MARK = """
SELECT clock_timestamp(),
    coalesce((SELECT max(t.id) FROM task AS t), 0),
    coalesce((SELECT max(a.id) FROM task_attempt AS a), 0),
    pg_snapshot_xmin(snapshot)::text::bigint,
    pg_snapshot_xmax(snapshot)::text::bigint,
    ARRAY[
        pg_relation_filenode('task'::regclass)::bigint,
        pg_relation_filenode('task_attempt'::regclass)::bigint,
        (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint
    ],
    CASE WHEN current_setting('track_counts') = 'on' AND NOT pg_is_in_recovery() THEN ARRAY[
        pg_stat_get_tuples_deleted('task'::regclass),
        pg_stat_get_tuples_deleted('task_attempt'::regclass)
    ] END
FROM pg_current_snapshot() AS snapshot
"""

# What lies outside of the time between `low` and `top` comes to the buckets that these lie in.
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
