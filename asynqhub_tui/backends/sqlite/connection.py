"""One SQLite connection on a thread of its own, one statement at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite

from asynqhub_tui.backends.sqlite.errors import DRIVER_ERRORS, closed, translate
from asynqhub_tui.backends.sqlite.rows import Row
from asynqhub_tui.repository import HubError, Unavailable

TIME_LIMIT = 5.0
"""Seconds that one statement may take."""

BUSY_TIMEOUT = 2.0
"""Seconds to wait for another program's lock."""

_AGAIN = 0.02
"""Seconds between two attempts to interrupt: one that comes before the statement starts is lost."""

T = TypeVar("T")


class Statements:
    """Runs statements on a connection, each within TIME_LIMIT.

    Every method raises what `translate` makes of SQLite's errors. Cancelling one interrupts its
    statement before it returns, so that the connection is free again.
    """

    def __init__(self, connection: aiosqlite.Connection, place: str) -> None:
        self._connection = connection
        self._place = place

    async def fetch(self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> list[Row]:
        """Return all rows."""

        async def run() -> list[Row]:
            # aiosqlite's types speak of sequences only; sqlite3 binds names from a dict as well.
            rows: Any = await self._connection.execute_fetchall(sql, parameters)
            return list(rows)

        return await self._run(run)

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Return how many rows a statement changed."""

        async def run() -> int:
            async with self._connection.execute(sql, parameters) as cursor:
                return cursor.rowcount

        return await self._run(run)

    async def execute_each(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run a statement once for each row of parameters; they share the time limit."""

        async def run() -> None:
            async with self._connection.executemany(sql, rows):
                pass

        await self._run(run)

    async def _run(self, call: Callable[[], Awaitable[T]]) -> T:
        work = asyncio.ensure_future(call())
        try:
            done, _ = await asyncio.wait({work}, timeout=TIME_LIMIT)
        except asyncio.CancelledError:
            await self._interrupt(work)
            raise
        if not done:
            await self._interrupt(work)
            raise Unavailable(
                f"A query on the SQLite file {self._place} took longer than {TIME_LIMIT:g} s.",
                hint="Narrow the filter or the window.",
            )
        try:
            return work.result()
        except DRIVER_ERRORS as error:
            raise self._translated(error) from error

    async def _interrupt(self, work: asyncio.Future[Any]) -> None:
        work.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        while not work.done():
            await self._connection.interrupt()
            await asyncio.wait({work}, timeout=_AGAIN)

    def _translated(self, error: Exception) -> HubError:
        return translate(error, self._place)


class Session:
    """An open connection that several coroutines share: they take turns."""

    def __init__(self, connection: aiosqlite.Connection, place: str) -> None:
        self._connection = connection
        self._statements = Statements(connection, place)
        self._place = place
        self._turn = asyncio.Lock()
        self._closed = False

    @classmethod
    async def open(cls, path: Path, place: str, *, mode: str, query_only: bool) -> Session:
        """Open an existing file; `mode` is SQLite's, `ro` or `rw`. Raises as `translate` says."""
        uri = f"{path.as_uri()}?mode={mode}"
        try:
            connection = await aiosqlite.connect(
                uri, uri=True, timeout=BUSY_TIMEOUT, isolation_level=None
            )
        except DRIVER_ERRORS as error:
            raise translate(error, place) from error
        # A file that another program wrote may hold bytes that are no UTF-8.
        connection.text_factory = lambda data: data.decode("utf-8", "replace")
        session = cls(connection, place)
        try:
            await session.execute("PRAGMA foreign_keys = ON")
            # In write-ahead mode this loses no consistency, and the last commits only when the
            # machine itself fails.
            await session.execute("PRAGMA synchronous = NORMAL")
            await session.execute(f"PRAGMA query_only = {'ON' if query_only else 'OFF'}")
        except BaseException:
            await session.close()
            raise
        return session

    async def fetch(self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> list[Row]:
        """Return all rows of one statement."""
        async with self._mine() as statements:
            return await statements.fetch(sql, parameters)

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run one statement as a transaction, and return how many rows it changed."""
        async with self._mine() as statements:
            return await statements.execute(sql, parameters)

    @asynccontextmanager
    async def transaction(self, kind: str = "DEFERRED") -> AsyncIterator[Statements]:
        """Run several statements as one transaction: all of it holds, or nothing."""
        async with self._mine() as statements:
            try:
                await statements.execute(f"BEGIN {kind}")
                yield statements
                await statements.execute("COMMIT")
            finally:
                # Still open: a statement failed, or the caller was cancelled.
                if self._connection.in_transaction:
                    await statements.execute("ROLLBACK")

    async def close(self) -> None:
        """Interrupt what runs and close the connection. A second call does nothing."""
        if self._closed:
            return
        self._closed = True
        while True:
            try:
                await asyncio.wait_for(self._turn.acquire(), _AGAIN)
            except TimeoutError:
                await self._connection.interrupt()
            else:
                break
        await self._connection.close()
        self._turn.release()

    @asynccontextmanager
    async def _mine(self) -> AsyncIterator[Statements]:
        async with self._turn:
            if self._closed:
                raise closed(self._place)
            yield self._statements
