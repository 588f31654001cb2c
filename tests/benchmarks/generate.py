"""An installation with many tasks, made by the server itself."""

from __future__ import annotations

from pathlib import Path

import psycopg
from psycopg import sql

from tests.benchmarks.meter import FLUSH

_SAMPLE = Path(__file__).with_name("sample.sql")

_TABLES = ["task", "task_attempt"]

CHURNED = 40_000
"""How many of the newest tasks are updated again and again."""

_ROUNDS = ("pending", "fail", "pending", None)
"""The status that each round of updates sets; None puts back what it was."""

_BATCH = 500


def fill(dsn: str, tasks: int) -> None:
    """Write `tasks` tasks and their attempts into an empty installation.

    Keys and indexes are built when the rows are there. The tables are vacuumed and analysed, and
    autovacuum leaves them alone.
    """
    with psycopg.connect(dsn, autocommit=True) as connection:
        made_again = _take_off_indexes(connection)
        connection.execute("SELECT set_config('bench.tasks', %s, false)", [str(tasks)])
        connection.execute("SET synchronize_seqscans = off")
        connection.execute(_SAMPLE.read_bytes())
        connection.execute("SET maintenance_work_mem = '512MB'")
        for statement in made_again:
            connection.execute(statement.encode())
        for table in _TABLES:
            name = sql.Identifier(table)
            connection.execute(
                sql.SQL("ALTER TABLE {} SET (autovacuum_enabled = off)").format(name)
            )
        connection.execute("VACUUM (ANALYZE)")
        connection.execute("CHECKPOINT")


def churn(dsn: str) -> None:
    """Update the newest tasks several times, as many reports would, and vacuum nothing.

    Their statuses are the same afterwards; where they stand in the table and in its indexes is
    not.
    """
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "CREATE TEMP TABLE before AS SELECT id, status FROM task ORDER BY id DESC LIMIT %s",
            [CHURNED],
        )
        [(low, high)] = connection.execute("SELECT min(id), max(id) FROM before").fetchall()
        for status in _ROUNDS:
            for first in range(low, high + 1, _BATCH):
                connection.execute(
                    """
                    UPDATE task SET status = coalesce(%s::text, before.status),
                        updated_at = clock_timestamp()
                    FROM before WHERE before.id = task.id AND task.id BETWEEN %s AND %s
                    """,
                    [status, first, first + _BATCH - 1],
                )
        connection.execute(FLUSH)


def busy(dsn: str) -> None:
    """Let 20 of the newest tasks run and succeed, and 5 new ones arrive."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(_BUSY)
        connection.execute(FLUSH)


def _take_off_indexes(connection: psycopg.Connection) -> list[str]:
    """Drop the tables' keys and indexes, and return the statements that make them again."""
    constraints = connection.execute(_CONSTRAINTS, [_TABLES]).fetchall()
    indexes = connection.execute(_INDEXES, [_TABLES]).fetchall()
    for table, constraint, _ in reversed(constraints):
        connection.execute(
            sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(
                sql.Identifier(table), sql.Identifier(constraint)
            )
        )
    for index, _ in indexes:
        connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(index)))
    return [
        *(
            f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {text}'
            for table, name, text in constraints
        ),
        *(text for _, text in indexes),
    ]


_BUSY = """
WITH chosen AS (
    SELECT task_id FROM (SELECT task_id FROM task ORDER BY id DESC LIMIT 50) AS newest
    ORDER BY random() LIMIT 20
), updated AS (
    UPDATE task SET status = 'success', last_attempt = 1, updated_at = clock_timestamp()
    FROM chosen WHERE chosen.task_id = task.task_id
), arrived AS (
    INSERT INTO task (task_id, worker_name, queue, priority, payload, status)
    SELECT replace(gen_random_uuid()::text, '-', ''), worker_name, queue, priority, payload,
        'pending'
    FROM (SELECT * FROM task ORDER BY id DESC LIMIT 5) AS newest
)
INSERT INTO task_attempt (task_id, attempt, status, started_at, finished_at)
SELECT task_id, 1, status, now(), CASE WHEN status = 'success' THEN clock_timestamp() END
FROM chosen CROSS JOIN (VALUES ('running'), ('success')) AS row(status)
"""

# Foreign keys come last: they need the keys that they refer to.
_CONSTRAINTS = """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE conrelid = ANY(%s::regclass[]) AND contype IN ('p', 'u', 'f')
ORDER BY contype = 'f', conrelid, conname
"""

_INDEXES = """
SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index AS i
WHERE i.indrelid = ANY(%s::regclass[])
  AND NOT EXISTS (SELECT FROM pg_constraint AS c WHERE c.conindid = i.indexrelid)
"""
