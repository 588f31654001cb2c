"""How fast a first copy is, beside a plain COPY of the same tables to a file."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import psycopg
from pydantic import SecretStr

from asynqhub_tui.backends import Target, open_copy, open_source
from asynqhub_tui.sync.copying import Copying
from asynqhub_tui.sync.pace import Pace
from tests.benchmarks.generate import fill
from tests.benchmarks.report import Table
from tests.chdb_store import ChdbStore
from tests.servers import PostgresServer
from tests.sync.quiet import Quiet

TASKS = {"small": 30_000, "large": 300_000}


async def run(size: str) -> list[Table]:
    """Fill an installation, write it to files by COPY, and copy it to each store."""
    with PostgresServer() as server, ChdbStore() as store, tempfile.TemporaryDirectory() as folder:
        dsn = server.create_database()
        fill(dsn, TASKS[size])
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
        plain, rows = _copy(dsn, Path(folder))
        results = [("COPY to files", rows, plain)]
        file = Target("sqlite", SecretStr(str(Path(folder) / "copy.db")))
        results.append(("sync to a SQLite file", *await _sync(dsn, file)))
        with store.installation() as (to, _):
            embedded = Target("clickhouse", SecretStr(to))
            results.append(("sync to ClickHouse (embedded)", *await _sync(dsn, embedded)))
    return [
        Table(
            f"A first copy: {TASKS[size]:,} tasks, {rows - TASKS[size]:,} attempt rows",
            ("what", "rows", "s", "rows/s", "times the time of COPY"),
            [
                (what, f"{n:,}", f"{took:.1f}", f"{n / took:,.0f}", f"{took / plain:.1f}")
                for what, n, took in results
            ],
            [
                "sync reads without a pause here (a budget of 100 %), and at the end looks through",
                "all ids once more; unless told otherwise it rests as long as it reads.",
            ],
        )
    ]


def _copy(dsn: str, folder: Path) -> tuple[float, int]:
    """Write both tables to files, and return the seconds it took and how many rows there are."""
    began, rows = time.perf_counter(), 0
    with psycopg.connect(dsn) as connection:
        for table in ("task", "task_attempt"):
            cursor = connection.cursor()
            with (folder / table).open("wb") as out, cursor.copy(f"COPY {table} TO STDOUT") as copy:
                for data in copy:
                    out.write(data)
            rows += cursor.rowcount
    return time.perf_counter() - began, rows


async def _sync(dsn: str, target: Target) -> tuple[int, float]:
    source, copy = await open_source(Target("postgres", SecretStr(dsn))), await open_copy(target)
    watcher = Quiet()
    try:
        began = time.perf_counter()
        copying = Copying(source, copy, Pace(1.0), watcher)
        await copying.open()
        await copying.round()
        took = time.perf_counter() - began
    finally:
        await copy.close()
        await source.close()
    print(f"{watcher.rows:,} rows to {copy.place}", file=sys.stderr, flush=True)
    return watcher.rows, took
