"""The WorkerRepository on PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from psycopg import errors

from asynqhub_tui.backends.postgres.connection import Database
from asynqhub_tui.backends.postgres.rows import WORKER_COLUMNS, all_workers, worker_of
from asynqhub_tui.models import WorkerConfig
from asynqhub_tui.repository import NotFound, Refused


class PostgresWorkers:
    """The hub's `worker` table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def upsert(self, worker: WorkerConfig) -> None:
        """See WorkerRepository.upsert."""
        if not worker.worker_name:
            raise Refused("A worker needs a name.")
        fields = worker.model_dump(exclude={"updated_at", "queue_groups"})
        groups = [group.model_dump(mode="json") for group in worker.queue_groups]
        fields["queue_groups"] = json.dumps(groups, ensure_ascii=False)
        async with self._database.writing() as connection:
            await connection.execute(_UPSERT, fields)

    async def get(self, worker_name: str) -> WorkerConfig:
        """See WorkerRepository.get."""
        rows = await self._database.fetch(_GET, {"worker": worker_name})
        if not rows:
            raise unknown_worker(worker_name)
        return worker_of(rows[0])

    async def list(self) -> Sequence[WorkerConfig]:
        """See WorkerRepository.list."""
        return await all_workers(self._database)

    async def delete(self, worker_name: str) -> None:
        """See WorkerRepository.delete."""
        async with self._database.writing() as connection:
            try:
                cursor = await connection.execute(_DELETE, {"worker": worker_name})
            except (errors.ForeignKeyViolation, errors.RestrictViolation) as error:
                raise Refused(
                    f"The worker {worker_name} still has tasks.",
                    hint="Disable it, or purge its history first.",
                ) from error
        if not cursor.rowcount:
            raise unknown_worker(worker_name)

    async def update_heartbeat(self, worker_name: str, at: datetime) -> None:
        """See WorkerRepository.update_heartbeat."""
        async with self._database.writing() as connection:
            await connection.execute(_HEARTBEAT, {"worker": worker_name, "at": at})

    async def list_offline_workers(self, seconds: float) -> Sequence[WorkerConfig]:
        """See WorkerRepository.list_offline_workers."""
        rows = await self._database.fetch(_OFFLINE, {"seconds": seconds})
        return [worker_of(row) for row in rows]


def unknown_worker(worker_name: str) -> NotFound:
    """Return the error for a worker that is not there."""
    return NotFound(f"There is no worker {worker_name}.")


_GET = f"SELECT {WORKER_COLUMNS} FROM worker AS w WHERE w.worker_name = %(worker)s"

_UPSERT = """
INSERT INTO worker (worker_name, base_url, redis_addr, queue_groups, default_retry_count,
    default_timeout, default_delay, is_enabled, last_heartbeat_at, created_at, updated_at)
VALUES (%(worker_name)s, %(base_url)s, %(redis_addr)s, %(queue_groups)s, %(default_retry_count)s,
    %(default_timeout)s, %(default_delay)s, %(is_enabled)s, %(last_heartbeat_at)s,
    coalesce(%(created_at)s::timestamptz, clock_timestamp()), clock_timestamp())
ON CONFLICT (worker_name) DO UPDATE SET base_url = excluded.base_url,
    redis_addr = excluded.redis_addr, queue_groups = excluded.queue_groups,
    default_retry_count = excluded.default_retry_count,
    default_timeout = excluded.default_timeout, default_delay = excluded.default_delay,
    is_enabled = excluded.is_enabled, last_heartbeat_at = excluded.last_heartbeat_at,
    updated_at = excluded.updated_at
"""

_DELETE = "DELETE FROM worker WHERE worker_name = %(worker)s"

_HEARTBEAT = """
UPDATE worker SET last_heartbeat_at = %(at)s, updated_at = clock_timestamp()
WHERE worker_name = %(worker)s
"""

_OFFLINE = f"""
SELECT {WORKER_COLUMNS} FROM worker AS w
WHERE w.last_heartbeat_at IS NULL
   OR w.last_heartbeat_at < clock_timestamp() - make_interval(secs => %(seconds)s)
ORDER BY w.worker_name
"""
