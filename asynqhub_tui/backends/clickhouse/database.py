"""An open ClickHouse: lanes that read, and one that writes once something is written."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from asynqhub_tui.backends.clickhouse.errors import APPLY, closed
from asynqhub_tui.backends.clickhouse.lane import Lane
from asynqhub_tui.backends.clickhouse.location import Folder, Server
from asynqhub_tui.backends.clickhouse.rows import Row
from asynqhub_tui.backends.clickhouse.schema import LOOK, TABLES, differences
from asynqhub_tui.repository import Refused, SchemaMismatch

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

READ_TIMEOUT = 5.0
"""Seconds that one read may take."""

PATIENT = 20.0
"""Seconds for a read that a person has asked for and knows to be long."""

WRITE_TIMEOUT = 20.0

SMALL = 200_000
"""Rows of a table that is read without asking first what it costs."""

SIZE_HOLDS = 10.0
"""Seconds for which the size of a table is taken to be the same."""

_READERS = 2

_CONNECT_TIMEOUT = 5

_READING = {
    # 1 would also forbid the settings of a statement.
    "readonly": 2,
    # A poll never takes more than a small share of the server.
    "max_threads": 2,
    "max_memory_usage": 2_000_000_000,
    "priority": 10,
    # A page is a few rows: larger blocks only read ahead.
    "max_block_size": 4096,
    # A task is in one partition for ever, as its creation never changes.
    "do_not_merge_across_partitions_select_final": 1,
    # On a cluster, all rows of a task are on one shard.
    "distributed_product_mode": "local",
}

_WRITING = {
    # An insert that has returned is there to be read.
    "async_insert": 0,
    "distributed_foreground_insert": 1,
    "do_not_merge_across_partitions_select_final": 1,
    "distributed_product_mode": "local",
}

# The driver writes about errors that it also raises.
logging.getLogger("clickhouse_connect").addHandler(logging.NullHandler())
logging.getLogger("clickhouse_connect").propagate = False


class Database:
    """The lanes to one database. A read-only installation never opens the one that writes."""

    def __init__(self, location: Server | Folder, *, read_only: bool) -> None:
        self.location = location
        self.place = location.place
        self.read_only = read_only
        self.version = ""
        self._embedded = isinstance(location, Folder)
        self._lanes = [Lane(self.place, self._reader, self._kill) for _ in range(_READERS)]
        self._free: asyncio.LifoQueue[Lane] = asyncio.LifoQueue()
        for lane in self._lanes:
            self._free.put_nowait(lane)
        self._writer = Lane(self.place, self._writing, self._kill)
        self._writes = asyncio.Lock()
        self._sizes: dict[str, int | None] = {}
        self._sizes_at: float | None = None
        self._closed = False

    @classmethod
    async def open(cls, location: Server | Folder, *, read_only: bool) -> Database:
        """Connect, and `check`: of what is refused, nothing stays open."""
        database = cls(location, read_only=read_only)
        try:
            await database.check()
        except BaseException:
            await database.close()
            raise
        return database

    async def fetch(
        self,
        query: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        seconds: float = READ_TIMEOUT,
    ) -> list[Row]:
        """Return all rows of one statement."""

        def read(client: Client, settings: dict[str, Any]) -> list[Row]:
            asked = self._settings(settings)
            found = client.query(query, parameters=dict(parameters or {}), settings=asked)
            # The driver reads on only here.
            return [tuple(row) for row in found.result_rows]

        async with self._reading() as lane:
            return await lane.run(read, seconds)

    async def execute(self, statement: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Write with one statement. Raises Refused where the store is read-only."""

        def write(client: Client, settings: dict[str, Any]) -> None:
            # Not `command`: that one puts a thousand ids into the address of the request.
            client.raw_query(
                statement, parameters=dict(parameters or {}), settings=self._settings(settings)
            )

        self._check_writable()
        async with self._writes:
            await self._writer.run(write, WRITE_TIMEOUT)

    async def insert(
        self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]
    ) -> None:
        """Write rows of a table. Raises as `execute`."""
        values = list(rows)
        kinds = [TABLES[table].columns[column] for column in columns]

        def write(client: Client, settings: dict[str, Any]) -> None:
            client.insert(
                table,
                values,
                column_names=list(columns),
                column_type_names=kinds,
                settings=self._settings(settings),
            )

        self._check_writable()
        async with self._writes:
            await self._writer.run(write, WRITE_TIMEOUT)

    async def check(self) -> None:
        """Connect, and raise SchemaMismatch, naming what differs, where the tables are not ours."""
        found = await self.differences()
        if found:
            more = f", and {len(found) - 1} more" if len(found) > 1 else ""
            raise SchemaMismatch(f"{self.place} is not Asynq-Hub's: {found[0]}{more}.", hint=APPLY)

    async def differences(self) -> list[str]:
        """Say what the tables lack; nothing where all is as it should be."""
        columns: dict[str, dict[str, str]] = {}
        engines = {}
        for row in await self.fetch(LOOK, {"tables": list(TABLES)}):
            self.version, table, engine, key, column, kind = row
            if table:
                engines[table] = (engine, key)
                columns.setdefault(table, {})[column] = kind
        return differences(columns, engines)

    async def estimate(self, table: str, condition: str, parameters: Mapping[str, Any]) -> int:
        """Tell how many rows of a table are read for a condition, as its indexes have it.

        The condition is not looked at while the whole table is small. Of a table on a cluster the
        answer is about the rows of one shard.
        """
        whole = await self._size(table)
        if whole is not None and whole <= SMALL:
            return whole
        rows = await self.fetch(
            f"EXPLAIN ESTIMATE SELECT 1 FROM {table} AS t WHERE {condition}", parameters
        )
        return sum(int(row[3]) for row in rows)

    async def _size(self, table: str) -> int | None:
        """Return how many rows a table had within the last SIZE_HOLDS seconds."""
        now = time.monotonic()
        if self._sizes_at is None or now - self._sizes_at > SIZE_HOLDS:
            self._sizes = dict(
                await self.fetch(
                    """SELECT name, total_rows FROM system.tables
                    WHERE database = currentDatabase() AND name IN {tables:Array(String)}""",
                    {"tables": list(TABLES)},
                )
            )
            self._sizes_at = now
        return self._sizes.get(table)

    async def close(self) -> None:
        """Close every client. A second call does nothing."""
        self._closed = True
        for lane in (*self._lanes, self._writer):
            await lane.close()

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[Lane]:
        if self._closed:
            raise closed(self.place)
        lane = await self._free.get()
        try:
            yield lane
        finally:
            self._free.put_nowait(lane)

    def _check_writable(self) -> None:
        if self.read_only:
            raise Refused(
                f"{self.place} is open read-only.", hint="Start without read-only to change it."
            )

    def _settings(self, settings: dict[str, Any]) -> dict[str, Any]:
        """Name the statement: the embedded engine takes no id, but a comment."""
        if self._embedded:
            settings["log_comment"] = settings.pop("query_id")
        return settings

    def _reader(self) -> Client:
        return self._client(_READING)

    def _writing(self) -> Client:
        return self._client(_WRITING)

    def _kill(self, name: str) -> None:
        column = "Settings['log_comment']" if self._embedded else "query_id"
        client = self._client({})
        try:
            client.command(f"KILL QUERY WHERE {column} = {{name:String}} ASYNC", {"name": name})
        finally:
            client.close()

    def _client(self, settings: Mapping[str, Any]) -> Client:
        from clickhouse_connect import common, get_client

        # What a server does not let a user set, it has set itself.
        common.set_setting("invalid_setting_action", "drop")
        arguments = self.location.arguments()
        if not self._embedded:
            arguments |= {
                "connect_timeout": _CONNECT_TIMEOUT,
                "send_receive_timeout": int(max(PATIENT, WRITE_TIMEOUT)) + 5,
                "query_retries": 0,
                "autogenerate_session_id": False,
                "client_name": "asynqhub-tui",
            }
        try:
            return get_client(**arguments, settings=dict(settings), tz_mode="aware")
        except ImportError:
            raise Refused(
                "The embedded ClickHouse engine is not installed.",
                hint="It comes with `pip install 'asynqhub-tui[chdb]'`.",
            ) from None
