"""Whether a database holds the hub's tables."""

from __future__ import annotations

from asynqhub_tui.backends.postgres.connection import Database
from asynqhub_tui.backends.postgres.errors import WRONG
from asynqhub_tui.repository import SchemaMismatch

_TEXT = ("text", "character varying")
_NUMBER = ("integer", "bigint", "smallint")
_TIME = ("timestamp with time zone",)

COLUMNS: dict[str, dict[str, tuple[str, ...]]] = {
    "worker": {
        "worker_name": _TEXT,
        "base_url": _TEXT,
        "redis_addr": _TEXT,
        "queue_groups": ("jsonb", "json"),
        "default_retry_count": _NUMBER,
        "default_timeout": _NUMBER,
        "default_delay": _NUMBER,
        "is_enabled": ("boolean",),
        "last_heartbeat_at": _TIME,
        "created_at": _TIME,
        "updated_at": _TIME,
    },
    "task": {
        "id": _NUMBER,
        "task_id": _TEXT,
        "worker_name": _TEXT,
        "queue": _TEXT,
        "priority": _NUMBER,
        "payload": ("jsonb", "json"),
        "status": _TEXT,
        "last_attempt": _NUMBER,
        "last_error": _TEXT,
        "last_worker_name": _TEXT,
        "trace_id": _TEXT,
        "created_at": _TIME,
        "updated_at": _TIME,
    },
    "task_attempt": {
        "id": _NUMBER,
        "task_id": _TEXT,
        "asynq_task_id": _TEXT,
        "attempt": _NUMBER,
        "status": _TEXT,
        "started_at": _TIME,
        "finished_at": _TIME,
        "duration_ms": _NUMBER,
        "error": _TEXT,
        "worker_name": _TEXT,
        "trace_id": _TEXT,
        "span_id": _TEXT,
    },
}
"""The columns that are used, and the types that each may have."""


async def check_schema(database: Database) -> None:
    """Raise SchemaMismatch, naming it, where a table or column is missing or of another type."""
    there: dict[str, dict[str, str]] = {}
    for table, column, type_ in await database.fetch(_COLUMNS, {"tables": list(COLUMNS)}):
        there.setdefault(table, {})[column] = type_
    for table, columns in COLUMNS.items():
        if table not in there:
            raise SchemaMismatch(f"{database.place} has no table {table}.", hint=WRONG)
        for column, types in columns.items():
            found = there[table].get(column)
            if found is None:
                what = f"{database.place} has no column {table}.{column}."
                raise SchemaMismatch(what, hint=WRONG)
            if found not in types:
                what = (
                    f"The column {table}.{column} at {database.place} is {found}, not {types[0]}."
                )
                raise SchemaMismatch(what, hint=WRONG)


# The tables that a statement without a schema's name means: the search path decides.
_COLUMNS = """
SELECT c.relname, a.attname, format_type(a.atttypid, NULL)
FROM unnest(%(tables)s::text[]) AS wanted(name)
JOIN pg_class AS c ON c.oid = to_regclass(wanted.name)
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
"""
