"""What can go wrong with a PostgreSQL: one sentence that names what, where and what to do."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest
from pydantic import SecretStr

from asynqhub_tui.backends import Target, open_hub
from asynqhub_tui.backends.postgres.connection import READ_TIMEOUT
from asynqhub_tui.models import SUCCESS
from asynqhub_tui.repository import (
    Hub,
    HubError,
    Refused,
    SchemaMismatch,
    TaskFilter,
    Unavailable,
)
from tests.contract.builders import make_attempt, make_task, make_worker
from tests.contract.engines import Postgres
from tests.servers import PASSWORD, PostgresServer, free_port


@pytest.fixture
def dsn(postgres_server: PostgresServer) -> Iterator[str]:
    """An installation with the worker `worker-1` and the task `t1`."""
    with postgres_server.installation() as made:
        Postgres(made).load([make_worker()], [make_task()])
        yield made


@pytest.fixture
async def hub(dsn: str) -> AsyncIterator[Hub]:
    """The same, open."""
    async with await open_hub(target(dsn)) as opened:
        yield opened


def target(dsn: str) -> Target:
    return Target("postgres", SecretStr(dsn))


def execute(dsn: str, *statements: str) -> None:
    """Run statements as the administrator."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


async def refusal(dsn: str | None) -> HubError:
    """Return why an installation cannot be opened, and check how it is said."""
    with pytest.raises(HubError) as caught:
        await open_hub(Target("postgres", None if dsn is None else SecretStr(dsn)))
    return checked(caught.value)


def checked(error: HubError) -> HubError:
    """Check that an error is one sentence and what to do, without a secret."""
    assert error.what.endswith(".")
    assert "\n" not in error.what
    assert error.hint
    for secret in (PASSWORD, "s3cr", "wrong-secret", "%40t"):
        assert secret not in str(error)
    return error


def place(dsn: str) -> str:
    return dsn.rpartition("@")[2]


async def test_a_wrong_password(postgres_server: PostgresServer, dsn: str) -> None:
    database = dsn.rpartition("/")[2]
    error = await refusal(postgres_server.dsn(database, password="wrong-secret"))
    assert isinstance(error, Refused)
    assert "password" in error.what
    assert place(dsn) in error.what


async def test_no_password(postgres_server: PostgresServer) -> None:
    error = await refusal(postgres_server.dsn("hub", password=None))
    assert isinstance(error, Refused)
    assert "password" in error.what


async def test_an_unknown_user(postgres_server: PostgresServer) -> None:
    assert isinstance(await refusal(postgres_server.dsn("hub", user="nobody")), Refused)


async def test_an_unknown_database(postgres_server: PostgresServer) -> None:
    error = await refusal(postgres_server.dsn("no_such_hub"))
    assert isinstance(error, Refused)
    assert "no_such_hub" in error.what
    assert "no such database" in error.what


async def test_an_unknown_host(postgres_server: PostgresServer) -> None:
    error = await refusal("postgresql://hub:wrong-secret@no-such-host.invalid:5433/hub")
    assert isinstance(error, Unavailable)
    assert "host" in error.what
    assert "no-such-host.invalid:5433/hub" in error.what


async def test_a_closed_port() -> None:
    port = free_port()
    error = await refusal(f"postgresql://hub:wrong-secret@127.0.0.1:{port}/hub")
    assert isinstance(error, Unavailable)
    assert error.what == f"Nothing listens at 127.0.0.1:{port}/hub."


async def test_a_host_that_does_not_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        error = await refusal(f"postgresql://hub:s3cr@127.0.0.1:{port}/hub?connect_timeout=2")
    assert isinstance(error, Unavailable)
    assert "did not answer in time" in error.what


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://hub:s3cr@t@db1:5432/hub",
        "postgresql://hub:s3cr/%40t@db1:5432/hub",
        "postgresql://hub:12/s3cr@db1:5432/hub",
        "postgresql://hub:s3cr%zz@db1/hub",
        "host=db1 pasword=s3cr",
        "postgresql://db1:s3cr/hub",
        "s3cr",
    ],
)
async def test_a_dsn_that_is_none(dsn: str) -> None:
    error = await refusal(dsn)
    assert isinstance(error, Refused)
    assert "DSN" in error.what


async def test_no_dsn() -> None:
    error = await refusal(None)
    assert isinstance(error, Refused)
    assert "POSTGRES_DSN" in error.hint


async def test_another_database(postgres_server: PostgresServer) -> None:
    error = await refusal(postgres_server.dsn("postgres"))
    assert isinstance(error, SchemaMismatch)
    assert "no table worker" in error.what
    assert "database that the hub uses" in error.hint


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("DROP TABLE task_attempt", "no table task_attempt"),
        ("ALTER TABLE task DROP COLUMN trace_id", "no column task.trace_id"),
        ("ALTER TABLE task RENAME COLUMN queue TO queues", "no column task.queue"),
        (
            "ALTER TABLE task_attempt ALTER started_at TYPE timestamp",
            "task_attempt.started_at at {place} is timestamp without time zone",
        ),
        (
            "ALTER TABLE worker ALTER is_enabled DROP DEFAULT, ALTER is_enabled TYPE text",
            "worker.is_enabled at {place} is text",
        ),
    ],
)
async def test_a_schema_that_is_not_the_hubs(dsn: str, change: str, said: str) -> None:
    execute(dsn, change)
    error = await refusal(dsn)
    assert isinstance(error, SchemaMismatch)
    assert said.format(place=place(dsn)) in error.what
    assert place(dsn) in error.what


