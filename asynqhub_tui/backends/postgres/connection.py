"""Connections to the hub's database: a small pool that reads, and short ones that write."""

from __future__ import annotations

import asyncio
import json
import logging
import string
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

from asynqhub_tui import notices
from asynqhub_tui.backends.postgres.conninfo import CONNECT_TIMEOUT, Address
from asynqhub_tui.backends.postgres.errors import (
    connect_error,
    is_lost,
    statement_error,
    unwritable,
)
from asynqhub_tui.backends.postgres.kept import KeptConnection
from asynqhub_tui.backends.postgres.plans import Plan, Plans
from asynqhub_tui.backends.postgres.times import BoundedTimestamptzLoader
from asynqhub_tui.repository import HubError, Refused, Unavailable

READ_TIMEOUT = 3.0
"""Seconds that the server may take for a read of a screen."""

LONG_TIMEOUT = 10.0
"""Seconds for what a person asked for and is told to take long."""

WRITE_TIMEOUT = 10.0
"""Seconds for one statement that writes."""

_CONNECTIONS = 2
"""How many statements read at the same time."""

_GRACE = 5.0
"""Seconds on top of the server's own timeout, after which the network is to blame."""

_COMMON = {
    "lock_timeout": "1s",
    "idle_in_transaction_session_timeout": "15s",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    # A generic plan does not see that a range of times is short, and reads the whole table.
    "plan_cache_mode": "force_custom_plan",
    "work_mem": "16MB",
    "timezone": "UTC",
}
_READING = _COMMON | {
    "default_transaction_read_only": "on",
    "statement_timeout": f"{READ_TIMEOUT:.0f}s",
    # The server notices that we are gone, instead of finishing a query for nobody.
    "client_connection_check_interval": "2s",
}
# Whoever has the time to sort a whole table has the memory, too.
_PATIENT = {"work_mem": "64MB"}
_READING_BEHIND_POOLER = _COMMON | {"transaction_read_only": "on"}
_WRITING = _COMMON | {"statement_timeout": f"{WRITE_TIMEOUT:.0f}s", "lock_timeout": "5s"}

_REFUSED_OPTIONS = ("unsupported startup parameter", "client_connection_check_interval")

Row = tuple[Any, ...]
Params = Mapping[str, Any]

# The pool logs every failed attempt, and a log line would land in the middle of the screen. What
# failed is raised to the caller.
logging.getLogger("psycopg").addHandler(logging.NullHandler())


