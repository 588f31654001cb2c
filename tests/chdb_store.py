"""The embedded ClickHouse engine for tests: one folder a process, and a database a test."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from contextlib import closing
from pathlib import Path
from types import TracebackType

import clickhouse_connect
from clickhouse_connect.driver.client import Client

from asynqhub_tui.backends.clickhouse.location import location_of
from asynqhub_tui.backends.clickhouse.schema import statements

_SETTINGS = {"async_insert": 0, "fsync_metadata": 0}


def chdb_client(dsn: str) -> Client:
    """Return the driver's own client for a `chdb://` DSN."""
    arguments = location_of(dsn).arguments()
    return clickhouse_connect.get_client(**arguments, settings=_SETTINGS, tz_mode="aware")


class ChdbStore:
    """A folder of the engine, which a process can open one of; it goes when the store is closed."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="chdb-"))
        self._numbers = itertools.count(1)
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
        self._client.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def create_database(self, *, empty: bool = False) -> str:
        """Return the DSN of a fresh installation, or of a database without tables."""
        name = f"hub_{next(self._numbers)}"
        self._client.command(f"CREATE DATABASE {name} ENGINE = Atomic")
        dsn = f"chdb://{self.folder}?database={name}"
        if not empty:
            with closing(chdb_client(dsn)) as client:
                for statement in statements():
                    client.command(statement)
        return dsn
