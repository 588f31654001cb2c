"""What all tests share: the real servers, started once in each test process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chdb_store import ChdbStore
from tests.clickhouse import ClickHouseServer
from tests.idle import known_from_the_loop
from tests.servers import PostgresServer
from tests.valkey import ValkeyServer

pytest_plugins = ["tests.garbage", "tests.screens.report"]

LONG = (
    "e2e/test_bytes_sent.py",
    "e2e/test_dashboard.py",
    "e2e/test_dashboard_clickhouse.py",
    "e2e/test_full_repaint.py",
    "e2e/test_retry.py",
    "e2e/test_slow_line.py",
    "sync/test_killed.py",
)
"""Where the tests are that take many seconds, most of which they wait."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let several processes have a like mixture of tests, of which the last ones are short.

    Each begins with an equal part of the tests, in their order, as `--dist worksteal` has it.
    """
    processes = getattr(config, "workerinput", {}).get("workercount", 1)
    if processes == 1:
        return
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    long = [item for path, own in files.items() if str(path).endswith(LONG) for item in own]
    short = [own for path, own in files.items() if not str(path).endswith(LONG)]
    rest = [item for number in range(processes) for own in short[number::processes] for item in own]
    share = -(-len(items) // processes)
    items.clear()
    for number in range(processes):
        waiting = long[number::processes]
        part, rest = rest[: share - len(waiting)], rest[share - len(waiting) :]
        apart = max(len(part) * 2 // 3 // max(len(waiting), 1), 1)
        for at, item in enumerate(part):
            items += [waiting.pop()] if waiting and at % apart == 0 else []
            items.append(item)
        items += waiting


@pytest.fixture(scope="session", autouse=True)
def idle() -> Iterator[None]:
    """Who presses keys waits for what they do, and not for the clock."""
    with known_from_the_loop():
        yield


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL with Asynq-Hub's schema; `create_database` gives a fresh installation."""
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[ValkeyServer]:
    """A Valkey; `fresh` gives the address of an empty database."""
    with ValkeyServer() as server:
        yield server


@pytest.fixture(scope="session")
def chdb_store() -> Iterator[ChdbStore]:
    """The embedded ClickHouse engine; `database` gives a fresh installation."""
    with ChdbStore() as store:
        yield store


@pytest.fixture(scope="session")
def clickhouse_server() -> Iterator[ClickHouseServer]:
    """The ClickHouse engine behind its HTTP interface; `create_database` gives a database."""
    with ClickHouseServer() as server:
        yield server
