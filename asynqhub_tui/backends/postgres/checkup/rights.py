"""What the role of the dashboard may do, and what it should not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from asynqhub_tui.backends.postgres.checkup.about import POSTGRES, TABLES
from asynqhub_tui.backends.postgres.checkup.explaining import ExplainingDatabase
from asynqhub_tui.checkup import Finding, Level
from asynqhub_tui.repository import Refused

_VIEWER = (
    "CREATE ROLE viewer LOGIN;",
    "GRANT SELECT ON task, task_attempt, worker TO viewer;",
)
"""What the README recommends."""


async def rights(database: ExplainingDatabase) -> Sequence[Finding]:
    """Judge the role: it has to read the tables, and need not do more to look."""
    [(role, quoted, superuser, sees_sessions)] = await database.fetch(_ROLE)
    tables = await database.fetch(_TABLES, {"tables": list(TABLES)})
    unreadable = [name for name, reads, _ in tables if not reads]
    writes = [name for name, _, writes in tables if writes]
    found = []
    if unreadable:
        found.append(
            Finding(
                POSTGRES.about,
                "rights",
                Level.PROBLEM,
                f"The role {role} may not read {_listed(unreadable)}.",
                "Run as the owner of the tables, or as a superuser:",
                (f"GRANT SELECT ON {', '.join(unreadable)} TO {quoted};",),
                Refused,
            )
        )
    if superuser:
        found.append(
            POSTGRES.warning(
                "rights",
                f"The role {role} is a superuser: far more than a dashboard needs.",
                "It reads in read-only sessions all the same. For looking, a role that may read"
                " three tables is enough; retrying needs UPDATE on task.",
                *_VIEWER,
            )
        )
    elif writes:
        found.append(
            POSTGRES.note(
                "rights",
                f"The role {role} may write {_listed(writes)}.",
                "Retrying and deleting need that, looking does not. Start with --read-only, or use"
                " a role that may only read:",
                *_VIEWER,
            )
        )
    elif not unreadable:
        found.append(
            POSTGRES.ok("rights", f"The role {role} may read the three tables, and write none.")
        )
    if not sees_sessions:
        found.append(
            POSTGRES.note(
                "rights-sessions",
                f"The role {role} does not see what the sessions of other users do.",
                "A transaction of theirs that holds up vacuum stays hidden from this check, and"
                " one that has begun long before its first write, from sync.",
                f"GRANT pg_read_all_stats TO {quoted};",
            )
        )
    return found


async def elsewhere(database: ExplainingDatabase, finding: Finding) -> Finding:
    """Add to the finding that tables are missing where some of that name are out of sight."""
    rows = await database.fetch(_HIDDEN, {"tables": list(TABLES)})
    if not rows:
        return finding
    role, schema, usable = rows[0]
    if usable:
        said = f"The schema {schema} has a table of that name, but is not in the search path."
        return replace(
            finding, detail=said, commands=(f"ALTER ROLE {role} SET search_path = {schema};",)
        )
    said = f"The schema {schema} has a table of that name, but this role may not use it."
    return replace(finding, detail=said, commands=(f"GRANT USAGE ON SCHEMA {schema} TO {role};",))


def _listed(names: Sequence[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


_ROLE = """
SELECT current_user, quote_ident(current_user), r.rolsuper,
    pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')
FROM pg_roles AS r WHERE r.rolname = current_user
"""

_TABLES = """
SELECT wanted.name, has_table_privilege(c.oid, 'SELECT'),
    has_table_privilege(c.oid, 'INSERT') OR has_table_privilege(c.oid, 'UPDATE')
        OR has_table_privilege(c.oid, 'DELETE')
FROM unnest(%(tables)s::text[]) AS wanted(name)
JOIN pg_class AS c ON c.oid = to_regclass(wanted.name)
"""

_HIDDEN = """
SELECT quote_ident(current_user), quote_ident(n.nspname), has_schema_privilege(n.oid, 'USAGE')
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relname = ANY(%(tables)s::text[]) AND c.relkind IN ('r', 'p', 'v')
  AND NOT pg_table_is_visible(c.oid) AND to_regclass(c.relname::text) IS NULL
ORDER BY c.relname = 'task' DESC, n.nspname LIMIT 1
"""
