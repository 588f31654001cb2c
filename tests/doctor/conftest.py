"""Databases that a test may alter, and a PostgreSQL in its usual settings."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from asynqhub_tui.backends.postgres.checkup import advice, plans, tables
from tests.servers import PostgresServer
from tests.valkey import ValkeyServer

LARGE = 400
"""Pages from which on a table counts as large in these tests."""

FILL = (
    "ALTER TABLE task SET (fillfactor = 10)",
    """INSERT INTO worker (worker_name, queue_groups)
        SELECT 'worker-' || n, '[]' FROM generate_series(1, 5) AS n""",
    """INSERT INTO task (task_id, worker_name, queue, payload, status, created_at, updated_at)
        SELECT md5(n::text), 'worker-' || 1 + n % 5, 'worker-' || 1 + n % 5 || ':web:default',
            jsonb_build_object('text', repeat('x', 600)),
            (ARRAY['success', 'success', 'fail'])[1 + n % 3],
            now() - n * interval '10 min', now() - n * interval '10 min'
        FROM generate_series(1, 600) AS n""",
    """INSERT INTO task_attempt (task_id, attempt, status, started_at, finished_at)
        SELECT task_id, 1, status, created_at, created_at FROM task""",
)


@pytest.fixture
def dsn(postgres_server: PostgresServer) -> Iterator[str]:
    """An installation without rows, which goes afterwards: its indexes may be dropped."""
    made = postgres_server.create_database()
    yield made
    postgres_server.drop_database(made)


@pytest.fixture
def filled(dsn: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The same with a table of tasks that counts as large."""
    for module in (advice, plans, tables):
        monkeypatch.setattr(module, "LARGE", LARGE)
    execute(dsn, *FILL)
    return dsn


@pytest.fixture
def usual(postgres_server: PostgresServer) -> Iterator[None]:
    """Let autovacuum be on, and have nothing to do."""
    server = postgres_server.dsn("postgres")
    execute(
        server,
        "ALTER SYSTEM SET autovacuum = on",
        "ALTER SYSTEM SET autovacuum_naptime = '1d'",
        "SELECT pg_reload_conf()",
    )
    _wait_for(server, "on")
    yield
    execute(
        server,
        "ALTER SYSTEM RESET autovacuum",
        "ALTER SYSTEM RESET autovacuum_naptime",
        "SELECT pg_reload_conf()",
    )
    _wait_for(server, "off")


@pytest.fixture
def own_valkey() -> Iterator[ValkeyServer]:
    """A Redis of the test's own, to configure."""
    with ValkeyServer() as server:
        yield server


def execute(dsn: str, *statements: str) -> None:
    """Run statements as the administrator, and have them on the disk: VACUUM waits for that."""
    options = "-c synchronous_commit=on"
    with psycopg.connect(dsn, autocommit=True, options=options) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def _wait_for(dsn: str, value: str) -> None:
    for _ in range(500):
        with psycopg.connect(dsn) as connection:
            if connection.execute("SHOW autovacuum").fetchone() == (value,):
                return
            connection.execute("SELECT pg_sleep(0.01)")
    raise RuntimeError("the settings were not read")
