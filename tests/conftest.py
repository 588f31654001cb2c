"""What all tests share: the real servers, started once in each test process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers import PostgresServer

pytest_plugins = ["tests.screens.report"]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL with Asynq-Hub's schema; `create_database` gives a fresh installation."""
    with PostgresServer() as server:
        yield server
