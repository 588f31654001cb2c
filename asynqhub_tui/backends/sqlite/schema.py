"""Asynq-Hub's three tables as SQLite holds them, and whether a file has them.

Names and columns are the hub's. Times are INTEGER microseconds since 1970 in UTC; `payload` is the
JSON text as it came, `queue_groups` JSON text; `is_enabled` is 0 or 1. The payload comes last, as
SQLite reads through everything that stands before a column. The indexes are our own: every list
order, and the look-up of a task's newest attempt.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

TABLES = {
    "worker": {
        "id": "INTEGER PRIMARY KEY AUTOINCREMENT",
        "worker_name": "TEXT NOT NULL UNIQUE",
        "base_url": "TEXT",
        "redis_addr": "TEXT",
        "queue_groups": "TEXT NOT NULL",
        "default_retry_count": "INTEGER NOT NULL DEFAULT 3",
        "default_timeout": "INTEGER NOT NULL DEFAULT 30",
        "default_delay": "INTEGER NOT NULL DEFAULT 0",
        "is_enabled": "INTEGER NOT NULL DEFAULT 1",
        "last_heartbeat_at": "INTEGER",
        "created_at": "INTEGER NOT NULL",
        "updated_at": "INTEGER NOT NULL",
    },
    "task": {
        "id": "INTEGER PRIMARY KEY AUTOINCREMENT",
        "task_id": "TEXT NOT NULL UNIQUE",
        "worker_name": "TEXT NOT NULL REFERENCES worker(worker_name)"
        " ON DELETE RESTRICT ON UPDATE CASCADE",
        "queue": "TEXT NOT NULL",
        "priority": "INTEGER NOT NULL DEFAULT 0",
        "status": "TEXT NOT NULL",
        "last_attempt": "INTEGER NOT NULL DEFAULT 0",
        "last_error": "TEXT",
        "last_worker_name": "TEXT",
        "trace_id": "TEXT",
        "created_at": "INTEGER NOT NULL",
        "updated_at": "INTEGER NOT NULL",
        "payload": "TEXT NOT NULL",
    },
    "task_attempt": {
        "id": "INTEGER PRIMARY KEY AUTOINCREMENT",
        "task_id": "TEXT NOT NULL REFERENCES task(task_id) ON DELETE RESTRICT ON UPDATE CASCADE",
        "asynq_task_id": "TEXT",
        "attempt": "INTEGER NOT NULL",
        "status": "TEXT NOT NULL",
        "started_at": "INTEGER NOT NULL",
        "finished_at": "INTEGER",
        "duration_ms": "INTEGER",
        "error": "TEXT",
        "worker_name": "TEXT",
        "trace_id": "TEXT",
        "span_id": "TEXT",
    },
}
"""The columns of each table and how each is declared, its type first."""

INDEXES = {
    "task_created": "task(created_at, id)",
    "task_updated": "task(updated_at, id)",
    "task_worker_created": "task(worker_name, created_at, id)",
    "task_worker_queue": "task(worker_name, queue, status)",
    "task_status_updated": "task(status, updated_at, id)",
    "task_queue_updated": "task(queue, updated_at, id)",
    # Only unfinished tasks can be running or overdue, and they are few.
    "task_unfinished": "task(updated_at, id, status) WHERE status <> 'success'",
    "task_worker_unfinished": "task(worker_name, created_at, id, status) WHERE status <> 'success'",
    "attempt_newest": "task_attempt(task_id, started_at, attempt, status)",
    "attempt_started": "task_attempt(started_at)",
}


def create_schema(connection: sqlite3.Connection) -> None:
    """Create the tables and indexes that are missing, in one transaction of `connection`."""
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        for table, columns in TABLES.items():
            body = ", ".join(f"{column} {kind}" for column, kind in columns.items())
            connection.execute(f"CREATE TABLE IF NOT EXISTS {table} ({body})")
        for name, target in INDEXES.items():
            connection.execute(f"CREATE INDEX IF NOT EXISTS {name} ON {target}")


def create(path: Path) -> None:
    """Make `path` an installation without tasks; one that is there already stays as it is.

    The file is put into write-ahead mode, in which readers and a writer do not wait for each
    other. Raises sqlite3.Error where the file cannot be made.
    """
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        create_schema(connection)
    finally:
        connection.close()


POSITION = "CREATE TABLE IF NOT EXISTS sync (name TEXT PRIMARY KEY, position TEXT NOT NULL)"
"""The table of a file that sync fills, for where the copy stands."""

COLUMNS_QUERY = "SELECT name, type FROM pragma_table_info(?)"
"""The columns of a table, none where there is no such table."""


def difference(table: str, found: dict[str, str]) -> str | None:
    """Say what `found`, a table's columns with their types, lacks; None where all is there."""
    if not found:
        return f"the table {table} is missing"
    for column, declaration in TABLES[table].items():
        kind = declaration.split()[0]
        if column not in found:
            return f"the column {table}.{column} is missing"
        if found[column].upper() != kind:
            return f"the column {table}.{column} is {found[column] or 'untyped'} and not {kind}"
    return None
