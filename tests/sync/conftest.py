"""A hub's database to copy, and a store to fill."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from asynqhub_tui.backends import Target, open_copy, open_source
from asynqhub_tui.replication import Copy, Source
from asynqhub_tui.sync.copying import Copying
from asynqhub_tui.sync.pace import Pace
from tests.clickhouse import ClickHouseServer
from tests.servers import PostgresServer
from tests.sync.hub import SourceHub
from tests.sync.quiet import Quiet

KINDS = ("sqlite", "chdb", "clickhouse")


@pytest.fixture
def origin(postgres_server: PostgresServer) -> Iterator[SourceHub]:
    """A hub's database with two workers, to write into."""
    with postgres_server.installation() as dsn:
        yield SourceHub(dsn)


@pytest.fixture(params=KINDS)
def copy_target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Target]:
    """A store without rows."""
    if request.param == "sqlite":
        yield Target("sqlite", SecretStr(str(tmp_path / "copy.db")))
        return
    if request.param == "chdb":
        store = request.getfixturevalue("chdb_store")
        with store.installation() as (dsn, _):
            yield Target("clickhouse", SecretStr(dsn))
        return
    server: ClickHouseServer = request.getfixturevalue("clickhouse_server")
    with server.installation() as (dsn, _):
        yield Target("clickhouse", SecretStr(dsn))


@pytest.fixture
async def source(origin: SourceHub) -> AsyncIterator[Source]:
    opened = await open_source(Target("postgres", SecretStr(origin.dsn)))
    yield opened
    await opened.close()


@pytest.fixture
async def copy(copy_target: Target) -> AsyncIterator[Copy]:
    opened = await open_copy(copy_target)
    yield opened
    await opened.close()


@pytest.fixture
def watcher() -> Quiet:
    return Quiet()


@pytest.fixture
async def copying(source: Source, copy: Copy, watcher: Quiet) -> Copying:
    made = Copying(source, copy, Pace(1.0), watcher)
    await made.open()
    return made
