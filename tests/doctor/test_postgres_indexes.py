"""Indexes: those of the hub that are missing, invalid ones, and those worth adding."""

from __future__ import annotations

import psycopg
import pytest

from asynqhub_tui.backends.postgres.checkup.advice import Keys
from asynqhub_tui.backends.postgres.checkup.indexes import HUB_INDEXES
from asynqhub_tui.checkup import Level
from tests.doctor.conftest import execute
from tests.doctor.findings import look_at
from tests.servers import SCHEMA

FIGURES = "Figures of all time read the whole table"


def test_the_hubs_indexes_are_those_of_its_schema() -> None:
    """Each CREATE INDEX, and what PRIMARY KEY and UNIQUE make."""
    text = SCHEMA.read_text()
    written = {f"{one.table} ({', '.join(one.columns)})" for one in HUB_INDEXES if not one.unique}
    created = [line for line in text.splitlines() if line.startswith("CREATE INDEX")]
    assert {line.partition(" ON ")[2].rstrip(";") for line in created} == written
    unique = [one for one in HUB_INDEXES if one.unique]
    assert len(unique) == text.count("PRIMARY KEY") + text.count(" UNIQUE")


async def test_missing_indexes_and_what_makes_them_again(dsn: str) -> None:
    for drop, words in (
        ("DROP INDEX idx_task_queue_updated_at", "index task (queue, updated_at)"),
        ("DROP INDEX idx_task_attempt_task_id_started_at", "index task_attempt (task_id, st"),
        ("DROP INDEX idx_worker_is_enabled", "index worker (is_enabled)"),
        ("ALTER TABLE task DROP CONSTRAINT task_task_id_key CASCADE", "index task (task_id)"),
        ("ALTER TABLE task_attempt DROP CONSTRAINT task_attempt_pkey", "task_attempt (id)"),
    ):
        execute(dsn, drop)
        found = (await look_at("postgres", dsn)).one("hub-index")
        assert words in found.title
        milder = Level.NOTE if "worker" in words else Level.WARNING
        assert found.level is (Level.PROBLEM if "unique" in found.title else milder)
        execute(dsn, *found.commands)
    assert (await look_at("postgres", dsn)).ok("hub-index")


async def test_an_index_under_another_name_will_do_where_its_columns_do(dsn: str) -> None:
    execute(dsn, "DROP INDEX idx_task_queue_updated_at")
    for definition, does in (
        ("task (queue, updated_at)", True),
        ("task (queue DESC, updated_at)", True),
        ("task (queue, updated_at DESC, id)", True),
        ("task (queue, updated_at) INCLUDE (status)", True),
        ("task (updated_at, queue)", False),
        ("task (queue) INCLUDE (updated_at)", False),
        ("task (queue, updated_at) WHERE status = 'fail'", False),
        ("task (lower(queue), updated_at)", False),
        ("task USING hash (queue)", False),
    ):
        execute(dsn, f"CREATE INDEX another ON {definition}")
        assert (await look_at("postgres", dsn)).ok("hub-index") is does, definition
        execute(dsn, "DROP INDEX another")


async def test_an_invalid_index(filled: str) -> None:
    with pytest.raises(psycopg.errors.UniqueViolation):
        execute(filled, 'CREATE UNIQUE INDEX CONCURRENTLY "odd \x1b[31m" ON task (queue)')
    found = await look_at("postgres", filled)
    invalid = found.one("invalid-index")
    assert invalid.level is Level.WARNING
    assert found.ok("hub-index")
    drop, create = invalid.commands
    assert create.startswith("CREATE UNIQUE INDEX CONCURRENTLY ")
    execute(filled, drop)
    assert not (await look_at("postgres", filled)).of("invalid-index")


async def test_an_invalid_index_of_the_hub_is_named_once(filled: str) -> None:
    execute(
        filled,
        "UPDATE pg_index SET indisvalid = false"
        " WHERE indexrelid = 'idx_task_status_updated_at'::regclass",
    )
    found = await look_at("postgres", filled)
    assert found.one("hub-index").title.endswith("(status, updated_at) is invalid.")
    assert not found.of("invalid-index")
    execute(filled, *found.one("hub-index").commands)
    assert (await look_at("postgres", filled)).ok("hub-index")


async def test_an_index_worth_adding_and_that_it_helps(filled: str) -> None:
    execute(filled, "VACUUM (ANALYZE)")
    found = await look_at("postgres", filled)
    advice, for_hub = found.one("advice"), found.one("advice-hub")
    assert advice.level is Level.NOTE
    assert advice.title.startswith(FIGURES)
    assert advice.commands == (
        "CREATE INDEX CONCURRENTLY ON public.task (worker_name, status, queue);",
    )
    assert "Estimates: 600 pages now, with it about " in advice.detail
    execute(filled, *advice.commands, *for_hub.commands)
    found = await look_at("postgres", filled)
    assert found.ok("advice")
    assert not found.of("advice-hub")


async def test_what_is_there_is_not_recommended(filled: str) -> None:
    execute(filled, "VACUUM (ANALYZE)")
    for definition, does in (
        ("(worker_name, queue, status)", True),
        ("(worker_name) INCLUDE (status, queue)", True),
        ("(status, worker_name, queue)", True),
        ("(worker_name, status)", False),
    ):
        execute(filled, f"CREATE INDEX mine ON task {definition}")
        advised = (await look_at("postgres", filled)).of("advice")
        assert bool(advised) is not does, definition
        execute(filled, "DROP INDEX mine")


@pytest.mark.parametrize(
    ("keys", "built"),
    [
        (Keys(2_000_000, 900, 60), 14_000_000),
        (Keys(2_000_000, 2_000_000, 16), 60_000_000),
        (Keys(2_000_000, 2_000_000, 24), 77_000_000),
    ],
)
def test_the_estimate_of_a_size(keys: Keys, built: int) -> None:
    """Sizes of indexes that were built on PostgreSQL 18."""
    assert keys.size == pytest.approx(built, rel=0.1)


async def test_the_estimate_is_near_what_the_index_takes(filled: str) -> None:
    execute(
        filled,
        "ALTER TABLE task RESET (fillfactor)",
        """INSERT INTO task (task_id, worker_name, queue, payload, status)
            SELECT 'more-' || n, 'worker-' || 1 + n % 5, 'worker-' || 1 + n % 5 || ':web:default',
                '{}', 'success' FROM generate_series(1, 20000) AS n""",
        "VACUUM (ANALYZE)",
        "CREATE INDEX mine ON task (worker_name, status, queue)",
    )
    with psycopg.connect(filled) as connection:
        row = connection.execute("SELECT pg_relation_size('mine')").fetchone()
    assert row is not None
    assert Keys(20_600, 15, 40).size == pytest.approx(row[0], rel=0.25)


async def test_polls_that_would_read_the_whole_table(filled: str) -> None:
    execute(filled, "VACUUM (ANALYZE)")
    assert (await look_at("postgres", filled)).ok("plans")
    for index, poll in (
        ("idx_task_worker_name_created_at", "the workers' figures of an hour"),
        ("idx_task_status_updated_at", "the counts by status"),
    ):
        execute(filled, f"DROP INDEX {index}")
        found = (await look_at("postgres", filled)).one("plans")
        assert found.title == "Polls would read the whole table task, 600 pages each time."
        assert poll in found.detail


async def test_no_poll_reads_the_whole_table_before_it_is_analysed(filled: str) -> None:
    assert (await look_at("postgres", filled)).ok("plans")
