"""The sample installation as ClickHouse's embedded engine holds it, in memory: `chdb://demo`.

Time stands still in it, and it has no task queue.
"""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr

from asynqhub_tui.backends import CHDB_DEMO, Target
from asynqhub_tui.backends import sqlite as store
from asynqhub_tui.backends.clickhouse import ClickHouseHub
from asynqhub_tui.backends.clickhouse.database import Database
from asynqhub_tui.backends.clickhouse.location import location_of
from asynqhub_tui.backends.clickhouse.replica import ClickHouseCopy
from asynqhub_tui.backends.clickhouse.schema import create_database, statements
from asynqhub_tui.demo.history import build
from asynqhub_tui.models import WorkerConfig
from asynqhub_tui.replication import ATTEMPT_FIELDS, TASK_FIELDS, Row, Table

_BATCH = 10_000

_OWNERS = "t.created_at, t.worker_name, t.queue"

_QUERIES = {
    Table.TASK: f"SELECT {', '.join(TASK_FIELDS)} FROM task ORDER BY id",
    Table.ATTEMPT: f"SELECT {', '.join(f'a.{name}' for name in ATTEMPT_FIELDS[:-3])}, {_OWNERS}"
    " FROM task_attempt AS a JOIN task AS t USING (task_id) ORDER BY a.id",
}


async def open_hub(target: Target) -> ClickHouseHub:
    """Make a sample and open it. Raises Refused where the engine is not installed."""
    location = location_of(CHDB_DEMO)
    # What is in memory goes with the last connection.
    outside = Database(replace(location, database="default"), read_only=False)
    database = Database(location, read_only=False)
    try:
        await outside.execute(create_database(location.database))
        for statement in statements():
            await database.execute(statement)
        await _fill(database)
        await database.check()
    except BaseException:
        await database.close()
        raise
    finally:
        await outside.close()
    database.read_only = target.read_only
    hub = ClickHouseHub(database, None)
    hub.info = replace(hub.info, demo=True)
    return hub


async def _fill(database: Database) -> None:
    with tempfile.TemporaryDirectory(prefix="asynqhub-tui-demo-") as folder:
        path = Path(folder) / "demo.db"
        await asyncio.to_thread(build, path, now=datetime.now(UTC))
        sink = ClickHouseCopy(database)
        await sink.write_workers(await _workers(path))
        for table in Table:
            for rows in await asyncio.to_thread(_batches, path, table):
                await sink.insert(table, rows)


async def _workers(path: Path) -> Sequence[WorkerConfig]:
    async with await store.open_hub(Target("sqlite", SecretStr(str(path)))) as hub:
        return await hub.workers.list()


def _batches(path: Path, table: Table) -> list[list[Row]]:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(_QUERIES[table]).fetchall()
    return [rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH)]