async def test_a_column_that_goes_missing_under_way(hub: Hub, dsn: str) -> None:
    execute(dsn, "ALTER TABLE task DROP COLUMN trace_id")
    with pytest.raises(SchemaMismatch, match="trace_id") as caught:
        await hub.tasks.get_task("t1")
    assert place(dsn) in checked(caught.value).what


async def test_tables_that_this_user_may_not_read(
    postgres_server: PostgresServer, dsn: str
) -> None:
    database = dsn.rpartition("/")[2]
    reader = f"reader_{database}"
    execute(dsn, f"CREATE ROLE {reader} LOGIN PASSWORD 's3cr'")
    async with await open_hub(
        target(postgres_server.dsn(database, user=reader, password="s3cr"))
    ) as hub:
        with pytest.raises(Refused, match="permission denied for table") as caught:
            await hub.tasks.list_tasks(TaskFilter())
    checked(caught.value)
    execute(dsn, f"DROP ROLE {reader}")


async def test_a_query_that_takes_too_long(hub: Hub, dsn: str) -> None:
    """Another session holds the table for as long as the query waits."""
    with psycopg.connect(dsn) as blocker:
        blocker.execute("LOCK TABLE task IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(Unavailable) as caught:
            await hub.tasks.get_task("t1")
    assert place(dsn) in checked(caught.value).what
    assert (await hub.tasks.get_task("t1")).task_id == "t1"


async def test_a_statement_timeout(postgres_server: PostgresServer, dsn: str) -> None:
    execute(
        dsn,
        "ALTER TABLE task RENAME TO slow",
        "CREATE VIEW task AS SELECT slow.* FROM slow, LATERAL (SELECT pg_sleep(60)) AS nap",
    )
    assert READ_TIMEOUT < 10
    async with await open_hub(target(dsn)) as hub:
        with pytest.raises(Unavailable, match="did not finish a query in the time") as caught:
            await hub.tasks.get_task("t1")
        assert "filter" in checked(caught.value).hint
        assert [worker.worker_name for worker in await hub.workers.list()] == ["worker-1"]


async def test_too_many_connections(postgres_server: PostgresServer, dsn: str) -> None:
    database = dsn.rpartition("/")[2]
    one = f"one_{database}"
    execute(dsn, f"CREATE ROLE {one} LOGIN PASSWORD 's3cr' CONNECTION LIMIT 1")
    one_dsn = postgres_server.dsn(database, user=one, password="s3cr")
    with psycopg.connect(one_dsn):
        error = await refusal(one_dsn)
    assert isinstance(error, Unavailable)
    assert "no free connection" in error.what
    execute(dsn, f"DROP ROLE {one}")


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    """A server that a test may stop."""
    with PostgresServer() as server:
        yield server


async def test_a_restart_in_mid_session(own_server: PostgresServer) -> None:
    dsn = own_server.create_database()
    Postgres(dsn).load([make_worker()], [make_task()])
    async with await open_hub(target(dsn)) as hub:
        await asyncio.gather(*(hub.tasks.get_task("t1") for _ in range(4)))
        own_server.restart()
        assert (await hub.tasks.get_task("t1")).task_id == "t1"
        own_server.restart()
        found = await asyncio.gather(*(hub.tasks.get_task("t1") for _ in range(6)))
        assert {task.task_id for task in found} == {"t1"}

        own_server.stop()
        for _ in range(3):
            with pytest.raises(Unavailable, match="Nothing listens") as caught:
                await hub.tasks.get_task("t1")
            assert place(dsn) in checked(caught.value).what
        with pytest.raises(Unavailable):
            await hub.tasks.update_task_status("t1", SUCCESS, 1, None, None)
        own_server.start()
        await hub.tasks.update_task_status("t1", SUCCESS, 1, None, None)
        assert (await hub.tasks.get_task("t1")).status == SUCCESS


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ("{", "JSON|json"),
        ("", "json"),
        ('{"a": "\\u0000"}', "Unicode"),
        ('{"a": "\x00"}', "NUL"),
        ('{"a": "\ud800"}', "character"),
    ],
)
async def test_a_payload_that_cannot_be_kept(hub: Hub, payload: str, said: str) -> None:
    with pytest.raises(Refused, match=said) as caught:
        await hub.tasks.upsert_task(make_task("t2", payload=payload))
    assert "\x00" not in str(caught.value)


async def test_values_that_cannot_be_kept(hub: Hub) -> None:
    with pytest.raises(Refused, match="NUL"):
        await hub.tasks.insert_attempt(make_attempt(error="a\x00b"))
    with pytest.raises(Refused, match="out of range"):
        await hub.tasks.insert_attempt(make_attempt(attempt=2**40))
    with pytest.raises(Refused, match="NUL"):
        await hub.workers.upsert(make_worker("a\x00b"))


async def test_a_filter_that_no_row_can_match_is_refused(hub: Hub) -> None:
    for odd in ("\x00", "\ud800"):
        with pytest.raises(Refused):
            await hub.tasks.list_tasks(TaskFilter(worker_name=odd))
