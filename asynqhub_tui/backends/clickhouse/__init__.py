"""ClickHouse, as a server over HTTP or embedded: the tables that `schema` describes."""

from __future__ import annotations

import asyncio
from types import TracebackType

from asynqhub_tui.backends import Target
from asynqhub_tui.backends.clickhouse.database import Database
from asynqhub_tui.backends.clickhouse.location import Folder, location_given
from asynqhub_tui.backends.clickhouse.position import read_position
from asynqhub_tui.backends.clickhouse.tasks import ClickHouseTasks
from asynqhub_tui.backends.clickhouse.workers import ClickHouseWorkers
from asynqhub_tui.replication import freshness_of
from asynqhub_tui.repository import Hub, HubInfo, TaskStore, WorkerRepository

__all__ = ["ClickHouseHub", "open_hub"]


class ClickHouseHub(Hub):
    """One open database."""

    def __init__(self, database: Database, copy_of: str | None) -> None:
        self._database = database
        self.tasks: TaskStore = ClickHouseTasks(database)
        self.workers: WorkerRepository = ClickHouseWorkers(database)
        embedded = isinstance(database.location, Folder)
        self.info = HubInfo(
            backend="clickhouse",
            place=database.place,
            version=f"{'chDB' if embedded else 'ClickHouse'} {database.version}",
            read_only=database.read_only,
            copy_of=copy_of,
        )

    async def close(self) -> None:
        if self.original is not None:
            await self.original.close()
        await self._database.close()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()


async def open_hub(target: Target) -> ClickHouseHub:
    """Connect to the database that the DSN names; see `location.location_of` for its forms.

    Raises Unavailable where nothing answers, Refused where the server turns us away, and
    SchemaMismatch where the tables are not those of `schema`.
    """
    location = location_given(target.dsn)
    if isinstance(location, Folder):
        await asyncio.to_thread(location.check)
    database = await Database.open(location, read_only=target.read_only)
    try:
        copied = freshness_of(await read_position(database))
    except BaseException:
        await database.close()
        raise
    return ClickHouseHub(database, copied.source if copied is not None else None)
