"""How many tasks a filter finds, without reading more of the table than a cap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from asynqhub_tui.backends.postgres.connection import Database
from asynqhub_tui.backends.postgres.open_tasks import OpenTasks, open_tasks
from asynqhub_tui.backends.postgres.prefix import rows_by_prefix
from asynqhub_tui.backends.postgres.selection import (
    Index,
    Key,
    Selection,
    choose_index,
    select,
)
from asynqhub_tui.backends.postgres.statuses import task_statuses
from asynqhub_tui.backends.postgres.walk import Walk
from asynqhub_tui.models import OVERDUE, RUNNING, Count, StatusCounts
from asynqhub_tui.repository import TaskFilter

_EXAMINE = 4_000
"""Rows that a count may examine where no index knows the whole filter, if its cap is not more."""

_EXAMINE_EACH = 800
"""Rows of each status that the counts by status may examine besides."""


async def count_tasks(database: Database, filter: TaskFilter, cap: int) -> Count:
    """Count; see TaskRepository.count_tasks.

    Above the cap, a filter of one kind is answered with an estimate where the planner has
    statistics. A combined one is counted among the newest 4,000 rows of its index, or as many as
    the cap, and that is a lower bound where there are more.
    """
    selection = await select(database, filter)
    if not selection.words:
        return await count_rows(database, selection, cap)
    found = await open_tasks(database, selection.workers)
    others = selection.statuses or ()
    value = sum(
        state in selection.words and row.status not in others and selection.matches(row)
        for row, state in found.rows
    )
    complete = all(map(found.complete, selection.words))
    if others:
        rest = await count_rows(database, selection.with_statuses(others), cap)
        value, complete = value + rest.value, complete and rest.exact
    return limited(value, cap, complete=complete)


async def status_counts(database: Database, filter: TaskFilter | None, cap: int) -> StatusCounts:
    """Count by status; see TaskFeed.status_counts."""
    selection = (await select(database, filter or TaskFilter())).any_status()
    statuses = await task_statuses(database)
    if selection.everything:
        by_status: Mapping[str, Count] = {
            status: await count_rows(database, selection.with_statuses([status]), cap)
            for status in statuses
        }
    else:
        by_status = await _count_each(database, selection, statuses, cap)
    found = await open_tasks(database, selection.workers)
    return StatusCounts(
        by_status=by_status,
        running=_in_state(found, selection, RUNNING, cap),
        overdue=_in_state(found, selection, OVERDUE, cap),
    )


async def count_rows(database: Database, selection: Selection, cap: int) -> Count:
    """Count the rows of a selection that asks for no more than the rows tell."""
    if selection.everything:
        [(found,)] = await database.fetch(_COUNT_ANY, {"bound": cap + 1})
        return await _estimated(database, found, None, cap)
    if selection.prefix is not None:
        rows = await rows_by_prefix(database, selection)
        if rows is not None:
            return Count.capped(len(rows), cap)
    index = await choose_index(database, selection, selection.order)
    walk = Walk(database, selection, index)
    if index.exact:
        found = await walk.count_all(cap)
        if selection.since is not None:
            return Count.capped(found, cap)
        return await _estimated(database, found, index, cap)
    share = max(_EXAMINE, cap) // max(len(index.values), 1)
    counted = await walk.count(max(share, 1))
    complete = not any(stopped for *_, stopped in counted)
    return limited(sum(found for _, found, _ in counted), cap, complete=complete)


async def _count_each(
    database: Database, selection: Selection, statuses: Sequence[str], cap: int
) -> Mapping[str, Count]:
    """Count by status in the filter's own index, and where that has too many rows, also in the
    index on statuses, which may know the rare ones in full.
    """
    if selection.prefix is not None:
        rows = await rows_by_prefix(database, selection)
        if rows is not None:
            having = [row.status for row in rows]
            return {status: Count.capped(having.count(status), cap) for status in statuses}
    own = await choose_index(database, selection, selection.order)
    share = max(_EXAMINE // max(len(own.values), 1), 1)
    counted = await Walk(database, selection, own).count(share)
    least = {status: found for status, found, _ in counted}
    stopped = set(statuses) if any(stop for *_, stop in counted) else set()
    if stopped:
        by_status = Index(Key.STATUS, statuses, exact=False)
        counted = await Walk(database, selection, by_status).count(_EXAMINE_EACH)
        stopped = {status for status, _, stop in counted if stop}
        for status, found, _ in counted:
            least[status] = max(found, least.get(status, 0))
    return {
        status: limited(least.get(status, 0), cap, complete=status not in stopped)
        for status in statuses
    }


async def _estimated(database: Database, found: int, index: Index | None, cap: int) -> Count:
    if found <= cap:
        return Count(value=found)
    [(rows, shares)] = await database.fetch(
        _STATISTICS, {"column": index.key.value if index else ""}
    )
    share = 1.0
    if index is not None:
        known: dict[str, float] = dict(shares or [])
        # A value that is not among the common ones has no share of its own.
        share = (
            sum(known[value] for value in index.values) if set(index.values) <= set(known) else 0
        )
    estimate = round(rows * share)
    return Count(value=estimate, kind="about") if estimate > cap else Count.capped(found, cap)


def limited(value: int, cap: int, *, complete: bool) -> Count:
    """Return a count that is a lower bound above the cap, and where it is not complete."""
    return Count.capped(value, cap) if complete else Count(value=min(value, cap), kind="at_least")


def _in_state(found: OpenTasks, selection: Selection, state: str, cap: int) -> Count:
    value = sum(one == state and selection.matches(row) for row, one in found.rows)
    return limited(value, cap, complete=found.complete(state))


_COUNT_ANY = """
SELECT count(*) FROM (SELECT FROM task AS t ORDER BY t.id DESC LIMIT %(bound)s) AS found
"""

# What ANALYZE has found: the number of rows, -1 before the first time, and the share of each of a
# column's common values.
_STATISTICS = """
SELECT c.reltuples, (
    SELECT array_agg(ARRAY[to_jsonb(common.value), to_jsonb(common.share)])
    FROM unnest(s.most_common_vals::text::text[], s.most_common_freqs) AS common(value, share)
)
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_stats AS s
    ON s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = %(column)s
WHERE c.oid = to_regclass('task')
"""
