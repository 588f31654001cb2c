"""The connections to one Redis: commands in, replies out.

Names and texts go out as UTF-8. Replies are the driver's: bytes, integers, lists and None, a dict
for HGETALL, a set for SMEMBERS. A call is never repeated on its own: whoever calls knows whether
that is safe.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from redis.asyncio import (
    BlockingConnectionPool,
    Connection,
    Redis,
    SSLConnection,
    UnixDomainSocketConnection,
)
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from asynqhub_tui.asynq.address import Address
from asynqhub_tui.asynq.errors import failure

CONNECT_SECONDS = 3.0
"""How long a connection may take, and a try to write to it."""

READ_SECONDS = 3.0
"""How long the server may take for the next reply."""

Argument = str | bytes | int | float
Command = Sequence[Argument]
"""A command of Redis and its arguments, in the order in which they are sent."""

_CONNECTIONS = 4

_T = TypeVar("_T")


class RedisConnection:
    """A few connections to one Redis, opened when they are needed and kept.

    Every call raises Unavailable or Refused (see queue.py). A cancelled call, or one that failed
    half-way, leaves no reply behind for the next one.
    """

    def __init__(self, address: Address) -> None:
        """Connects to nothing yet."""
        self.place = address.place
        self._client, self._sentinel = _client(address)

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
        pipeline = self._client.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        return await self._translated(lambda: pipeline.execute(raise_on_error=False))

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()
        if self._sentinel is not None:
            await self._sentinel.aclose()

    async def _translated(self, call: Callable[[], Awaitable[_T]]) -> _T:
        try:
            return await call()
        except (RedisError, OSError) as error:
            raise failure(error, self.place) from None


def _client(address: Address) -> tuple[Redis, Sentinel | None]:
    limits: dict[str, Any] = {
        "socket_connect_timeout": CONNECT_SECONDS,
        "socket_timeout": READ_SECONDS,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,  # a server of any age, and what the commands' own replies are
        "driver_info": None,
    }
    password = address.password.get_secret_value() or None
    if address.master is not None:
        sentinel = Sentinel(  # type: ignore[no-untyped-call]
            address.hosts, sentinel_kwargs={**limits, "password": password}, **limits
        )
        return sentinel.master_for(address.master), sentinel
    target: dict[str, Any] = {"db": address.db, "password": password, **limits}
    kind: type[Connection] | type[UnixDomainSocketConnection]
    if address.socket is not None:
        kind = UnixDomainSocketConnection
        target |= {"path": address.socket}
    else:
        kind = SSLConnection if address.tls else Connection
        ((host, port),) = address.hosts
        target |= {"host": host, "port": port}
        target |= {"ssl_check_hostname": True} if address.tls else {}
    pool = BlockingConnectionPool(
        max_connections=_CONNECTIONS,
        timeout=CONNECT_SECONDS,
        connection_class=kind,
        **target,
    )
    return Redis.from_pool(pool), None
