"""An empty database of a real Valkey for every test, and asynq's client and inspector on it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator

import pytest
from redis import Redis

from asynqhub_tui.asynq.address import parse
from asynqhub_tui.asynq.client import Client
from asynqhub_tui.asynq.connection import RedisConnection
from asynqhub_tui.asynq.inspector import Inspector
from tests.queue.builders import NOW
from tests.queue.rows import Rows
from tests.valkey import ValkeyServer


@pytest.fixture
def uri(valkey_server: ValkeyServer) -> str:
    """The address of an empty database."""
    return valkey_server.fresh()


@pytest.fixture
def own_server() -> Iterator[ValkeyServer]:
    """A server of the test's own, to stop, to fill up or to configure."""
    with ValkeyServer() as server:
        yield server


@pytest.fixture
def redis(valkey_server: ValkeyServer, uri: str) -> Iterator[Redis]:
    """The driver's own client, to prepare what is there and to look at what came of it."""
    with valkey_server.client_of(uri) as client:
        yield client


@pytest.fixture
def client(connection: RedisConnection) -> Client:
    """asynq's client, at the time NOW."""
    return Client(connection, clock=lambda: NOW)


@pytest.fixture
async def connection(uri: str) -> AsyncIterator[RedisConnection]:
    """The connections to the database."""
    async with connected(uri) as connection:
        yield connection


@pytest.fixture
def rows(redis: Redis) -> Rows:
    """asynq's rows in the database."""
    return Rows(redis)


@pytest.fixture
async def inspector(uri: str) -> AsyncIterator[Inspector]:
    """What reads the database."""
    async with connected(uri) as connection:
        yield Inspector(connection)


@contextlib.asynccontextmanager
async def connected(uri: str) -> AsyncIterator[RedisConnection]:
    """Connections to an address, closed at the end."""
    connection = RedisConnection(parse(uri))
    try:
        yield connection
    finally:
        await connection.close()
