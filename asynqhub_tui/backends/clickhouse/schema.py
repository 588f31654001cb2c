"""Asynq-Hub's tables as ClickHouse holds them, and whether a database has them.

The schema is ours: Asynq-Hub writes to PostgreSQL only. Column names are the hub's; an empty text
stands for NULL.

Every table keeps versions of its rows, of which the highest counts (ReplacingMergeTree, read with
FINAL), so that a write never changes a row in place, and one that is repeated changes nothing. A
version is microseconds since 1970: of the write, or of a synced attempt its id. A deleted row is a
version that says so. `source_id` is the id of a synced task, 0 of any other.

`task` is ordered by its creation, which never changes, so that a page of the list is a few
neighbouring rows. `task_attempt` is ordered by the creation of its task: the attempts of a page
are neighbours too. Everything else is found by skip indexes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

VERSION = 1
"""Of the tables' form; it stands in their comments."""

_TIME = "DateTime64(6, 'UTC')"


@dataclass(frozen=True, slots=True)
class Table:
    """One table: its columns with their types, and how it is laid out.

    `codecs` and `indexes` go by column and by name. `shard_by` is what keeps the rows of one task
    on one shard of a cluster; a table without it is the same on every shard.
    """

    columns: Mapping[str, str]
    order: str
    engine: str
    codecs: Mapping[str, str] = field(default_factory=dict)
    indexes: Mapping[str, str] = field(default_factory=dict)
    partition: str = ""
    granularity: int = 8192
    shard_by: str = ""


_STATUS_INDEX = "status TYPE set(16)"

TABLES: Mapping[str, Table] = {
    "worker": Table(
        columns={
            "worker_name": "String",
            "base_url": "String",
            "redis_addr": "String",
            "queue_groups": "String",
            "default_retry_count": "Int32",
            "default_timeout": "Int32",
            "default_delay": "Int32",
            "is_enabled": "Bool",
            "last_heartbeat_at": f"Nullable({_TIME})",
            "created_at": _TIME,
            "updated_at": _TIME,
            "version": "UInt64",
            "is_deleted": "UInt8",
        },
        order="worker_name",
        engine="ReplacingMergeTree(version, is_deleted)",
    ),
    # By itself, so that a heartbeat never writes back a configuration that has just been changed.
    "worker_heartbeat": Table(
        columns={"worker_name": "String", "last_heartbeat_at": _TIME, "version": "UInt64"},
        order="worker_name",
        engine="ReplacingMergeTree(version)",
    ),
    "task": Table(
        columns={
            "task_id": "String",
            "worker_name": "LowCardinality(String)",
            "queue": "LowCardinality(String)",
            "priority": "Int32",
            "status": "LowCardinality(String)",
            "last_attempt": "Int32",
            "last_error": "String",
            "last_worker_name": "LowCardinality(String)",
            "trace_id": "String",
            "created_at": _TIME,
            "updated_at": _TIME,
            "payload": "String",
            "source_id": "UInt64",
            "version": "UInt64",
            "is_deleted": "UInt8",
        },
        order="(created_at, task_id)",
        engine="ReplacingMergeTree(version, is_deleted)",
        codecs={
            "created_at": "Delta, ZSTD(1)",
            "updated_at": "Delta, ZSTD(1)",
            "source_id": "Delta, ZSTD(1)",
            "version": "Delta, ZSTD(1)",
            "last_error": "ZSTD(3)",
            "payload": "ZSTD(3)",
        },
        indexes={
            "ix_id": "task_id TYPE bloom_filter(0.001)",
            "ix_prefix": "leftUTF8(task_id, 6) TYPE bloom_filter(0.001)",
            "ix_updated": "updated_at TYPE minmax",
            "ix_source": "source_id TYPE minmax",
            "ix_status": _STATUS_INDEX,
            "ix_worker": "worker_name TYPE bloom_filter(0.01)",
            "ix_queue": "queue TYPE bloom_filter(0.01)",
        },
        partition="toYYYYMM(created_at)",
        granularity=2048,
        shard_by="cityHash64(task_id)",
    ),
    "task_attempt": Table(
        columns={
            "task_id": "String",
            "task_created_at": _TIME,
            "task_worker_name": "LowCardinality(String)",
            "task_queue": "LowCardinality(String)",
            "attempt": "Int32",
            "status": "LowCardinality(String)",
            "started_at": _TIME,
            "finished_at": f"Nullable({_TIME})",
            "duration_ms": "Nullable(Int32)",
            "error": "String",
            "worker_name": "LowCardinality(String)",
            "asynq_task_id": "String",
            "trace_id": "String",
            "span_id": "String",
            "version": "UInt64",
            "is_deleted": "UInt8",
        },
        order="(task_created_at, task_id, started_at, attempt, status)",
        engine="ReplacingMergeTree(version, is_deleted)",
        codecs={
            "task_created_at": "Delta, ZSTD(1)",
            "started_at": "Delta, ZSTD(1)",
            "version": "Delta, ZSTD(1)",
            "error": "ZSTD(3)",
        },
        indexes={
            "ix_id": "task_id TYPE bloom_filter(0.001)",
            "ix_started": "started_at TYPE minmax",
            "ix_version": "version TYPE minmax",
            "ix_status": _STATUS_INDEX,
            "ix_worker": "task_worker_name TYPE bloom_filter(0.01)",
        },
        partition="toYYYYMM(task_created_at)",
        granularity=2048,
        shard_by="cityHash64(task_id)",
    ),
    # Where a copy stands, of a database that sync fills.
    "sync": Table(
        columns={"name": "String", "position": "String", "version": "UInt64"},
        order="name",
        engine="ReplacingMergeTree(version)",
    ),
}

