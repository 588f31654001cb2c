"""A ClickHouse that `sync` fills; see replication.

What is written last counts: versions of tasks go up with every write. They do not go by
`updated_at`, which the clocks of many machines tell. The version of an attempt, which never
changes, is its id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from asynqhub_tui.backends import Target
from asynqhub_tui.backends.clickhouse.database import Database
from asynqhub_tui.backends.clickhouse.location import Folder, location_given
from asynqhub_tui.backends.clickhouse.position import NAME, read_position
from asynqhub_tui.backends.clickhouse.rows import (
    STAMP_COLUMNS,
    WORKER_COLUMNS,
    next_version,
    worker_values,
)
from asynqhub_tui.backends.clickhouse.setup import apply
from asynqhub_tui.backends.clickhouse.workers import read_workers
from asynqhub_tui.models import WorkerConfig
from asynqhub_tui.replication import (
    ATTEMPT_FIELDS,
    TASK_FIELDS,
    Fingerprint,
    Group,
    Row,
    Table,
    Tally,
)

LONG = 120.0
"""Seconds for what reads a whole column."""

_ID = {Table.TASK: "source_id", Table.ATTEMPT: "version"}

_OPTIONAL = {"finished_at", "duration_ms"}

_FIELDS = {Table.TASK: TASK_FIELDS, Table.ATTEMPT: ATTEMPT_FIELDS}


class ClickHouseCopy:
    """One database; the docstrings stand in `replication.Copy`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._version = 0
        self.place = database.place

    async def position(self) -> str | None:
        rows = await self._database.fetch("SELECT max(version) FROM sync")
        # A clock that was put back must not let what is written now count less.
        self._version = max(self._version, rows[0][0])
        return await read_position(self._database)

    async def is_empty(self) -> bool:
        rows = await self._database.fetch(
            """SELECT 1 FROM (SELECT 1 FROM worker FINAL LIMIT 1
            UNION ALL SELECT 1 FROM task FINAL LIMIT 1)"""
        )
        return not rows

    async def write(self, table: Table, rows: Sequence[Row], position: str) -> None:
        await self.insert(table, rows)
        at = (NAME, position, self._version)
        await self._database.insert("sync", ("name", "position", "version"), [at])

    async def insert(self, table: Table, rows: Sequence[Row]) -> None:
        """Write rows, and no position."""
        self._version = max(next_version(), self._version + 1)
        if rows:
            columns = [_ID[table], *_FIELDS[table][1:]]
            texts = [at for at, name in enumerate(_FIELDS[table]) if name not in _OPTIONAL]
            values = [_without_nulls(row, texts) for row in rows]
            if table is Table.TASK:
                columns.append("version")
                for row in values:
                    row.append(self._version)
            await self._database.insert(table, columns, values)

    async def workers(self) -> Sequence[WorkerConfig]:
        return await read_workers(self._database)

    async def write_workers(
        self, workers: Sequence[WorkerConfig], removed: Sequence[str] = ()
    ) -> None:
        now = datetime.now(UTC)
        gone = [WorkerConfig(worker_name=name) for name in removed]
        self._version = max(next_version(), self._version + 1)
        rows = [
            [*worker_values(worker, now), self._version, int(is_gone)]
            for some, is_gone in ((workers, False), (gone, True))
            for worker in some
        ]
        if rows:
            await self._database.insert("worker", (*WORKER_COLUMNS, *STAMP_COLUMNS), rows)

    async def tallies(self, table: Table, width: int, to: int) -> Mapping[int, Tally]:
        id = _ID[table]
        rows = await self._database.fetch(
            f"""SELECT intDiv({id} - 1, {{width:UInt64}}) AS stretch, count(), sum({id})
            FROM {table} FINAL WHERE {id} > 0 AND {id} <= {{to:UInt64}} GROUP BY stretch""",
            {"width": width, "to": to},
            seconds=LONG,
        )
        return {stretch: Tally(*tally) for stretch, *tally in rows}

    async def ids(self, table: Table, after: int, to: int) -> Sequence[int]:
        rows = await self._stretch(f"SELECT {_ID[table]} FROM {table} FINAL", table, after, to)
        return [row[0] for row in rows]

    async def remove(self, table: Table, ids: Sequence[int]) -> None:
        payload = ", '' AS payload" if table is Table.TASK else ""
        await self._database.execute(
            f"""INSERT INTO {table} SELECT * REPLACE (
                version + 1 AS version, toUInt8(1) AS is_deleted{payload})
            FROM (SELECT * FROM {table} FINAL
                WHERE {_ID[table]} BETWEEN {{least:UInt64}} AND {{most:UInt64}}
                AND {_ID[table]} IN {{ids:Array(UInt64)}})""",
            {"ids": list(ids), "least": min(ids), "most": max(ids)},
        )

    async def groups(self, table: Table, after: int, to: int) -> Mapping[Group, Tally]:
        rows = await self._stretch(
            f"SELECT {_DAY[table]} AS day, status, count(), sum({_CHECKSUM[table]})"
            f" FROM {table} FINAL",
            table,
            after,
            to,
            "GROUP BY day, status",
        )
        return {Group(day, status): Tally(*tally) for day, status, *tally in rows}

    async def fingerprints(self, table: Table, after: int, to: int) -> Mapping[int, Fingerprint]:
        rows = await self._stretch(
            f"SELECT {_ID[table]}, {_DAY[table]}, status, {_CHECKSUM[table]} FROM {table} FINAL",
            table,
            after,
            to,
        )
        return {id: Fingerprint(Group(day, status), checksum) for id, day, status, checksum in rows}

    async def close(self) -> None:
        await self._database.close()

    async def _stretch(
        self, select: str, table: Table, after: int, to: int, then: str = ""
    ) -> list[Row]:
        id = _ID[table]
        return await self._database.fetch(
            f"{select} WHERE {id} > {{after:UInt64}} AND {id} <= {{to:UInt64}} {then}",
            {"after": after, "to": to},
            seconds=LONG,
        )


