"""A SQLite file that `sync` fills: a snapshot that is looked at where the source is not; see
replication.
"""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from asynqhub_tui.backends import Target
from asynqhub_tui.backends.sqlite.connection import Session, Statements
from asynqhub_tui.backends.sqlite.database import Database
from asynqhub_tui.backends.sqlite.errors import translate
from asynqhub_tui.backends.sqlite.location import file_of, shown
from asynqhub_tui.backends.sqlite.rows import WORKER_COLUMNS, moment, worker_from, worker_values
from asynqhub_tui.backends.sqlite.schema import POSITION, create
from asynqhub_tui.models import WorkerConfig
from asynqhub_tui.replication import (
    ATTEMPT_FIELDS,
    TASK_FIELDS,
    Fingerprint,
    Group,
    Row,
    Table,
    Tally,
    no_copy,
)
from asynqhub_tui.repository import Refused

_SLICE = 1_000
"""Rows that one statement writes or deletes, which it does well within its time."""

_COMPARED_AT_ONCE = 200
"""Rows that are read with their payloads at a time."""

_COLUMNS = {Table.TASK: TASK_FIELDS, Table.ATTEMPT: ATTEMPT_FIELDS[:-3]}

_COMPARED = {
    Table.TASK: (*TASK_FIELDS[1:], "created_at"),
    Table.ATTEMPT: (*ATTEMPT_FIELDS[1:-3], "started_at"),
}
"""What the checksum is made of, and the time whose day counts."""


class SqliteCopy:
    """One file; the docstrings stand in `replication.Copy`."""

    def __init__(self, session: Session, place: str) -> None:
        self._session = session
        self.place = place

    async def position(self) -> str | None:
        rows = await self._session.fetch("SELECT position FROM sync")
        return str(rows[0][0]) if rows else None

    async def is_empty(self) -> bool:
        rows = await self._session.fetch(
            "SELECT 1 FROM worker UNION ALL SELECT 1 FROM task LIMIT 1"
        )
        return not rows

    async def write(self, table: Table, rows: Sequence[Row], position: str) -> None:
        columns = _COLUMNS[table]
        changed = ", ".join(f"{name} = excluded.{name}" for name in columns[1:])
        marks = ", ".join("?" * len(columns))
        upsert = (
            f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"
            f" ON CONFLICT (id) DO UPDATE SET {changed}"
        )
        async with self._session.transaction("IMMEDIATE") as statements:
            for start in range(0, len(rows), _SLICE):
                some = [row[: len(columns)] for row in rows[start : start + _SLICE]]
                if table is Table.TASK:
                    await _make_room(statements, some)
                await statements.execute_each(upsert, some)
            await statements.execute(
                "INSERT INTO sync VALUES ('copy', ?)"
                " ON CONFLICT (name) DO UPDATE SET position = excluded.position",
                (position,),
            )

    async def workers(self) -> Sequence[WorkerConfig]:
        rows = await self._session.fetch(f"SELECT {', '.join(WORKER_COLUMNS)} FROM worker")
        return [worker_from(row) for row in rows]

    async def write_workers(
        self, workers: Sequence[WorkerConfig], removed: Sequence[str] = ()
    ) -> None:
        marks = ", ".join("?" * len(WORKER_COLUMNS))
        changed = ", ".join(f"{name} = excluded.{name}" for name in WORKER_COLUMNS[1:])
        now = datetime.now(UTC)
        async with self._session.transaction("IMMEDIATE") as statements:
            await statements.execute_each(
                f"INSERT INTO worker ({', '.join(WORKER_COLUMNS)}) VALUES ({marks})"
                f" ON CONFLICT (worker_name) DO UPDATE SET {changed}",
                [worker_values(worker, now) for worker in workers],
            )
            await statements.execute_each(
                "DELETE FROM worker WHERE worker_name = ?", [(name,) for name in removed]
            )

    async def tallies(self, table: Table, width: int, to: int) -> Mapping[int, Tally]:
        found: dict[int, Tally] = {}
        after = 0
        # A stretch at a time: each is well within the time of a statement.
        while True:
            [(first,)] = await self._session.fetch(
                f"SELECT min(id) FROM {table} WHERE id > ? AND id <= ?", (after, to)
            )
            if first is None:
                return found
            stretch = (first - 1) // width
            after = (stretch + 1) * width
            [tally] = await self._session.fetch(
                f"SELECT count(*), sum(id) FROM {table} WHERE id > ? AND id <= ?",
                (stretch * width, min(after, to)),
            )
            found[stretch] = Tally(*tally)

    async def ids(self, table: Table, after: int, to: int) -> Sequence[int]:
        rows = await self._session.fetch(
            f"SELECT id FROM {table} WHERE id > ? AND id <= ? ORDER BY id", (after, to)
        )
        return [row[0] for row in rows]

    async def remove(self, table: Table, ids: Sequence[int]) -> None:
        async with self._session.transaction("IMMEDIATE") as statements:
            await statements.execute_each(
                f"DELETE FROM {table} WHERE id = ?", [(id,) for id in ids]
            )

    async def groups(self, table: Table, after: int, to: int) -> Mapping[Group, Tally]:
        found: dict[Group, Tally] = {}
        for one in (await self.fingerprints(table, after, to)).values():
            rows, total = found.get(one.group, Tally(0, 0))
            found[one.group] = Tally(rows + 1, total + one.checksum)
        return found

    async def fingerprints(self, table: Table, after: int, to: int) -> Mapping[int, Fingerprint]:
        query = (
            f"SELECT id, status, {', '.join(_COMPARED[table])} FROM {table}"
            " WHERE id > ? AND id <= ? ORDER BY id LIMIT ?"
        )
        found: dict[int, Fingerprint] = {}
        while rows := await self._session.fetch(query, (after, to, _COMPARED_AT_ONCE)):
            found |= await asyncio.to_thread(_fingerprints, rows)
            after = rows[-1][0]
        return found

    async def close(self) -> None:
        await self._session.close()


