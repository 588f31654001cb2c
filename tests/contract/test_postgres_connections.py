"""How connections to PostgreSQL behave: settings, writing, cancelling, poolers."""

from __future__ import annotations

import asyncio
import re
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from asynqhub_tui.backends import Target, open_hub
from asynqhub_tui.backends.postgres import kept
from asynqhub_tui.backends.postgres.connection import LONG_TIMEOUT, Database
from asynqhub_tui.backends.postgres.conninfo import parse
from asynqhub_tui.models import FAIL, SUCCESS, Window
from asynqhub_tui.repository import Hub, Refused, TaskFilter
from tests.contract.builders import WORKER, make_attempt, make_task, make_worker
from tests.contract.engines import Postgres
from tests.servers import PostgresServer

SETTINGS = """
SELECT name, setting FROM pg_settings WHERE name = ANY(ARRAY['application_name',
    'default_transaction_read_only', 'statement_timeout', 'jit', 'plan_cache_mode', 'TimeZone',
    'max_parallel_workers_per_gather'])
"""


@pytest.fixture
def dsn(postgres_server: PostgresServer) -> Iterator[str]:
    """An installation with the worker `worker-1` and the task `t1`."""
    with postgres_server.installation() as made:
        Postgres(made).load([make_worker()], [make_task()])
        yield made


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    """A connection to it, as every part of the backend uses it."""
    async with opened(dsn) as connected:
        yield connected


@asynccontextmanager
async def opened(dsn: str) -> AsyncIterator[Database]:
    made = Database(parse(SecretStr(dsn)), read_only=False)
    await made.open()
    try:
        yield made
    finally:
        await made.close()


def target(dsn: str, *, read_only: bool = False) -> Target:
    return Target("postgres", SecretStr(dsn), read_only)


async def settings_of(database: Database) -> dict[str, str]:
    found: dict[str, str] = dict(await database.fetch(SETTINGS))
    return found


def sessions(dsn: str, condition: str = "true") -> list[tuple[Any, ...]]:
    """Return state and query of the dashboard's sessions on a database."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        return connection.execute(
            f"""SELECT state, query FROM pg_stat_activity WHERE datname = current_database()
            AND application_name = 'asynqhub-tui' AND {condition}""".encode()
        ).fetchall()


async def eventually(dsn: str, condition: str, number: int) -> None:
    """Wait until so many of the dashboard's sessions fulfil a condition."""
    async with asyncio.timeout(20):
        while len(sessions(dsn, condition)) != number:  # noqa: ASYNC110 - the server has no event
            await asyncio.sleep(0)


async def test_it_says_where_it_is(postgres_server: PostgresServer, dsn: str) -> None:
    database = dsn.rpartition("/")[2]
    async with await open_hub(target(dsn)) as hub:
        assert hub.info.place == f"127.0.0.1:{postgres_server.port}/{database}"
        assert re.fullmatch(r"PostgreSQL 18\.\d+", hub.info.version)
    async with await open_hub(target(postgres_server.socket_dsn(database))) as hub:
        place = f"{postgres_server.folder}:{postgres_server.port}/{database}"
        assert hub.info.place == place


async def test_sessions_read_in_utc_and_within_bounds(database: Database) -> None:
    assert await settings_of(database) == {
        "application_name": "asynqhub-tui",
        "default_transaction_read_only": "on",
        "statement_timeout": "3000",
        "jit": "off",
        "plan_cache_mode": "force_custom_plan",
        "TimeZone": "UTC",
        "max_parallel_workers_per_gather": "0",
    }


async def test_a_longer_timeout_ends_with_its_query(database: Database) -> None:
    timeout = "SELECT current_setting('statement_timeout')"
    assert await database.fetch(timeout, seconds=LONG_TIMEOUT) == [("10s",)]
    assert await database.fetch(timeout) == [("3s",)]


async def test_reads_cannot_write(database: Database) -> None:
    with pytest.raises(Refused, match="read-only"):
        await database.fetch("DELETE FROM task RETURNING id")


