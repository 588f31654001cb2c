"""asynq in Go and our side of it, on one empty database."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from asynqhub_tui.asynq import open_queue
from asynqhub_tui.queue import TaskQueue
from tests.interop.worker import Asynq, build
from tests.valkey import ValkeyServer


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Go program, one for all processes of a run; see go/main.go."""
    own = tmp_path_factory.getbasetemp()
    return build(own.parent if "PYTEST_XDIST_WORKER" in os.environ else own)


@pytest.fixture
def uri(valkey_server: ValkeyServer) -> str:
    """The address of an empty database."""
    return valkey_server.fresh()


@pytest.fixture
def asynq(program: Path, uri: str) -> Asynq:
    """asynq's own client, inspector and workers."""
    return Asynq(program, uri)


@pytest.fixture
async def queue(uri: str) -> AsyncIterator[TaskQueue]:
    """Ours."""
    async with await open_queue(SecretStr(uri)) as queue:
        yield queue
