"""The check-up of the hub's PostgreSQL: each finding is there when it is true, and no other."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest
from pydantic import SecretStr

from asynqhub_tui.backends.postgres.checkup import sessions, tables
from asynqhub_tui.backends.postgres.checkup.explaining import ExplainingDatabase
from asynqhub_tui.backends.postgres.checkup.server import judge_version
from asynqhub_tui.backends.postgres.conninfo import parse
from asynqhub_tui.checkup import Level
from asynqhub_tui.repository import Refused, SchemaMismatch, Unavailable
from tests.doctor.conftest import execute
from tests.doctor.findings import look_at
from tests.servers import PostgresServer, free_port


@contextlib.contextmanager
def role(server: PostgresServer, dsn: str, *grants: str, name: str = "looker") -> Iterator[str]:
    """Give the DSN of a role of its own with some rights, which are written with {role}."""
    quoted = '"' + name.replace('"', '""') + '"'
    execute(dsn, f"CREATE ROLE {quoted} LOGIN PASSWORD 's3cr'")
    execute(dsn, *(grant.format(role=quoted) for grant in grants))
    try:
        yield server.dsn(dsn.rpartition("/")[2], user=name.replace("%", "%25"), password="s3cr")
    finally:
        execute(dsn, f"DROP OWNED BY {quoted}", f"DROP ROLE {quoted}")


READS = "GRANT SELECT ON task, task_attempt, worker TO {role}"
SEES = "GRANT pg_read_all_stats TO {role}"


@pytest.mark.usefixtures("usual")
async def test_a_healthy_installation(postgres_server: PostgresServer, filled: str) -> None:
    execute(filled, "CREATE INDEX ON task (worker_name, status, queue)")
    execute(filled, "CREATE INDEX ON task (created_at DESC, id DESC)", "VACUUM (ANALYZE)")
    with role(postgres_server, filled, READS, SEES) as dsn:
        found = await look_at("postgres", dsn)
    assert found.worse_than(Level.OK) == [], [one.detail for one in found.all]
    assert {one.check for one in found.all} == {
        *("schema", "hub-index", "plans", "statistics", "vacuum", "sessions", "settings"),
        *("advice", "rights", "version", "sizes"),
    }


async def test_nothing_is_changed(filled: str) -> None:
    """No transaction got an id, so none has written; and the sessions could not have."""
    looks = """SELECT pg_snapshot_xmax(pg_current_snapshot()), (
            SELECT array_agg((c.oid, c.relname, c.relfilenode, c.reltuples) ORDER BY c.oid)
            FROM pg_class AS c),
        (SELECT count(*) FROM pg_statistic)"""
    with psycopg.connect(filled, autocommit=True) as connection:
        before = connection.execute(looks).fetchone()
        await look_at("postgres", filled)
        assert connection.execute(looks).fetchone() == before
    database = ExplainingDatabase(parse(SecretStr(filled)), read_only=True)
    try:
        assert await database.fetch("SHOW transaction_read_only") == [("on",)]
        with pytest.raises(Refused, match="read-only"):
            await database.fetch("CREATE TABLE made (id integer)")
    finally:
        await database.close()


async def test_a_server_that_is_away() -> None:
    found = await look_at("postgres", f"postgresql://hub:s3cr@127.0.0.1:{free_port()}/hub")
    assert found.one("connection").failure is Unavailable
    assert len(found.all) == 1


async def test_a_server_that_does_not_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        dsn = f"postgresql://hub:s3cr@127.0.0.1:{port}/hub?connect_timeout=2"
        assert "in time" in (await look_at("postgres", dsn)).one("connection").title


@pytest.mark.parametrize("given", ["wrong-secret", None])
async def test_a_wrong_password(postgres_server: PostgresServer, given: str | None) -> None:
    found = await look_at("postgres", postgres_server.dsn("hub_template", password=given))
    assert found.one("connection").failure is Refused
    assert "wrong-secret" not in str(found.all)


async def test_no_dsn() -> None:
    assert "POSTGRES_DSN" in (await look_at("postgres", None)).one("connection").detail


async def test_a_column_is_missing_and_the_other_checks_still_run(dsn: str) -> None:
    execute(dsn, "ALTER TABLE task DROP COLUMN trace_id")
    found = await look_at("postgres", dsn)
    assert found.one("schema").failure is SchemaMismatch
    assert "task.trace_id" in found.one("schema").title
    assert found.ok("hub-index")
    assert found.ok("version")


async def test_a_table_is_missing(dsn: str) -> None:
    execute(dsn, "DROP TABLE task_attempt")
    found = await look_at("postgres", dsn)
    assert "no table task_attempt" in found.one("schema").title
    assert not found.of("hub-index")
    assert found.ok("version")


async def test_tables_in_a_schema_that_is_out_of_sight(
    postgres_server: PostgresServer, dsn: str
) -> None:
    execute(
        dsn,
        "CREATE SCHEMA hidden",
        *(f"ALTER TABLE {table} SET SCHEMA hidden" for table in ("worker", "task", "task_attempt")),
    )
    with role(postgres_server, dsn) as looker:
        schema = (await look_at("postgres", looker)).one("schema")
        assert schema.commands == ("GRANT USAGE ON SCHEMA hidden TO looker;",)
        execute(dsn, *schema.commands)
        schema = (await look_at("postgres", looker)).one("schema")
        assert schema.commands == ("ALTER ROLE looker SET search_path = hidden;",)
        execute(dsn, *schema.commands)
        assert (await look_at("postgres", looker)).ok("schema")


async def test_a_role_without_rights(postgres_server: PostgresServer, filled: str) -> None:
    with role(postgres_server, filled) as dsn:
        found = await look_at("postgres", dsn)
        rights = found.one("rights")
        assert rights.level is Level.PROBLEM
        assert rights.title == "The role looker may not read worker, task and task_attempt."
        assert rights.failure is Refused
        assert "permission denied" in found.of("plans")[0].detail
        execute(filled, *rights.commands, *found.one("rights-sessions").commands)
        found = await look_at("postgres", dsn)
        assert found.ok("rights")
        assert not found.of("rights-sessions")


async def test_a_role_that_may_write_and_a_superuser(
    postgres_server: PostgresServer, dsn: str
) -> None:
    with role(postgres_server, dsn, READS, "GRANT UPDATE ON task TO {role}") as writer:
        note = (await look_at("postgres", writer)).one("rights")
    assert note.level is Level.NOTE
    assert note.title == "The role looker may write task."
    warning = (await look_at("postgres", dsn)).one("rights")
    assert warning.level is Level.WARNING
    assert "superuser" in warning.title


async def test_a_role_without_a_catalog_view(postgres_server: PostgresServer, dsn: str) -> None:
    """One check fails, in a sentence; the others are made."""
    execute(dsn, "REVOKE SELECT ON pg_prepared_xacts FROM PUBLIC")
    with role(postgres_server, dsn, READS, SEES) as looker:
        found = await look_at("postgres", looker)
    assert found.one("sessions").title == "Long transactions could not be checked."
    assert "permission denied for view pg_prepared_xacts" in found.one("sessions").detail
    assert found.ok("hub-index")
    assert found.ok("version")


async def test_a_table_that_was_never_analysed(filled: str) -> None:
    found = (await look_at("postgres", filled)).one("statistics")
    assert found.title == "The table task was never analysed."
    execute(filled, *found.commands)
    assert (await look_at("postgres", filled)).ok("statistics")


async def test_a_column_without_statistics(filled: str) -> None:
    execute(filled, "ALTER TABLE task ALTER queue SET STATISTICS 0", "ANALYZE")
    found = (await look_at("postgres", filled)).one("statistics")
    assert found.title == "The planner has no statistics of task.queue."


async def test_old_statistics_and_dead_rows(filled: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "_MANY", 100)
    execute(
        filled,
        "VACUUM (ANALYZE)",
        "UPDATE task SET priority = 1",
        "SELECT pg_stat_force_next_flush()",
    )
    found = await look_at("postgres", filled)
    assert found.one("statistics").title == "The planner's statistics of task are old."
    assert "600 rows have changed since, 100 %" in found.one("statistics").detail
    dead = found.one("vacuum")
    assert dead.title == "task holds 600 dead row versions, 50 % of all."
    execute(filled, *dead.commands, "SELECT pg_stat_force_next_flush()")
    found = await look_at("postgres", filled)
    assert found.ok("statistics")
    assert found.ok("vacuum")


async def test_autovacuum_is_off_for_one_table(dsn: str) -> None:
    execute(dsn, "ALTER TABLE task SET (autovacuum_enabled = off)")
    found = (await look_at("postgres", dsn)).one("autovacuum")
    assert found.title == "Autovacuum is switched off for the table task."
    execute(dsn, *found.commands)
    assert not (await look_at("postgres", dsn)).of("autovacuum")


async def test_pages_that_are_not_all_visible(filled: str) -> None:
    execute(filled, "VACUUM (ANALYZE)", "UPDATE task SET priority = 1", "ANALYZE")
    found = (await look_at("postgres", filled)).one("vacuum")
    assert found.title == "Only 0 % of the pages of task are marked all-visible."


async def test_an_idle_transaction(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "IDLE", timedelta(0))
    hostile = "psql \x1b[31m[red]"
    with psycopg.connect(dsn, application_name=hostile) as other:
        other.execute("SELECT 1")
        found = (await look_at("postgres", dsn)).of("sessions")
        (mine,) = [one for one in found if f" {other.info.backend_pid} " in one.title]
        assert "of postgres (psql" in mine.title
        assert "is idle in transaction for 0s." in mine.title
        execute(dsn, *mine.commands)
        with pytest.raises(psycopg.OperationalError):
            other.execute("SELECT 1")


async def test_what_outlives_sessions_a_slot_and_a_prepared_transaction(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sessions, "_LAGGING", 0)
    monkeypatch.setattr(sessions, "LONG", timedelta(0))
    with PostgresServer() as server:
        for setting in ("wal_level = logical", "max_wal_senders = 2"):
            execute(server.dsn("postgres"), f"ALTER SYSTEM SET {setting}")
        execute(server.dsn("postgres"), "ALTER SYSTEM SET max_prepared_transactions = 2")
        server.restart()
        dsn = server.create_database()
        execute(
            dsn,
            "SELECT pg_create_logical_replication_slot('left_over', 'pgoutput')",
            "BEGIN",
            "CREATE TABLE made (id integer)",
            "PREPARE TRANSACTION 'it''s'",
        )
        found = await look_at("postgres", dsn)
        slot, prepared = found.one("slots"), found.one("sessions")
        assert slot.title.startswith("The replication slot left_over holds back vacuum by ")
        assert prepared.commands == ("ROLLBACK PREPARED 'it''s';",)
        execute(dsn, *slot.commands, *prepared.commands)
        found = await look_at("postgres", dsn)
        assert not found.of("slots")
        assert found.ok("sessions")


async def test_a_view_in_the_place_of_a_table(dsn: str) -> None:
    execute(dsn, "ALTER TABLE task RENAME TO kept", "CREATE VIEW task AS SELECT * FROM kept")
    found = await look_at("postgres", dsn)
    assert found.one("sizes").title.startswith("task is a view: its indexes, ")
    assert not found.of("hub-index")


async def test_settings(dsn: str) -> None:
    """The test server runs without autovacuum."""
    found = (await look_at("postgres", dsn)).one("settings")
    assert found.title.startswith("Autovacuum is off")
    assert found.commands[0] == "ALTER SYSTEM SET autovacuum = on;"


@pytest.mark.parametrize(
    ("version", "level"),
    [
        ("9.6.24", Level.WARNING),
        ("13.22", Level.WARNING),
        ("14.1", Level.NOTE),
        ("17.6", Level.NOTE),
        ("18.4", Level.OK),
        ("19beta1", Level.OK),
    ],
)
def test_versions(version: str, level: Level) -> None:
    assert judge_version(version).level is level
