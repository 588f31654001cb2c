"""A poll that makes the server read a whole table is noticed, whatever the reason."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from asynqhub_tui import notices
from asynqhub_tui.backends import Target, open_hub
from asynqhub_tui.backends.postgres import connection, plans
from asynqhub_tui.models import FAIL
from asynqhub_tui.repository import Hub, TaskFilter, Unavailable
from tests.contract.builders import make_worker, numbered
from tests.contract.engines import Postgres
from tests.servers import PostgresServer

FAILED = TaskFilter(statuses=(FAIL,))


@pytest.fixture
def dsn(postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An installation with 300 failed tasks, of a size at which a scan counts."""
    monkeypatch.setattr(plans, "SCAN_COST", 5.0)
    with postgres_server.installation() as made:
        Postgres(made).load([make_worker()], numbered(300, status=FAIL))
        execute(made, "ANALYZE")
        yield made


@pytest.fixture
async def hub(dsn: str) -> AsyncIterator[Hub]:
    async with await open_hub(Target("postgres", SecretStr(dsn))) as opened:
        yield opened


def execute(dsn: str, *statements: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def indexes(dsn: str) -> list[str]:
    """Return the definitions of the indexes of the table task that are no constraint's."""
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(
            "SELECT indexdef FROM pg_indexes WHERE tablename = 'task'"
            " AND indexname NOT IN (SELECT conname FROM pg_constraint)"
        )
        return [str(definition) for (definition,) in rows]


async def noticed(hub: Hub) -> set[str]:
    """Poll as the task list does, and return what was noticed."""
    with notices.collecting("tasks") as found:
        await hub.tasks.list_tasks(FAILED, limit=10)
        await hub.tasks.status_counts()
    return found


async def test_with_its_indexes_nothing_is_noticed(
    hub: Hub, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plans, "SCAN_COST", 100.0)  # so small a table is rightly read whole
    assert await noticed(hub) == set()


async def test_without_them_the_table_is_named(hub: Hub, dsn: str) -> None:
    there = indexes(dsn)
    assert there
    names = [definition.split(" ON ")[0].split()[-1] for definition in there]
    execute(dsn, *(f"DROP INDEX {name}" for name in names))
    try:
        assert await noticed(hub) == {"reads all of task"}
    finally:
        execute(dsn, *there)


async def test_what_nobody_collects_is_not_looked_at(hub: Hub, dsn: str) -> None:
    """What a person asks once is answered, and no more."""
    explained = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'EXPLAIN%'"
    await hub.tasks.list_tasks(FAILED, limit=10)
    with psycopg.connect(dsn) as connection:
        assert connection.execute(explained.encode()).fetchone() == (0,)


async def test_a_plan_is_looked_at_now_and_then(
    hub: Hub, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0

    def look(plan: Mapping[str, Any]) -> None:
        nonlocal looks
        looks += 1

    monkeypatch.setattr(plans, "scanned_table", look)
    await noticed(hub)
    assert looks > 0
    once = looks
    await noticed(hub)
    assert looks == once
    monkeypatch.setattr(plans, "LOOK_EVERY", 0.0)
    await noticed(hub)
    assert looks >= 2 * once


async def test_a_poll_that_is_cut_off_is_looked_at_all_the_same(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worst scan never ends within its time."""
    monkeypatch.setattr(plans, "SCAN_COST", 1.0)
    without = {f"enable_{kind}": "off" for kind in ("indexscan", "indexonlyscan", "bitmapscan")}
    settings = connection._READING | without | {"statement_timeout": "1s"}
    monkeypatch.setattr(connection, "_READING", settings)
    execute(dsn, "ALTER TABLE task RENAME TO slow_task")
    execute(dsn, "CREATE VIEW task AS SELECT slow_task.* FROM slow_task, pg_sleep(5)")
    try:
        async with await open_hub(Target("postgres", SecretStr(dsn))) as hub:
            with notices.collecting("tasks") as found, pytest.raises(Unavailable):
                await hub.tasks.status_counts()
        assert "reads all of slow_task" in found
    finally:
        execute(dsn, "DROP VIEW task", "ALTER TABLE slow_task RENAME TO task")
