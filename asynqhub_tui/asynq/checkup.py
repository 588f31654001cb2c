"""What `doctor` looks at in the hub's Redis. Nothing is written."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

from pydantic import SecretStr

from asynqhub_tui.asynq.address import parse
from asynqhub_tui.asynq.checkup_queues import queues
from asynqhub_tui.asynq.checkup_rights import rights
from asynqhub_tui.asynq.checkup_server import (
    REDIS,
    clients,
    memory,
    persistence,
    read_info,
    role,
    version,
)
from asynqhub_tui.asynq.connection import RedisConnection
from asynqhub_tui.asynq.redis_queue import RedisQueue
from asynqhub_tui.checkup import Finding
from asynqhub_tui.models import WorkerConfig
from asynqhub_tui.repository import HubError, Refused

_Check = Callable[[], Awaitable[Sequence[Finding]]]


class RedisCheckup:
    """See checkup.Checkup."""

    def __init__(
        self, connection: RedisConnection, workers: Sequence[WorkerConfig], *, read_only: bool
    ) -> None:
        self._connection = connection
        self._queue = RedisQueue(connection, read_only=True)
        self._workers = workers
        self._read_only = read_only

    async def findings(self) -> AsyncGenerator[Finding]:
        """Yield what is found, the connection first."""
        try:
            try:
                await self._connection.call("PING")
            except HubError as error:
                # Whoever may not even ping is let in all the same, and may read what counts.
                if not (isinstance(error, Refused) and "ping" in error.what.lower()):
                    yield REDIS.failed("connection", error)
                    return
            yield REDIS.ok("connection", f"{self._connection.place} answers.")
            for name, what, check in self._checks():
                try:
                    found = await check()
                except HubError as error:
                    found = [REDIS.unchecked(name, what, error)]
                for finding in found:
                    yield finding
        finally:
            await self._connection.close()

    def _checks(self) -> Sequence[tuple[str, str, _Check]]:
        checks: list[tuple[str, str, _Check]] = [
            ("info", "What Redis says of itself (INFO)", self._server),
            ("queues", "asynq's queues", self._asynq),
        ]
        if not self._read_only:
            checks.append(("rights", "What this user may write", self._rights))
        return checks

    async def _server(self) -> Sequence[Finding]:
        info = await read_info(self._connection)
        found = [*role(info), *memory(info), *clients(info), *version(info)]
        return [*found, *await persistence(self._connection, info)]

    async def _asynq(self) -> Sequence[Finding]:
        return await queues(self._connection, self._queue, self._workers)

    async def _rights(self) -> Sequence[Finding]:
        known = (name for worker in self._workers for name in worker.queues())
        return await rights(self._connection, next(iter(known), None))


def open_checkup(
    address: SecretStr, *, workers: Sequence[WorkerConfig], read_only: bool
) -> RedisCheckup:
    """Return the check-up of the Redis at an address; see `asynqhub_tui.asynq.open_checkup`."""
    connection = RedisConnection(parse(address.get_secret_value()))
    return RedisCheckup(connection, workers, read_only=read_only)
