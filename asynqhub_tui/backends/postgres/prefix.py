"""Tasks by the beginning of their id."""

from __future__ import annotations

from asynqhub_tui.backends.postgres.connection import Database
from asynqhub_tui.backends.postgres.rows import TASK_COLUMNS, TaskRow, task_rows
from asynqhub_tui.backends.postgres.selection import MATCHES, Selection

PREFIX_CAP = 1_000
"""How many ids may begin so before a list is searched in its own order instead."""

_SHORT, _SURELY = 2, 10
"""A beginning of no more characters is not looked at where the planner expects so many times more
ids than PREFIX_CAP: to look at that many, all over the table, takes a page for each."""

_LONGEST_ID = 128
"""Characters of a task id, at most (Asynq-Hub's bound)."""


async def rows_by_prefix(database: Database, selection: Selection) -> list[TaskRow] | None:
    """Return the selection's rows, found by the beginning of their ids; None for too many ids.

    The index on task_id is sorted in the database's collation, in which the ids that begin with a
    text end at that text followed by the collation's own last character, as often as an id is
    long. Ids in between that begin otherwise are left out. In a collation of which that is not
    true, only a whole id is found here.
    """
    prefix = selection.prefix or ""
    simple = database.last_character is not None
    last = prefix + (database.last_character or "") * _LONGEST_ID
    params = selection.params | {"last": last, "cap": PREFIX_CAP + 1}
    if len(prefix) <= _SHORT:
        plan = await database.explain(_NEAR, params)
        if plan["Plan Rows"] >= _SURELY * PREFIX_CAP:
            return None
    rows = await database.fetch(_BY_PREFIX, params)
    [near, *_] = rows[0]
    if near > PREFIX_CAP or (near == 0 and not simple):
        return None
    return task_rows(row[1:] for row in rows if row[1] is not None)


_NEAR = f"""
SELECT {TASK_COLUMNS} FROM task AS t WHERE t.task_id >= %(prefix)s AND t.task_id <= %(last)s
"""

_BY_PREFIX = f"""
WITH near AS MATERIALIZED (
    {_NEAR}
    ORDER BY t.task_id
    LIMIT %(cap)s
), hit AS (
    SELECT t.* FROM near AS t WHERE {MATCHES}
)
SELECT (SELECT count(*) FROM near), {TASK_COLUMNS}
FROM (SELECT) AS always LEFT JOIN hit AS t ON true
"""
