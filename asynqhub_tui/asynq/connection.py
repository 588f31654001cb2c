"""The connections to one Redis: commands in, replies out.

Names and texts go out as UTF-8; replies are bytes, integers, lists and None, as the server sends
them. A call is never repeated on its own: whoever calls knows whether that is safe.

The driver's connections and its pool are used without its client. That would read replies under
asyncio.wait_for, which loses a cancellation now and then before Python 3.12.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from redis.asyncio import (
    BlockingConnectionPool,
    Connection,
    ConnectionPool,
    SSLConnection,
    UnixDomainSocketConnection,
)
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from asynqhub_tui.asynq.address import Address
from asynqhub_tui.asynq.errors import failure

CONNECT_SECONDS = 3.0
"""How long it may take until there is a connection, logged in and free."""

READ_SECONDS = 3.0
"""How long the server may take for the next reply, and to accept a small command."""

_SENTINEL_SECONDS = 1.0
"""How long a sentinel may take before the next one is asked."""

_SLOWEST = 100_000
"""Bytes per second: a line that is slower than that counts as one that does not answer."""

Argument = str | bytes | int | float
Command = Sequence[Argument]
"""A command of Redis and its arguments, in the order in which they are sent."""

_CONNECTIONS = 4


class RedisConnection:
    """A few connections to one Redis, opened when they are needed and kept.

    Every call raises Unavailable or Refused (see queue.py). A cancelled call, or one that failed
    half-way, leaves no reply behind for the next one.
    """

    def __init__(self, address: Address) -> None:
        """Connects to nothing yet."""
        self.address = address
        self.place = address.place
        self._sentinel = _sentinel(address)
        self._pool = _pool(address, self._sentinel)
        sentinels = 0 if self._sentinel is None else len(address.hosts)
        self._connect_seconds = CONNECT_SECONDS + sentinels * _SENTINEL_SECONDS

    async def call(self, *command: Argument) -> Any:
        """Send one command and return its reply."""
        (reply,) = await self.pipeline([command])
        return reply

    async def pipeline(self, commands: Sequence[Command]) -> list[Any]:
        """Send commands in one go and return their replies in order; the first error is raised."""
        replies = await self.attempt(commands)
        for reply in replies:
            if isinstance(reply, ResponseError):
                raise failure(reply, self.place) from None
        return replies

    async def attempt(self, commands: Sequence[Command]) -> list[Any]:
        """Do the same, but let the error of one command stand in the place of its reply."""
        if not commands:
            return []
        try:
            return await self._attempt(commands)
        except (RedisError, OSError) as error:
            raise failure(error, self.place) from None

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.aclose()
        if self._sentinel is not None:
            await self._sentinel.aclose()

    async def _attempt(self, commands: Sequence[Command]) -> list[Any]:
        async with asyncio.timeout(self._connect_seconds):
            connection = await self._pool.get_connection()  # type: ignore[no-untyped-call]
        try:
            sent = connection.pack_commands(commands)
            async with asyncio.timeout(READ_SECONDS + sum(map(len, sent)) / _SLOWEST):
                await connection.send_packed_command(sent)
            return [await _reply(connection) for _ in commands]
        except BaseException:
            # Replies may be on their way that nobody waits for any more.
            await connection.disconnect(nowait=True)
            raise
        finally:
            await asyncio.shield(self._pool.release(connection))


async def _reply(connection: AbstractConnection) -> Any:
    async with asyncio.timeout(READ_SECONDS):
        try:
            return await connection.read_response()
        except ResponseError as error:
            return error


_LIMITS: Mapping[str, Any] = {
    "retry": Retry(NoBackoff(), 0),
    "protocol": 2,  # a server of any age
    "driver_info": None,
}


def _sentinel(address: Address) -> Sentinel | None:
    if address.master is None:
        return None
    seconds = {"socket_connect_timeout": _SENTINEL_SECONDS, "socket_timeout": _SENTINEL_SECONDS}
    password = address.password.get_secret_value() or None
    return Sentinel(  # type: ignore[no-untyped-call]
        address.hosts, sentinel_kwargs={**_LIMITS, **seconds, "password": password}
    )


def _pool(address: Address, sentinel: Sentinel | None) -> ConnectionPool:
    limits: dict[str, Any] = {
        **_LIMITS,
        "socket_connect_timeout": CONNECT_SECONDS,
        "socket_timeout": None,  # see _attempt
    }
    if sentinel is not None:
        pool: ConnectionPool = SentinelConnectionPool(  # type: ignore[no-untyped-call]
            address.master, sentinel, **limits
        )
        return pool
    kind: type[Connection] | type[UnixDomainSocketConnection]
    target: dict[str, Any] = {
        "db": address.db,
        "password": address.password.get_secret_value() or None,
    }
    if address.socket is not None:
        kind = UnixDomainSocketConnection
        target |= {"path": address.socket}
    else:
        kind = SSLConnection if address.tls else Connection
        ((host, port),) = address.hosts
        target |= {"host": host, "port": port}
        target |= {"ssl_check_hostname": True} if address.tls else {}
    return BlockingConnectionPool(
        max_connections=_CONNECTIONS, timeout=None, connection_class=kind, **limits, **target
    )
