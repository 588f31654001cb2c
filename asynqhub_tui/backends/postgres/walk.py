"""Walking an index in a list's order, a bounded number of rows at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asynqhub_tui.backends.postgres.connection import Database
from asynqhub_tui.backends.postgres.rows import TASK_COLUMNS, TaskRow
from asynqhub_tui.backends.postgres.selection import CLOCK_SLACK, MATCHES, Index, Key, Selection
from asynqhub_tui.repository import Order

FIRST_LOOK, MOST = 200, 4_000
"""Rows that one page examines at first, and about how many at most, where it does not take every
row of one stretch of an index."""

MOST_PAGES = 3_500
"""About how many pages of the table the rows of a list's page may take, if its first look takes no
more: a row takes one or less, and several where it was updated since the table was vacuumed."""

_LEAST_DEPTH = 32
"""Rows of each of an index's values that a look reads in any case, to sort those of the same time
by id (PostgreSQL sorts that many at once)."""

_SPARE = 1.5
"""How many more rows to examine than the share of matching ones so far asks for."""

_MAX_ID = 2**63 - 1

_BEGINNING = "-infinity"

Place = tuple[datetime, int]
"""A time and an id: a row's place in a list."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """What a walk has found, in the direction of the walk.

    All rows up to `end`, the place of the last row examined, were looked at. `complete` tells that
    the list ends there. `pages` of the table were read, as far as the server counts them.
    """

    rows: list[TaskRow]
    end: Place | None
    complete: bool
    pages: int = 0


class Walk:
    """A selection's rows along an index, downwards (the newest first) or upwards."""

    def __init__(
        self, database: Database, selection: Selection, index: Index, *, down: bool = True
    ) -> None:
        self._database = database
        self._index = index
        self._down = down
        self._params = selection.params
        self._low: datetime | str = _BEGINNING
        if selection.since is not None:
            created = index.key.order is Order.CREATED
            self._low = selection.since if created else selection.since - CLOCK_SLACK

    @property
    def _by_creation(self) -> bool:
        """Whether it goes through all tasks, worker by worker."""
        return self._index.key is Key.WORKER and self._index.whole

    async def page(self, start: Place | None, wanted: int) -> Stretch:
        """Return up to `wanted` rows behind `start`, or what was found among the most examined."""
        values = len(self._index.values)
        if self._index.exact and (self._by_creation or values == 1):
            return await self.look(start, wanted, wanted)
        rows: list[TaskRow] = []
        end, examined, pages = start, 0, 0
        least = _LEAST_DEPTH if self._by_creation else _LEAST_DEPTH * values
        examine = max(FIRST_LOOK, wanted, least)
        while True:
            stretch = await self.look(end, wanted - len(rows), examine)
            rows += stretch.rows
            end = stretch.end or end
            examined += examine
            pages += stretch.pages
            # Half of what can be afforded at the price so far: rows further on may be dearer.
            affordable = (MOST_PAGES - pages) * examined // max(pages, 1)
            most = min(MOST - examined, affordable // 2)
            if stretch.complete or len(rows) >= wanted or most < least:
                return Stretch(rows, end, stretch.complete)
            needed = _SPARE * (wanted - len(rows)) * examined / max(len(rows), 1)
            examine = min(max(round(needed), FIRST_LOOK, least), 4 * examine, most)

    async def look(self, start: Place | None, wanted: int, examine: int) -> Stretch:
        """Examine about `examine` rows behind `start`, and return up to `wanted` that match."""
        params = self._from(start)
        bound, probed = None, 0
        depth = max(examine // max(len(self._index.values), 1), _LEAST_DEPTH)
        if self._by_creation:
            if start is None and not self._down and self._low != _BEGINNING:
                params |= await self._first(params)
            bound, probed = await self._created_bound(params, examine)
            if bound is not None:
                params["low" if self._down else "high"] = bound
            depth = max(depth, wanted) if bound is None else examine
        params["depth"] = depth
        params["wanted"] = wanted
        rows = await self._database.fetch(_WALK[self._index.key, self._down], params)
        pages, stopped, end_at, end_id = rows[0][:4]
        found = [TaskRow._make(row[4:]) for row in rows if row[4] is not None]
        end = None if end_at is None else (end_at, end_id)
        return Stretch(found, end, not stopped and bound is None, pages + probed)

    async def count(self, examine: int) -> list[tuple[str, int, bool]]:
        """Count the matching rows by status among the newest, `examine` for each of the index's
        values, and tell for each status whether that bound was met.
        """
        params = self._from(None) | {"depth": examine}
        rows = await self._database.fetch(_COUNT[self._index.key], params)
        return [(status, found, stopped) for status, found, stopped in rows]

    async def count_all(self, cap: int) -> int:
        """Count up to `cap + 1` rows of an index whose rows all belong to the selection."""
        params = self._from(None) | {"depth": cap + 1}
        [(found,)] = await self._database.fetch(_COUNT_ALL[self._index.key], params)
        return int(found)

    def _from(self, start: Place | None) -> dict[str, Any]:
        beginning = ("infinity", _MAX_ID) if self._down else (_BEGINNING, -1)
        at, tie = start or beginning
        return self._params | {
            "keys": list(self._index.values),
            "at": at,
            "tie": tie,
            "low": self._low,
            "high": "infinity",
        }

    async def _first(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return the place just before the oldest row: nearly always, older ones have lower ids."""
        [(at, id)] = await self._database.fetch(_FIRST, params) or [(_BEGINNING, 0)]
        return {"at": at, "tie": id - 1}

    async def _created_bound(
        self, params: Mapping[str, Any], examine: int
    ) -> tuple[datetime | None, int]:
        """Find a time such that enough rows lie between the start and it, and what pages it took.

        Any that many rows will do, and the ones with the next ids are nearly always the very ones.
        """
        query = _BOUND_DOWN if self._down else _BOUND_UP
        rows = await self._database.fetch(query, {**params, "examine": examine})
        [(pages, found, bound)] = rows
        return bound if found >= examine else None, pages


# What this very statement reads of the table, index entries of dead rows included, if the server
# counts it at all. What is counted refers to the meter, so that the meter is read before it.
_METER = """meter AS MATERIALIZED (
    SELECT pg_stat_get_xact_blocks_fetched('task'::regclass) AS before
)"""
_READ = "pg_stat_get_xact_blocks_fetched('task'::regclass) - (SELECT before FROM meter)"


def _walk(key: Key, *, down: bool) -> str:
    at = "created_at" if key.order is Order.CREATED else "updated_at"
    behind, up_to, by = ("<", ">=", "DESC") if down else (">", "<=", "ASC")
    return f"""
WITH {_METER}, walked AS MATERIALIZED (
    SELECT {TASK_COLUMNS}, t.place
    FROM meter CROSS JOIN unnest(%(keys)s::text[]) AS key(value)
    CROSS JOIN LATERAL (
        SELECT {TASK_COLUMNS}, row_number() OVER (ORDER BY t.{at} {by}, t.id {by}) AS place
        FROM task AS t
        WHERE t.{key} = key.value AND meter.before >= 0
          AND t.{at} {behind}= %(at)s::timestamptz
          AND (t.{at}, t.id) {behind} (%(at)s::timestamptz, %(tie)s::bigint)
          AND t.{at} BETWEEN %(low)s::timestamptz AND %(high)s::timestamptz
        ORDER BY t.{at} {by}, t.id {by}
        LIMIT %(depth)s
    ) AS t
), stop AS (
    SELECT t.{at}, t.id FROM walked AS t WHERE t.place = %(depth)s
    ORDER BY t.{at} {by}, t.id {by} LIMIT 1
), seen AS (
    SELECT t.* FROM walked AS t
    WHERE NOT EXISTS (SELECT FROM stop)
       OR (t.{at}, t.id) {up_to} (SELECT stop.{at}, stop.id FROM stop)
), ending AS (
    SELECT t.{at} AS at, t.id FROM seen AS t
    ORDER BY t.{at} {"ASC" if down else "DESC"}, t.id {"ASC" if down else "DESC"} LIMIT 1
), hit AS (
    SELECT {TASK_COLUMNS} FROM seen AS t WHERE {MATCHES}
    ORDER BY t.{at} {by}, t.id {by} LIMIT %(wanted)s
)
SELECT {_READ}, EXISTS (SELECT FROM stop), ending.at, ending.id, {TASK_COLUMNS}
FROM (SELECT) AS always LEFT JOIN ending ON true LEFT JOIN hit AS t ON true
ORDER BY t.{at} {by}, t.id {by}
"""


def _count(key: Key) -> str:
    at = "created_at" if key.order is Order.CREATED else "updated_at"
    return f"""
SELECT t.status, count(*) FILTER (WHERE {MATCHES}), coalesce(max(t.place) >= %(depth)s, false)
FROM unnest(%(keys)s::text[]) AS key(value)
CROSS JOIN LATERAL (
    SELECT t.task_id, t.worker_name, t.queue, t.status, t.created_at,
        row_number() OVER (ORDER BY t.{at} DESC, t.id DESC) AS place
    FROM task AS t
    WHERE t.{key} = key.value AND t.{at} >= %(low)s::timestamptz
    ORDER BY t.{at} DESC, t.id DESC
    LIMIT %(depth)s
) AS t
GROUP BY t.status
"""


def _count_all(key: Key) -> str:
    at = "created_at" if key.order is Order.CREATED else "updated_at"
    return f"""
SELECT count(*)
FROM (
    SELECT FROM unnest(%(keys)s::text[]) AS key(value)
    CROSS JOIN LATERAL (
        SELECT FROM task AS t
        WHERE t.{key} = key.value AND t.{at} >= %(low)s::timestamptz
        ORDER BY t.{at} DESC
        LIMIT %(depth)s
    ) AS t
    LIMIT %(depth)s
) AS found
"""


def _bound(*, down: bool) -> str:
    behind, by, farthest = ("<", "DESC", "min") if down else (">", "ASC", "max")
    return f"""
WITH {_METER}, near AS MATERIALIZED (
    SELECT t.created_at
    FROM meter CROSS JOIN LATERAL (
        SELECT t.id, t.created_at FROM task AS t
        WHERE t.id {behind} %(tie)s::bigint AND meter.before >= 0
        ORDER BY t.id {by} LIMIT 4 * %(examine)s
    ) AS t
    WHERE (t.created_at, t.id) {behind} (%(at)s::timestamptz, %(tie)s::bigint)
      AND t.created_at >= %(low)s::timestamptz
    LIMIT %(examine)s
), found AS MATERIALIZED (
    SELECT count(*) AS rows, {farthest}(near.created_at) AS bound FROM near
)
SELECT {_READ}, found.rows, found.bound FROM found
"""


_FIRST = """
SELECT t.created_at, t.id
FROM unnest(%(keys)s::text[]) AS key(value)
CROSS JOIN LATERAL (
    SELECT t.created_at, t.id FROM task AS t
    WHERE t.worker_name = key.value AND t.created_at >= %(low)s::timestamptz
    ORDER BY t.created_at, t.id LIMIT 1
) AS t
ORDER BY t.created_at, t.id LIMIT 1
"""


_WALK = {(key, down): _walk(key, down=down) for key in Key for down in (True, False)}
_COUNT = {key: _count(key) for key in Key}
_COUNT_ALL = {key: _count_all(key) for key in Key}
_BOUND_DOWN, _BOUND_UP = _bound(down=True), _bound(down=False)
