"""Asynq-Hub's WorkerRepository on SQLite."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from asynqhub_tui.backends.sqlite.database import Database
from asynqhub_tui.backends.sqlite.removal import unknown_worker
from asynqhub_tui.backends.sqlite.rows import (
    WORKER_COLUMNS,
    insert,
    micros,
    names,
    worker_from,
    worker_values,
)
from asynqhub_tui.backends.sqlite.selection import workers_of
from asynqhub_tui.models import WorkerConfig
from asynqhub_tui.repository import Refused

_KEPT = ("worker_name", "created_at")

_UPSERT = f"""{insert("worker", WORKER_COLUMNS)}
    ON CONFLICT (worker_name) DO UPDATE SET
    {", ".join(f"{name} = excluded.{name}" for name in WORKER_COLUMNS if name not in _KEPT)}"""

_SELECT = f"SELECT {names(WORKER_COLUMNS)} FROM worker"


class SqliteWorkers:
    """The workers of one file; the docstrings stand in `repository.WorkerRepository`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def upsert(self, worker: WorkerConfig) -> None:
        if not worker.worker_name:
            raise Refused("A worker needs a name.")
        now = datetime.now(UTC)
        current = worker.model_copy(update={"updated_at": now})
        await self._database.execute(_UPSERT, worker_values(current, now))

    async def get(self, worker_name: str) -> WorkerConfig:
        rows = await self._database.fetch(f"{_SELECT} WHERE worker_name = ?", (worker_name,))
        if not rows:
            raise unknown_worker(worker_name)
        return worker_from(rows[0])

    async def list(self) -> Sequence[WorkerConfig]:
        return await workers_of(self._database)

    async def delete(self, worker_name: str) -> None:
        async with self._database.transaction() as statements:
            if await statements.fetch(
                "SELECT 1 FROM task WHERE worker_name = ? LIMIT 1", (worker_name,)
            ):
                raise Refused(
                    f"The worker {worker_name} still has tasks.",
                    hint="Disable it, or purge its history first.",
                )
            if not await statements.execute(
                "DELETE FROM worker WHERE worker_name = ?", (worker_name,)
            ):
                raise unknown_worker(worker_name)

    async def update_heartbeat(self, worker_name: str, at: datetime) -> None:
        await self._database.execute(
            "UPDATE worker SET last_heartbeat_at = ?, updated_at = ? WHERE worker_name = ?",
            (micros(at), micros(datetime.now(UTC)), worker_name),
        )

    async def list_offline_workers(self, seconds: float) -> Sequence[WorkerConfig]:
        earliest = datetime.now(UTC) - timedelta(seconds=seconds)
        rows = await self._database.fetch(
            f"{_SELECT} WHERE last_heartbeat_at IS NULL OR last_heartbeat_at < ?"
            " ORDER BY worker_name",
            (micros(earliest),),
        )
        return [worker_from(row) for row in rows]