async def test_settings_of_the_dsn_hold_too(dsn: str) -> None:
    """The hub's driver takes them as parameters, and its own ones go nowhere."""
    parameters = "?sslmode=prefer&pool_max_conns=7&search_path=public%2C%20extra&work_mem=5MB"
    async with opened(dsn + parameters) as database:
        assert await database.fetch("SELECT current_setting('search_path')") == [("public, extra",)]
        assert (await settings_of(database))["default_transaction_read_only"] == "on"


async def test_read_only_opens_no_connection_to_write(
    postgres_server: PostgresServer, dsn: str
) -> None:
    async with await open_hub(target(dsn, read_only=True)) as hub:
        await asyncio.gather(*(hub.tasks.get_task("t1") for _ in range(4)))
        await eventually(dsn, "state = 'idle'", 2)
        before = postgres_server.connections(dsn)
        with pytest.raises(Refused, match="read-only"):
            await hub.tasks.update_task_status("t1", FAIL, 1, None, None)
        with pytest.raises(Refused, match="read-only"):
            await hub.workers.delete(WORKER)
        assert postgres_server.connections(dsn) == before
    async with await open_hub(target(dsn)) as hub:
        before = postgres_server.connections(dsn)
        await hub.tasks.update_task_status("t1", FAIL, 1, None, None)
        assert postgres_server.connections(dsn) > before


async def test_a_write_leaves_no_session(dsn: str) -> None:
    async with await open_hub(target(dsn)) as hub:
        await hub.tasks.update_task_status("t1", SUCCESS, 1, None, None)
        await eventually(dsn, "query LIKE 'UPDATE%'", 0)
    await eventually(dsn, "true", 0)


async def test_cancelling_a_call_cancels_its_query(database: Database, dsn: str) -> None:
    for _ in range(3):
        calls = [
            asyncio.create_task(database.fetch("SELECT pg_sleep(600)", seconds=LONG_TIMEOUT))
            for _ in range(3)
        ]
        await eventually(dsn, "state = 'active' AND query LIKE '%pg_sleep%'", 2)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        assert all(call.cancelled() for call in calls)
        await eventually(dsn, "state <> 'idle'", 0)
        assert await database.fetch("SELECT 1") == [(1,)]
    assert len(sessions(dsn)) <= 2


async def test_a_cancelled_write_is_undone(dsn: str) -> None:
    async with await open_hub(target(dsn)) as hub:
        with psycopg.connect(dsn) as other:
            other.execute("UPDATE task SET priority = 9")
            call = asyncio.create_task(hub.tasks.update_task_status("t1", FAIL, 1, None, None))
            await eventually(dsn, "wait_event_type = 'Lock'", 1)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            await eventually(dsn, "query LIKE '%UPDATE task%'", 0)
        assert (await hub.tasks.get_task("t1")).status == "pending"


async def test_closing_ends_every_session(dsn: str) -> None:
    hub = await open_hub(target(dsn))
    await asyncio.gather(*(hub.tasks.list_tasks(TaskFilter()) for _ in range(5)))
    await hub.close()
    await eventually(dsn, "true", 0)


async def test_no_transaction_stays_open(dsn: str) -> None:
    """One that did would keep the server from vacuuming."""
    async with await open_hub(target(dsn)) as hub:
        batches = aiter(hub.tasks.task_refs(TaskFilter()))
        await anext(batches)
        await hub.tasks.fleet_stats(Window.ALL)
        assert sessions(dsn, "state LIKE 'idle in transaction%'") == []
        assert [batch async for batch in batches] == []


async def test_times_beyond_what_python_knows_are_the_last_and_the_first(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "UPDATE task SET updated_at = 'infinity', created_at = '0044-03-15 12:00+00 BC'"
        )
    async with await open_hub(target(dsn)) as hub:
        task = await hub.tasks.get_task("t1")
        listed = (await hub.tasks.list_tasks(TaskFilter())).tasks
    assert task.updated_at == datetime.max.replace(tzinfo=UTC)
    assert task.created_at == datetime.min.replace(tzinfo=UTC)
    assert [one.task_id for one in listed] == ["t1"]