class Database:
    """The hub's database, as every part of the backend uses it.

    All reads go through `fetch`, a statement at a time, without a transaction that would outlive
    it. Settings travel in the startup packet. A pooler such as pgbouncer refuses them there, and a
    plain SET would stick to a server connection that others use next; behind one, every statement
    gets a short transaction with SET LOCAL instead.

    `version` is the server's, `last_character` the one that its collation sorts behind all others
    of a task id; None where it makes one letter of two characters.
    """

    def __init__(self, address: Address, *, read_only: bool) -> None:
        self.address = address
        self.read_only = read_only
        self.place = address.place
        self.version = ""
        self.last_character: str | None = None
        self._pool: AsyncConnectionPool[AsyncConnection[Row]] | None = None
        self._opening = asyncio.Lock()
        self._turns = asyncio.Semaphore(_CONNECTIONS)
        self._behind_pooler = False
        self._closed = False
        self._writer = KeptConnection()
        self._plans = Plans()

    async def open(self) -> None:
        """Connect. Raises Unavailable or Refused, with the reason."""
        await self._ready()

    async def close(self) -> None:
        """Close every connection."""
        self._closed = True
        await self._writer.close()
        if self._pool is not None:
            await self._discard(self._pool)

    async def fetch(
        self, query: str, params: Params | None = None, *, seconds: float = READ_TIMEOUT
    ) -> list[Row]:
        """Run one reading statement, for at most `seconds`, and return its rows.

        A connection that turns out to be dead, as after a restart of the server, is replaced and
        the statement run once more. Of a poll it is noticed when the server reads a whole table.
        """
        question = notices.question()
        if question is None:
            return await self._fetch_twice(query, params, seconds)
        started = time.monotonic()
        try:
            rows = await self._fetch_twice(query, params, seconds)
        except HubError as error:
            if isinstance(error.__cause__, psycopg.errors.QueryCanceled):  # it took too long
                await self._look_at_plan(question, query, params)
            raise
        if self._plans.is_due(question, query, time.monotonic() - started):
            await self._look_at_plan(question, query, params)
        return rows

    async def explain(self, query: str, params: Params | None = None) -> Plan:
        """Return how a statement would be run; it is not run."""
        [(found,)] = await self._fetch_twice(f"EXPLAIN (FORMAT JSON) {query}", params, READ_TIMEOUT)
        plans = json.loads(found) if isinstance(found, str) else found
        plan: Plan = plans[0]["Plan"]
        return plan

    async def _fetch_twice(self, query: str, params: Params | None, seconds: float) -> list[Row]:
        try:
            return await self._fetch(query, params, seconds)
        except _Lost:
            pass
        try:
            return await self._fetch(query, params, seconds)
        except _Lost as lost:
            raise lost.error from lost.error.__cause__

    async def _look_at_plan(self, question: str, query: str, params: Params | None) -> None:
        try:
            plan = await self.explain(query, params)
        except HubError:
            return  # the question has its own answer all the same, or its own error
        if (table := self._plans.learn(question, query, plan)) is not None:
            notices.notice(f"reads all of {table}")

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection[Row]]:
        """Give a connection of its own for one write, in autocommit.

        It is closed once no write has needed it for some seconds: a bulk action writes many times
        in a row. Raises Refused when the hub was opened read-only; no connection is opened then.
        """
        if self.read_only:
            raise Refused(
                f"{self.place} is open read-only.", hint="Start without read-only to change it."
            )
        connection = await self._writer.take() or await self._connect(_WRITING)
        try:
            yield connection
        except psycopg.Error as error:
            raise statement_error(error, self.place) from error
        except UnicodeEncodeError as error:
            raise unwritable(self.place) from error
        finally:
            await self._writer.keep(connection)

    async def _fetch(self, query: str, params: Params | None, seconds: float) -> list[Row]:
        async with self._turns:
            return await self._fetch_in_turn(query, params, seconds)

    async def _fetch_in_turn(self, query: str, params: Params | None, seconds: float) -> list[Row]:
        pool = await self._ready()
        try:
            async with asyncio.timeout(seconds + _GRACE), pool.connection() as connection:
                if seconds == READ_TIMEOUT and not self._behind_pooler:
                    return await _rows(connection, query, params)
                return await self._rows_within(connection, query, params, seconds)
        except TimeoutError:
            await self._discard(pool)
            raise Unavailable(
                f"{self.place} did not answer in time.", hint="The network may be down."
            ) from None
        except (PoolTimeout, PoolClosed) as error:
            await self._discard(pool)
            raise _Lost(Unavailable(f"{self.place} gave no connection in time.")) from error
        except psycopg.Error as error:
            refusal = statement_error(error, self.place)
            if is_lost(error):
                await self._discard(pool)
                raise _Lost(refusal) from error
            raise refusal from error
        except UnicodeEncodeError as error:
            raise unwritable(self.place) from error

    async def _rows_within(
        self,
        connection: AsyncConnection[Row],
        query: str,
        params: Params | None,
        seconds: float,
    ) -> list[Row]:
        settings = _READING_BEHIND_POOLER if self._behind_pooler else {}
        if seconds > READ_TIMEOUT:
            settings = settings | _PATIENT
        settings = settings | {"statement_timeout": f"{seconds:.0f}s"}
        async with connection.transaction():
            await connection.execute(_SET_LOCAL, [list(settings), list(settings.values())])
            return await _rows(connection, query, params)

    async def _ready(self) -> AsyncConnectionPool[AsyncConnection[Row]]:
        async with self._opening:
            if self._closed:
                raise Unavailable(f"{self.place} was closed.")
            if self._pool is None:
                # The pool itself would only say that it waited in vain, and after long.
                await self._probe()
                self._pool = self._new_pool()
                await self._pool.open()
            return self._pool

    async def _probe(self) -> None:
        connection = await self._connect(_READING)
        try:
            self.place = self.address.seen_as(connection.info).place
            [(self.version, read_only, self.last_character)] = await _rows(
                connection, _PROBE, {"characters": _characters(connection)}
            )
            # A pooler may also swallow the settings without a word.
            self._behind_pooler = read_only != "on"
        except psycopg.Error as error:
            raise statement_error(error, self.place) from error
        finally:
            await connection.close()

    async def _connect(self, settings: Mapping[str, str]) -> AsyncConnection[Row]:
        try:
            if not self._behind_pooler:
                try:
                    return await self._connect_to(self.address.with_settings(settings))
                except psycopg.OperationalError as error:
                    if not any(words in str(error) for words in _REFUSED_OPTIONS):
                        raise
                    self._behind_pooler = True
            return await self._connect_to(self.address.conninfo.get_secret_value())
        except psycopg.Error as error:
            raise connect_error(error, self.place) from error

    async def _connect_to(self, conninfo: str) -> AsyncConnection[Row]:
        connection = await AsyncConnection.connect(
            conninfo, autocommit=True, prepare_threshold=None
        )
        await _configure(connection)
        return connection

    def _new_pool(self) -> AsyncConnectionPool[AsyncConnection[Row]]:
        plain = self._behind_pooler
        return AsyncConnectionPool(
            self.address.conninfo.get_secret_value()
            if plain
            else self.address.with_settings(_READING),
            min_size=1,
            max_size=_CONNECTIONS,
            open=False,
            timeout=CONNECT_TIMEOUT,
            configure=_configure,
            kwargs={"autocommit": True, "prepare_threshold": None},
        )

    async def _discard(self, pool: AsyncConnectionPool[AsyncConnection[Row]]) -> None:
        if self._pool is pool:
            self._pool = None
        await pool.close(timeout=1)