LOOK = """
    SELECT version(), t.name, t.engine, t.sorting_key, c.name, c.type
    FROM (SELECT 1) AS one
    LEFT JOIN (
        SELECT * FROM system.tables
        WHERE database = currentDatabase() AND name IN {tables:Array(String)}) AS t ON true
    LEFT JOIN (
        SELECT * FROM system.columns
        WHERE database = currentDatabase() AND table IN {tables:Array(String)}) AS c
    ON c.table = t.name"""
"""The server's version, and each column of each table that is there."""


def statements(cluster: str | None = None) -> list[str]:
    """Write the statements that create what is missing; run again, they change nothing.

    On a `cluster`, rows live in replicated tables `…_local`, spread over the shards by the id of
    the task, and are read through distributed tables of the plain names; workers are on every
    shard.
    """
    if cluster is None:
        return [_create(name, table) for name, table in TABLES.items()]
    written = []
    on = f" ON CLUSTER {quoted(cluster)}"
    for name, table in TABLES.items():
        local = f"{name}_local" if table.shard_by else name
        shard = "{shard}" if table.shard_by else "all"
        path = f"/clickhouse/tables/{shard}/{{database}}/{local}"
        replicated = table.engine.replace("MergeTree(", f"MergeTree('{path}', '{{replica}}', ")
        written.append(_create(local, table, on=on, engine=f"Replicated{replicated}"))
        if table.shard_by:
            written.append(
                f"CREATE TABLE IF NOT EXISTS {name}{on} AS {local}\n"
                f"ENGINE = Distributed({quoted(cluster)}, currentDatabase(), {local},"
                f" {table.shard_by})"
            )
    return written


def create_database(name: str, cluster: str | None = None) -> str:
    """Write the statement that creates the database, where it is missing."""
    on = "" if cluster is None else f" ON CLUSTER {quoted(cluster)}"
    return f"CREATE DATABASE IF NOT EXISTS {quoted(name)}{on} ENGINE = Atomic"


def quoted(name: str) -> str:
    """Return a name as a statement may write it."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def _create(name: str, table: Table, *, on: str = "", engine: str = "") -> str:
    lines = [
        f"{column} {kind}" + (f" CODEC({table.codecs[column]})" if column in table.codecs else "")
        for column, kind in table.columns.items()
    ]
    lines += [f"INDEX {index} {what} GRANULARITY 1" for index, what in table.indexes.items()]
    body = ",\n".join(f"    {line}" for line in lines)
    partition = f"PARTITION BY {table.partition}\n" if table.partition else ""
    return (
        f"CREATE TABLE IF NOT EXISTS {name}{on}\n(\n{body}\n)\n"
        f"ENGINE = {engine or table.engine}\n{partition}ORDER BY {table.order}\n"
        f"SETTINGS index_granularity = {table.granularity}\n"
        f"COMMENT 'asynqhub-tui schema {VERSION}'"
    )


def differences(
    columns: Mapping[str, Mapping[str, str]], engines: Mapping[str, tuple[str, str]]
) -> list[str]:
    """Say what a database lacks; nothing where all is as it should be.

    `columns` holds the types of each table's columns, `engines` each table's engine and key.
    """
    found = []
    for name, table in TABLES.items():
        if name not in engines:
            found.append(f"the table {name} is missing")
            continue
        engine, key = engines[name]
        if engine not in ("Distributed", table.engine.partition("(")[0]) and not (
            engine.startswith(("Replicated", "Shared"))
            and engine.endswith(table.engine.partition("(")[0])
        ):
            found.append(f"the table {name} is a {engine} and not a ReplacingMergeTree")
        elif engine != "Distributed" and key != table.order.strip("()"):
            found.append(f"the table {name} is ordered by {key} and not by {table.order}")
        for column, kind in table.columns.items():
            there = columns.get(name, {}).get(column)
            if there is None:
                found.append(f"the column {name}.{column} is missing")
            elif there != kind:
                found.append(f"the column {name}.{column} is {there} and not {kind}")
    return found