class Pooler:
    """What a pooler in transaction mode does to a client's settings: it refuses `options` in the
    startup packet, or takes them and drops them. Everything else goes through.
    """

    def __init__(self, server: PostgresServer, *, refuses: bool) -> None:
        self._server = server
        self._refuses = refuses
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Pooler]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        async with server:
            self.port = server.sockets[0].getsockname()[1]
            yield self
        await asyncio.gather(*self._tasks)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._forward(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        code, body = await self._startup(reader)
        while code in (80877103, 80877104):  # asks for TLS or GSS
            writer.write(b"N")
            code, body = await self._startup(reader)
        if code == 196608:
            names = body.split(b"\0")
            parameters = dict(zip(names[0::2], names[1::2], strict=False))
            if b"options" in parameters and self._refuses:
                text = b"SFATAL\0C08P01\0Munsupported startup parameter: options\0\0"
                writer.write(b"E" + struct.pack("!i", len(text) + 4) + text)
                return
            parameters.pop(b"options", None)
            body = b"".join(
                name + b"\0" + value + b"\0" for name, value in parameters.items() if name
            )
            body += b"\0"
        there, onward = await asyncio.open_connection(self._server.host, self._server.port)
        onward.write(struct.pack("!ii", len(body) + 8, code) + body)
        await asyncio.gather(_copy(reader, onward), _copy(there, writer))

    @staticmethod
    async def _startup(reader: asyncio.StreamReader) -> tuple[int, bytes]:
        length, code = struct.unpack("!ii", await reader.readexactly(8))
        return code, await reader.readexactly(length - 8)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


@pytest.mark.parametrize("refuses", [True, False], ids=["refuses options", "drops options"])
async def test_behind_a_pooler_no_setting_outlives_its_statement(
    postgres_server: PostgresServer, dsn: str, refuses: bool
) -> None:
    """A plain SET would stay with the pooler's connection and make other clients read-only."""
    async with Pooler(postgres_server, refuses=refuses).listening() as pooler:
        behind = dsn.replace(f":{postgres_server.port}/", f":{pooler.port}/")
        async with opened(behind) as database:
            with pytest.raises(Refused, match="read-only"):
                await database.fetch("DELETE FROM task RETURNING id")
            settings = await settings_of(database)
            assert settings["statement_timeout"] == "3000"
            assert settings["TimeZone"] == "UTC"
            pool = database._pool
            assert pool is not None
            async with pool.connection() as connection:
                cursor = await connection.execute(SETTINGS)
                plain: dict[str, str] = dict(await cursor.fetchall())
            assert plain["default_transaction_read_only"] == "off"
            assert plain["statement_timeout"] == "0"
        async with await open_hub(target(behind)) as hub:
            await hub.tasks.insert_attempt(make_attempt(status=FAIL))
            await hub.tasks.update_task_status("t1", FAIL, 1, None, None)
            assert (await hub.tasks.list_tasks(TaskFilter())).tasks[0].status == FAIL


def writers(dsn: str) -> set[int]:
    """Return the process ids of the dashboard's sessions that last wrote, or were asked to wait."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        rows = connection.execute(
            """SELECT pid FROM pg_stat_activity WHERE datname = current_database()
            AND application_name = 'asynqhub-tui' AND query LIKE '%UPDATE%'"""
        ).fetchall()
    return {pid for (pid,) in rows}


async def heartbeat(hub: Hub) -> None:
    """Write something small."""
    await hub.workers.update_heartbeat(WORKER, datetime.now(UTC))


async def test_writes_in_a_row_share_a_connection(dsn: str) -> None:
    async with await open_hub(target(dsn)) as hub:
        await heartbeat(hub)
        first = writers(dsn)
        await heartbeat(hub)
        assert writers(dsn) == first
        assert len(first) == 1
        await asyncio.gather(*(heartbeat(hub) for _ in range(3)))
        await heartbeat(hub)
        assert len(writers(dsn)) == 1, "of several at once one is kept"


async def test_a_connection_that_nobody_writes_with_is_closed(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "KEPT_FOR", 0.0)
    async with await open_hub(target(dsn)) as hub:
        await heartbeat(hub)
        await eventually(dsn, "query LIKE '%UPDATE%'", 0)


async def test_a_kept_connection_may_have_died(dsn: str) -> None:
    async with await open_hub(target(dsn)) as hub:
        await heartbeat(hub)
        [pid] = writers(dsn)
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        await heartbeat(hub)
        assert pid not in writers(dsn)
