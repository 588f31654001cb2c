"""Asynq-Hub's WorkerRepository on ClickHouse."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from asynqhub_tui.backends.clickhouse.database import Database
from asynqhub_tui.backends.clickhouse.filters import TIME
from asynqhub_tui.backends.clickhouse.rows import (
    STAMP_COLUMNS,
    WORKER_COLUMNS,
    next_version,
    worker_from,
    worker_values,
)
from asynqhub_tui.models import WorkerConfig
from asynqhub_tui.repository import NotFound, Refused

_INSERTED = (*WORKER_COLUMNS, *STAMP_COLUMNS)

# A heartbeat counts where it was written behind the row.
_SELECT = """
    SELECT w.worker_name, w.base_url, w.redis_addr, w.queue_groups, w.default_retry_count,
        w.default_timeout, w.default_delay, w.is_enabled,
        if(h.version > w.version, toNullable(h.last_heartbeat_at), w.last_heartbeat_at) AS beat,
        w.created_at,
        if(h.version > w.version, greatest(w.updated_at,
            fromUnixTimestamp64Micro(toInt64(h.version), 'UTC')), w.updated_at) AS updated
    FROM (SELECT * FROM worker FINAL) AS w
    LEFT JOIN (SELECT * FROM worker_heartbeat FINAL) AS h ON h.worker_name = w.worker_name"""


async def read_workers(database: Database) -> list[WorkerConfig]:
    """Return all workers by name."""
    rows = await database.fetch(f"{_SELECT} ORDER BY w.worker_name")
    return [worker_from(row) for row in rows]


async def worker_exists(database: Database, worker_name: str) -> bool:
    """Tell whether there is such a worker."""
    rows = await database.fetch(
        "SELECT 1 FROM worker FINAL WHERE worker_name = {name:String}", {"name": worker_name}
    )
    return bool(rows)


def unknown_worker(worker_name: str) -> NotFound:
    """Return the error for a worker that is not there."""
    return NotFound(f"There is no worker {worker_name}.")


class ClickHouseWorkers:
    """The workers of one database; the docstrings stand in `repository.WorkerRepository`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def upsert(self, worker: WorkerConfig) -> None:
        if not worker.worker_name:
            raise Refused("A worker needs a name.")
        now = datetime.now(UTC)
        before = await self._versions(worker.worker_name)
        kept: dict[str, Any] = {"updated_at": now}
        if before is not None and before[1] is not None:
            kept["created_at"] = before[1]
        await self._write(worker.model_copy(update=kept), now, before[0] if before else 0)

    async def get(self, worker_name: str) -> WorkerConfig:
        rows = await self._database.fetch(
            f"{_SELECT} WHERE w.worker_name = {{name:String}}", {"name": worker_name}
        )
        if not rows:
            raise unknown_worker(worker_name)
        return worker_from(rows[0])

    async def list(self) -> Sequence[WorkerConfig]:
        return await read_workers(self._database)

    async def delete(self, worker_name: str) -> None:
        worker = await self.get(worker_name)
        if await self._has_tasks(worker_name):
            raise _with_tasks(worker_name)
        before = await self._versions(worker_name)
        version = before[0] if before else 0
        await self._write(worker, datetime.now(UTC), version, is_deleted=True)
        # No constraint guards it: a task may have been written since the look. Whoever writes one
        # looks again too, at the worker.
        if await self._has_tasks(worker_name):
            await self._write(worker, datetime.now(UTC), version)
            raise _with_tasks(worker_name)

    async def update_heartbeat(self, worker_name: str, at: datetime) -> None:
        if await worker_exists(self._database, worker_name):
            columns = ("worker_name", "last_heartbeat_at", "version")
            row = (worker_name, at.astimezone(UTC), next_version())
            await self._database.insert("worker_heartbeat", columns, [row])

    async def list_offline_workers(self, seconds: float) -> Sequence[WorkerConfig]:
        earliest = datetime.now(UTC) - timedelta(seconds=seconds)
        rows = await self._database.fetch(
            f"""SELECT * FROM ({_SELECT}) WHERE beat IS NULL OR beat < {{earliest:{TIME}}}
            ORDER BY 1""",
            {"earliest": earliest},
        )
        return [worker_from(row) for row in rows]

    async def _versions(self, worker_name: str) -> tuple[int, datetime | None] | None:
        """Return the highest version of a worker's row, and its creation if it is there."""
        rows = await self._database.fetch(
            """SELECT max(version), argMax(is_deleted, version), argMax(created_at, version)
            FROM worker WHERE worker_name = {name:String} GROUP BY worker_name""",
            {"name": worker_name},
        )
        if not rows:
            return None
        version, is_deleted, created_at = rows[0]
        return int(version), None if is_deleted else created_at

    async def _write(
        self, worker: WorkerConfig, now: datetime, version: int, *, is_deleted: bool = False
    ) -> None:
        stamp = (max(next_version(), version + 1), int(is_deleted))
        row = [*worker_values(worker, now), *stamp]
        await self._database.insert("worker", _INSERTED, [row])

    async def _has_tasks(self, worker_name: str) -> bool:
        return bool(
            await self._database.fetch(
                "SELECT 1 FROM task FINAL WHERE worker_name = {name:String} LIMIT 1",
                {"name": worker_name},
            )
        )


def _with_tasks(worker_name: str) -> Refused:
    return Refused(
        f"The worker {worker_name} still has tasks.",
        hint="Disable it, or purge its history first.",
    )