async def open_copy(target: Target) -> SqliteCopy:
    """Open the file that the DSN names, to fill it; one that is not there is made, for the user
    alone: it holds payloads.

    Raises as `open_hub`, and Refused where it is to be opened read-only.
    """
    path = file_of(target.dsn.get_secret_value()) if target.dsn is not None else None
    if path is None:
        raise Refused("No file is given for the copy.", hint="Give its path.")
    place = shown(path)
    if target.read_only:
        raise Refused(f"{place} is open read-only.", hint="Start without read-only to fill it.")
    try:
        await asyncio.to_thread(_check_ours, path, place)
        await asyncio.to_thread(path.touch, 0o600)
        await asyncio.to_thread(create, path)
    except OSError as error:
        raise Refused(
            f"{place} cannot be made: {error.strerror}.", hint="Check the path."
        ) from error
    except sqlite3.Error as error:
        raise translate(error, place) from error
    await (await Database.open(path, read_only=True)).close()  # checks the tables
    session = await Session.open(path, place, mode="rw", query_only=False)
    try:
        # Rows come in the order of their ids, and a task may come again under another one.
        await session.execute("PRAGMA foreign_keys = OFF")
        await session.execute(POSITION)
    except BaseException:
        await session.close()
        raise
    return SqliteCopy(session, place)


def _check_ours(path: Path, place: str) -> None:
    """Raise Refused for a file with tables in which sync has kept no position; it is left alone."""
    if not path.exists() or not path.stat().st_size:
        return
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        names = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema")}
    if names and "sync" not in names:
        raise no_copy(place)


async def _make_room(statements: Statements, rows: Sequence[Row]) -> None:
    """Delete tasks that bear an id of these under another number: they were made anew."""
    await statements.execute_each(
        "DELETE FROM task WHERE task_id = ?2 AND id <> ?1", [row[:2] for row in rows]
    )


def _fingerprints(rows: Sequence[Row]) -> dict[int, Fingerprint]:
    return {
        id: Fingerprint(Group(f"{moment(at):%Y-%m-%d}", status), _checksum(values))
        for id, status, *values, at in rows
    }


def _checksum(values: Sequence[object]) -> int:
    text = "|".join("" if value is None else str(value) for value in values)
    return int(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:8], 16)
