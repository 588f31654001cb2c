"""Asynq-Hub's own store: its PostgreSQL database, exactly as the hub's migrations leave it."""

from __future__ import annotations

from types import TracebackType

from asynqhub_tui.backends import Target
from asynqhub_tui.backends.postgres.connection import Database
from asynqhub_tui.backends.postgres.conninfo import parse
from asynqhub_tui.backends.postgres.schema import check_schema
from asynqhub_tui.backends.postgres.tasks import PostgresTasks
from asynqhub_tui.backends.postgres.workers import PostgresWorkers
from asynqhub_tui.repository import HubInfo, Original


class PostgresHub:
    """One open installation on PostgreSQL; see repository.Hub."""

    original: Original | None = None

    def __init__(self, database: Database) -> None:
        self._database = database
        self.tasks = PostgresTasks(database)
        self.workers = PostgresWorkers(database)
        self.info = HubInfo(
            backend="postgres",
            place=database.place,
            version=f"PostgreSQL {database.version}",
            read_only=database.read_only,
        )

    async def __aenter__(self) -> PostgresHub:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection."""
        await self._database.close()


async def open_hub(target: Target) -> PostgresHub:
    """Connect, and check that these are the hub's tables; see backends.open_hub."""
    database = Database(parse(target.dsn), read_only=target.read_only)
    try:
        await database.open()
        await check_schema(database)
    except BaseException:
        await database.close()
        raise
    return PostgresHub(database)
