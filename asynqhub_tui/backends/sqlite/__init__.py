"""The embedded store: a SQLite file with Asynq-Hub's tables."""

from __future__ import annotations

import sqlite3
from types import TracebackType

from asynqhub_tui.backends import Target
from asynqhub_tui.backends.sqlite.database import Database
from asynqhub_tui.backends.sqlite.location import file_of
from asynqhub_tui.backends.sqlite.position import read_position
from asynqhub_tui.backends.sqlite.schema import create, create_schema
from asynqhub_tui.backends.sqlite.tasks import SqliteTasks
from asynqhub_tui.backends.sqlite.workers import SqliteWorkers
from asynqhub_tui.replication import freshness_of
from asynqhub_tui.repository import Hub, HubInfo, Refused, TaskStore, WorkerRepository

__all__ = ["SqliteHub", "create", "create_schema", "open_hub"]


class SqliteHub(Hub):
    """One open file."""

    def __init__(self, database: Database, copy_of: str | None = None) -> None:
        self._database = database
        self.tasks: TaskStore = SqliteTasks(database)
        self.workers: WorkerRepository = SqliteWorkers(database)
        self.info = HubInfo(
            backend="sqlite",
            place=database.place,
            version=f"SQLite {sqlite3.sqlite_version}",
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


async def open_hub(target: Target) -> SqliteHub:
    """Open the existing file that the DSN names: a path, or `sqlite:///` and a path.

    `:memory:` is a fresh store that goes when it is closed. Raises Refused where there is no such
    file or it may not be read, Unavailable where another program holds it locked, and
    SchemaMismatch, naming what is missing, where it is not Asynq-Hub's.
    """
    if target.dsn is None:
        raise Refused("No SQLite file is given.", hint="Give its path as the DSN.")
    path = file_of(target.dsn.get_secret_value())
    database = await Database.open(path, read_only=target.read_only)
    try:
        copied = freshness_of(await read_position(database))
    except BaseException:
        await database.close()
        raise
    return SqliteHub(database, copied.source if copied is not None else None)