async def open_copy(target: Target) -> ClickHouseCopy:
    """Open the database that the DSN names, to fill it.

    The tables of an embedded one are made; on a server that is the operator's affair. Raises as
    `open_hub`.
    """
    location = location_given(target.dsn)
    if isinstance(location, Folder):
        await apply(target)
    return ClickHouseCopy(await Database.open(location, read_only=target.read_only))


def _without_nulls(row: Row, texts: Sequence[int]) -> list[Any]:
    """Return the row with an empty text for NULL; of the other columns only some may be NULL."""
    values = list(row)
    for at in texts:
        if values[at] is None:
            values[at] = ""
    return values


def _micros(time: str) -> str:
    return f"toUnixTimestamp64Micro({time})"


def _checksum(*columns: str) -> str:
    text = ", '|', ".join(columns)
    return f"reinterpretAsUInt32(reverse(substring(MD5(concat({text})), 1, 4)))"


_DAY = {
    Table.TASK: "formatDateTime(created_at, '%F')",
    Table.ATTEMPT: "formatDateTime(started_at, '%F')",
}

_CHECKSUM = {
    Table.TASK: _checksum(
        "task_id",
        "worker_name",
        "queue",
        "toString(priority)",
        "status",
        "toString(last_attempt)",
        "last_error",
        "last_worker_name",
        "trace_id",
        f"toString({_micros('created_at')})",
        f"toString({_micros('updated_at')})",
        "payload",
    ),
    Table.ATTEMPT: _checksum(
        "task_id",
        "asynq_task_id",
        "toString(attempt)",
        "status",
        f"toString({_micros('started_at')})",
        f"ifNull(toString({_micros('finished_at')}), '')",
        "ifNull(toString(duration_ms), '')",
        "error",
        "worker_name",
        "trace_id",
        "span_id",
    ),
}
