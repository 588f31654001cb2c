"""An open SQLite file: a connection that reads, and one that writes once something is written."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from asynqhub_tui.backends.sqlite.connection import Session, Statements
from asynqhub_tui.backends.sqlite.errors import closed
from asynqhub_tui.backends.sqlite.location import MEMORY, check_readable, shown
from asynqhub_tui.backends.sqlite.rows import Row
from asynqhub_tui.backends.sqlite.schema import COLUMNS_QUERY, TABLES, create, difference
from asynqhub_tui.repository import Refused, SchemaMismatch


class Database:
    """The reading connection, and the writing one, which a read-only installation never opens."""

    def __init__(
        self,
        path: Path,
        place: str,
        reader: Session,
        *,
        read_only: bool,
        folder: tempfile.TemporaryDirectory[str] | None,
    ) -> None:
        self.place = place
        self.read_only = read_only
        self._path = path
        self._reader = reader
        self._folder = folder
        self._writer: Session | None = None
        self._opening = asyncio.Lock()
        self._closed = False

    @classmethod
    async def open(cls, path: Path | None, *, read_only: bool) -> Database:
        """Open a file and check its tables; without one, a fresh store that goes when closed.

        That one is a temporary file as well: of a database in memory two connections see the same
        only in a mode in which a reader and a writer turn each other away.
        """
        folder = None
        if path is None:
            folder = tempfile.TemporaryDirectory(prefix="asynqhub-tui-")
            path, place = Path(folder.name) / "hub.db", MEMORY
        else:
            place = shown(path)
        try:
            if folder is not None:
                await asyncio.to_thread(create, path)
            await asyncio.to_thread(check_readable, path)
            mode = "ro" if read_only else "rw"
            reader = await Session.open(path, place, mode=mode, query_only=True)
            try:
                await _check_schema(reader, place)
            except BaseException:
                await reader.close()
                raise
        except BaseException:
            if folder is not None:
                folder.cleanup()
            raise
        return cls(path, place, reader, read_only=read_only, folder=folder)

    async def fetch(self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> list[Row]:
        """Return all rows of one statement."""
        return await self._reader.fetch(sql, parameters)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Statements]:
        """Run several reads that see one state of the store."""
        async with self._reader.transaction() as statements:
            yield statements

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Write with one statement, and return how many rows it changed. Raises Refused where the
        store is read-only.
        """
        writer = await self._writing()
        return await writer.execute(sql, parameters)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Statements]:
        """Write with several statements of which all hold or none. Raises as `execute`."""
        writer = await self._writing()
        async with writer.transaction("IMMEDIATE") as statements:
            yield statements

    async def close(self) -> None:
        """Close both connections, and remove a temporary store. A second call does nothing."""
        async with self._opening:
            self._closed = True
            if self._writer is not None:
                await self._writer.close()
            await self._reader.close()
        if self._folder is not None:
            await asyncio.to_thread(self._folder.cleanup)

    async def _writing(self) -> Session:
        if self.read_only:
            raise Refused(
                f"{self.place} is open read-only.", hint="Start without read-only to change it."
            )
        async with self._opening:
            if self._closed:
                raise closed(self.place)
            if self._writer is None:
                self._writer = await Session.open(
                    self._path, self.place, mode="rw", query_only=False
                )
            return self._writer


async def _check_schema(reader: Session, place: str) -> None:
    for table in TABLES:
        found: dict[str, str] = dict(await reader.fetch(COLUMNS_QUERY, (table,)))
        if (what := difference(table, found)) is not None:
            raise SchemaMismatch(
                f"The SQLite file {place} is not Asynq-Hub's: {what}.", hint="Check the path."
            )
