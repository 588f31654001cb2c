"""The program in a terminal, and the installation that it looks at."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.hub import Hub
from tests.e2e.installation import Installation
from tests.e2e.terminal import PROGRAM, Terminal
from tests.servers import PostgresServer
from tests.valkey import ValkeyServer

Start = Callable[..., Terminal]


@pytest.fixture
def hub(postgres_server: PostgresServer) -> Iterator[Hub]:
    """An installation without tasks and workers, on PostgreSQL."""
    with postgres_server.installation() as dsn:
        yield Hub(dsn)


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """The environment of somebody who has just logged in over a line that forwards no colours."""
    return {
        "PATH": os.defpath,
        "HOME": str(tmp_path),
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
        "TZ": "UTC0",
    }


@pytest.fixture
def start(environ: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    """Start the program with some arguments; keywords are further variables and the size."""
    with ExitStack() as stack:
        yield _starting(stack, environ, tmp_path, fork=True)


@pytest.fixture
def start_installed(environ: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    """Start the command `asynqhub-tui` as pip has installed it, as `start` does the program."""
    with ExitStack() as stack:
        yield _starting(stack, environ, tmp_path, fork=False)


def _starting(stack: ExitStack, environ: dict[str, str], folder: Path, *, fork: bool) -> Start:
    def start(*arguments: str, columns: int = 120, lines: int = 40, **variables: str) -> Terminal:
        terminal = Terminal(
            [PROGRAM, *arguments],
            environ | variables,
            folder,
            columns=columns,
            lines=lines,
            fork=fork,
        )
        return stack.enter_context(terminal)

    return start


@pytest.fixture
def installation(
    hub: Hub, valkey_server: ValkeyServer, environ: dict[str, str], tmp_path: Path
) -> Iterator[Installation]:
    """An installation on PostgreSQL, and its queue."""
    address = valkey_server.fresh()
    with valkey_server.client_of(address) as redis:
        yield Installation(hub.dsn, address, redis, environ, tmp_path)


@pytest.fixture
def own_valkey() -> Iterator[ValkeyServer]:
    """A Redis of the test's own, to stop or to fill up."""
    with ValkeyServer() as server:
        yield server


@pytest.fixture
def on_own_valkey(
    hub: Hub, own_valkey: ValkeyServer, environ: dict[str, str], tmp_path: Path
) -> Iterator[Installation]:
    """An installation on PostgreSQL whose queue is on the test's own Redis."""
    with own_valkey.client() as redis:
        yield Installation(hub.dsn, own_valkey.uri(), redis, environ, tmp_path)
