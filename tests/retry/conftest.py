"""A fresh installation on every store, and an empty Redis beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.contract.builders import make_worker
from tests.contract.engines import ENGINES, Engine
from tests.retry.stage import Stage
from tests.valkey import ValkeyServer


@pytest.fixture(params=("sqlite", "postgres", "chdb"))
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An installation with the one worker `worker-1`."""
    with ENGINES[request.param](request) as fresh:
        fresh.load([make_worker()])
        yield fresh


@pytest.fixture
async def stage(
    engine: Engine, valkey_server: ValkeyServer, tmp_path: Path
) -> AsyncIterator[Stage]:
    """The installation and its queue, open."""
    async with Stage.open(engine, valkey_server, valkey_server.fresh(), tmp_path) as stage:
        yield stage


@pytest.fixture
async def own(engine: Engine, tmp_path: Path) -> AsyncIterator[Stage]:
    """The same with a Redis of the test's own, to stop or to fill up."""
    with ValkeyServer() as server:
        async with Stage.open(engine, server, server.fresh(), tmp_path) as stage:
            yield stage