class _Lost(Exception):
    """The connection went away under a read."""

    def __init__(self, error: HubError) -> None:
        super().__init__(error)
        self.error = error


# Whether two characters can make one letter, as ch does in Czech and aa in Danish: it then sorts
# elsewhere than its first character.
_PROBE = """
WITH letter AS (
    SELECT character FROM unnest(%(characters)s::text[]) AS among(character)
), last AS (
    SELECT max(character) AS character FROM letter
), pairs AS (
    SELECT bool_and(
        one.character || other.character <= one.character || last.character || last.character
    ) AS simple
    FROM letter AS one CROSS JOIN letter AS other CROSS JOIN last
)
SELECT split_part(current_setting('server_version'), ' ', 1),
    current_setting('default_transaction_read_only'),
    CASE WHEN pairs.simple THEN last.character END
FROM last CROSS JOIN pairs
"""

_SET_LOCAL = """
SELECT set_config(name, value, true) FROM unnest(%s::text[], %s::text[]) AS setting(name, value)
"""


def _characters(connection: AsyncConnection[Row]) -> list[str]:
    """What task ids are made of, and what comes late in one collation or another."""
    utf8 = connection.info.parameter_status("server_encoding") == "UTF8"
    last = "ÿЯ龥힣" + chr(sys.maxunicode) if utf8 else "~"
    return [*string.ascii_letters, *string.digits, "-", *last]


async def _configure(connection: AsyncConnection[Row]) -> None:
    connection.adapters.register_loader("timestamptz", BoundedTimestamptzLoader)


async def _rows(connection: AsyncConnection[Row], query: str, params: Params | None) -> list[Row]:
    cursor = await connection.execute(query, params)
    return await cursor.fetchall()
