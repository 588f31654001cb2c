"""A connection that waits a while for the next to need it."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg.pq import TransactionStatus

KEPT_FOR = 5.0
"""Seconds."""


class KeptConnection:
    """Keeps one connection open between two uses, for KEPT_FOR at most."""

    def __init__(self) -> None:
        self._connection: AsyncConnection[Any] | None = None
        self._expiry: asyncio.Task[None] | None = None
        self._closed = False

    async def take(self) -> AsyncConnection[Any] | None:
        """Return the connection, if there is one and its server still answers."""
        connection, self._connection = self._connection, None
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        if connection is None:
            return None
        try:
            await connection.execute("SELECT 1")
        except psycopg.Error:
            await connection.close()
            return None
        except BaseException:
            await connection.close()
            raise
        return connection

    async def keep(self, connection: AsyncConnection[Any]) -> None:
        """Keep a connection for the next, or close it where that needs another one."""
        idle = connection.info.transaction_status is TransactionStatus.IDLE
        if self._closed or self._connection is not None or connection.broken or not idle:
            await connection.close()
            return
        self._connection = connection
        self._expiry = asyncio.create_task(self._expire())

    async def close(self) -> None:
        """Close it; none is kept from now on."""
        self._closed = True
        connection, self._connection = self._connection, None
        if self._expiry is not None:
            self._expiry.cancel()
        if connection is not None:
            await connection.close()

    async def _expire(self) -> None:
        await asyncio.sleep(KEPT_FOR)
        connection, self._connection = self._connection, None
        self._expiry = None
        if connection is not None:
            await connection.close()
