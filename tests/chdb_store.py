"""The embedded ClickHouse engine for tests: one folder a process, and an installation a test."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import TracebackType

import clickhouse_connect
from clickhouse_connect.driver.client import Client

from asynqhub_tui.backends.clickhouse.location import location_of
from asynqhub_tui.backends.clickhouse.schema import statements

_SETTINGS = {"async_insert": 0, "fsync_metadata": 0}


class Installations:
    """Databases of one engine that are used again: making one takes thirty times as long."""

    def __init__(
        self, create_database: Callable[[], str], client_of: Callable[[str], Client]
    ) -> None:
        self._idle: list[tuple[str, Client]] = []
        self._create_database = create_database
        self._client_of = client_of

    @contextmanager
    def use(self) -> Iterator[tuple[str, Client]]:
        """Give the DSN of one without rows, and a client to look behind the scenes."""
        dsn, client = self._idle.pop() if self._idle else self._new()
        yield dsn, client
        client.command(f"TRUNCATE ALL TABLES FROM {client.database}")
        self._idle.append((dsn, client))

    def close(self) -> None:
        """Close the clients."""
        for _, client in self._idle:
            client.close()

    def _new(self) -> tuple[str, Client]:
        dsn = self._create_database()
        client = self._client_of(dsn)
        for statement in statements():
            client.command(statement)
        return dsn, client


class ChdbStore:
    """A folder of the engine, which a process can open one of; it goes when the store is closed."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="chdb-"))
        self._numbers = itertools.count(1)
        self._installations = Installations(self.create_database, self.client_of)
        # Open as long as the store is: the engine takes a second to start.
        self._client = clickhouse_connect.get_client(
            interface="chdb", path=str(self.folder), settings=_SETTINGS
        )

    def __enter__(self) -> ChdbStore:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._installations.close()
        self._client.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def installation(self) -> AbstractContextManager[tuple[str, Client]]:
        """Give the DSN of an installation without rows, and a client on it."""
        return self._installations.use()

    def create_database(self) -> str:
        """Return the DSN of a database without tables."""
        name = f"hub_{next(self._numbers)}"
        self._client.command(f"CREATE DATABASE {name} ENGINE = Atomic")
        return f"chdb://{self.folder}?database={name}"

    def client_of(self, dsn: str) -> Client:
        """Return the driver's own client for an address. Close it."""
        arguments = location_of(dsn).arguments()
        return clickhouse_connect.get_client(**arguments, settings=_SETTINGS, tz_mode="aware")
