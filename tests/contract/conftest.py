"""A fresh installation for every test, on every engine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from asynqhub_tui.backends import open_hub
from asynqhub_tui.repository import Hub
from tests.contract.builders import make_worker
from tests.contract.engines import ENGINES, Engine


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An installation without rows."""
    with ENGINES[request.param](request) as fresh:
        yield fresh


@pytest.fixture
async def hub(engine: Engine) -> AsyncIterator[Hub]:
    """The installation, open, with the one worker `worker-1`."""
    engine.load([make_worker()])
    async with await open_hub(engine.target()) as opened:
        yield opened
