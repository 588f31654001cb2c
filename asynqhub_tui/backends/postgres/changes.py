"""What a poll asks for: the changes in the tasks that are on the screen."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from asynqhub_tui.backends.postgres.connection import Database
from asynqhub_tui.backends.postgres.rows import TASK_COLUMNS, TaskRow, task_rows, tasks_of
from asynqhub_tui.repository import Changes

_SETTLED = 10.0
"""Seconds after which no attempt with a lower id can still appear: ids are given out before their
transactions commit, which may happen in another order."""

_IN_FLIGHT = 1_000
"""Attempt ids that may have been given out before the newest and are not committed yet."""

_NEW_ATTEMPTS = 4_000
"""New attempt rows that a poll reads through; with more, every shown task counts as touched."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What a poll has seen.

    `shown` holds the rows as they were; `settled` is the attempt id up to which all is known,
    `seen` the ids above it of attempts of the shown tasks, and `newest` the newest attempt id at
    some times since (seconds, of a monotonic clock).
    """

    shown: Mapping[str, TaskRow]
    settled: int
    seen: frozenset[int]
    newest: tuple[tuple[float, int], ...]


async def changes(database: Database, shown: Sequence[str], since: object | None) -> Changes:
    """Return what may have changed; see TaskFeed.changes."""
    mark = since if isinstance(since, Mark) else None
    # The attempts first: one that is written in between is found by the next poll.
    delta = await _new_attempts(database, shown, mark)
    before = mark.shown if mark is not None else {}
    rows = await _reread(database, shown, before)
    found = {row.task_id: row for row in rows}
    touched = [
        row
        for row in rows
        if delta.touched is None or row.task_id in delta.touched or before.get(row.task_id) != row
    ]
    return Changes(
        tasks=await tasks_of(database, touched),
        missing=frozenset(shown) - found.keys(),
        mark=Mark(found, delta.settled, delta.seen, delta.newest),
    )


@dataclass(frozen=True, slots=True)
class _Delta:
    touched: frozenset[str] | None
    settled: int
    seen: frozenset[int]
    newest: tuple[tuple[float, int], ...]


async def _new_attempts(database: Database, shown: Sequence[str], mark: Mark | None) -> _Delta:
    now = time.monotonic()
    if mark is None:
        return await _fresh_start(database, shown, now)
    new = await _attempts_behind(database, shown, mark.settled)
    if new.read > _NEW_ATTEMPTS:
        return await _fresh_start(database, shown, now)
    touched = frozenset(
        task_id for attempt_id, task_id in new.of_shown.items() if attempt_id not in mark.seen
    )
    times = (*mark.newest, (now, max(new.newest, mark.newest[-1][1])))
    old = [entry for entry in times if entry[0] <= now - _SETTLED]
    settled = old[-1][1] if old else mark.settled
    seen = frozenset(attempt_id for attempt_id in new.of_shown if attempt_id > settled)
    return _Delta(touched, settled, seen, tuple(times[max(len(old) - 1, 0) :]))


async def _fresh_start(database: Database, shown: Sequence[str], now: float) -> _Delta:
    [(newest,)] = await database.fetch(_NEWEST_ATTEMPT)
    settled = newest - _IN_FLIGHT
    # All tasks are read anew after this, so that these attempts are no news to the next poll.
    seen = frozenset((await _attempts_behind(database, shown, settled)).of_shown)
    return _Delta(None, settled, seen, ((now, newest),))


@dataclass(frozen=True, slots=True)
class _New:
    """How many attempt rows were read, the newest id among them, and those of the shown tasks."""

    read: int
    newest: int
    of_shown: Mapping[int, str]


async def _attempts_behind(database: Database, shown: Sequence[str], settled: int) -> _New:
    params = {"settled": settled, "shown": list(shown), "bound": _NEW_ATTEMPTS + 1}
    rows = await database.fetch(_NEW, params)
    read, newest, *_ = rows[0]
    found = {attempt_id: task_id for *_, attempt_id, task_id in rows if attempt_id is not None}
    return _New(read, newest or 0, found)


async def _reread(
    database: Database, shown: Sequence[str], before: Mapping[str, TaskRow]
) -> list[TaskRow]:
    """Read the shown rows, by their primary key where it is known: neighbours share its pages."""
    known = [before[task_id].id for task_id in shown if task_id in before]
    rows = task_rows(await database.fetch(_BY_ID, {"ids": known})) if known else []
    found = {row.task_id for row in rows}
    others = [task_id for task_id in shown if task_id not in found]
    if others:
        rows += task_rows(await database.fetch(_BY_TASK_ID, {"ids": others}))
    return [row for row in rows if row.task_id in set(shown)]


_BY_ID = f"SELECT {TASK_COLUMNS} FROM task AS t WHERE t.id = ANY(%(ids)s::bigint[])"

_BY_TASK_ID = f"SELECT {TASK_COLUMNS} FROM task AS t WHERE t.task_id = ANY(%(ids)s::text[])"

_NEWEST_ATTEMPT = "SELECT coalesce(max(a.id), 0) FROM task_attempt AS a"

_NEW = """
WITH fresh AS MATERIALIZED (
    SELECT a.id, a.task_id FROM task_attempt AS a
    WHERE a.id > %(settled)s ORDER BY a.id LIMIT %(bound)s
), total AS (
    SELECT count(*) AS read, max(id) AS newest FROM fresh
)
SELECT total.read, total.newest, fresh.id, fresh.task_id
FROM total LEFT JOIN fresh ON fresh.task_id = ANY(%(shown)s::text[])
"""
