"""The statuses that rows have: those of the hub, and whatever else stands in the tables."""

from __future__ import annotations

from asynqhub_tui.backends.postgres.connection import Database
from asynqhub_tui.models import STATUSES


async def task_statuses(database: Database) -> list[str]:
    """Return the hub's statuses, and what other statuses its tasks have."""
    return await _statuses(database, _OF_TASKS)


async def attempt_statuses(database: Database) -> list[str]:
    """Return the hub's statuses, and what other statuses its attempt rows have."""
    return await _statuses(database, _OF_ATTEMPTS)


async def _statuses(database: Database, statement: str) -> list[str]:
    found = [status for (status,) in await database.fetch(statement)]
    return list(dict.fromkeys((*STATUSES, *found)))


# From each status to the next one in the index, instead of reading all rows: at most 50 steps.
_OF_TASKS, _OF_ATTEMPTS = (
    f"""
WITH RECURSIVE found AS (
    (SELECT x.status FROM {table} AS x ORDER BY x.status LIMIT 1)
    UNION ALL
    SELECT (
        SELECT x.status FROM {table} AS x WHERE x.status > found.status ORDER BY x.status LIMIT 1
    )
    FROM found WHERE found.status IS NOT NULL
)
SELECT status FROM found WHERE status IS NOT NULL LIMIT 50
"""
    for table in ("task", "task_attempt")
)
