"""What `doctor` looks at in ClickHouse, read-only and within the limits of its reads."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from asynqhub_tui import figures
from asynqhub_tui.backends import Target
from asynqhub_tui.backends.clickhouse.database import Database
from asynqhub_tui.backends.clickhouse.errors import APPLY
from asynqhub_tui.backends.clickhouse.location import Folder, location_given
from asynqhub_tui.backends.clickhouse.position import read_position
from asynqhub_tui.backends.clickhouse.schema import TABLES, quoted
from asynqhub_tui.backends.freshness import judge_copy
from asynqhub_tui.checkup import Finding, Level, Subject
from asynqhub_tui.repository import HubError, SchemaMismatch

CLICKHOUSE = Subject("clickhouse")

_OLDEST = 25
"""The year of the oldest version that is not taken to be out of support, as of 2026."""

_MANY_PARTS = 100
"""Active parts of one partition beyond which merges lag behind: reading with FINAL merges them
each time. ClickHouse itself slows down inserts at 1,000 (parts_to_delay_insert)."""

_SAMPLE = 100_000
"""The newest rows that are looked at for older versions."""

_VERSIONS = 0.3
"""The share of older versions among them that is worth saying."""

_FULL = 0.1
"""The share of a disk that should be free: merges need room."""


class ClickHouseCheckup:
    """See checkup.Checkup."""

    def __init__(self, target: Target) -> None:
        self._target = target

    async def findings(self) -> AsyncGenerator[Finding]:
        """Yield what is found, the tables first."""
        try:
            location = location_given(self._target.dsn)
            if isinstance(location, Folder):
                await asyncio.to_thread(location.check)
        except HubError as error:
            yield CLICKHOUSE.failed("connection", error)
            return
        database = Database(location, read_only=True)
        try:
            try:
                differences = await database.differences()
            except HubError as error:
                is_schema = isinstance(error, SchemaMismatch)
                yield CLICKHOUSE.failed("schema" if is_schema else "connection", error)
                return
            yield _schema(database, differences)
            async with aclosing(_others(database, whole=not differences)) as others:
                async for finding in others:
                    yield finding
        finally:
            await database.close()


def open_checkup(target: Target) -> ClickHouseCheckup:
    """Return the check-up of the database that the DSN names; see backends.open_checkup."""
    return ClickHouseCheckup(target)


async def _others(database: Database, *, whole: bool) -> AsyncGenerator[Finding]:
    for name, what, check, needs_tables in (
        ("parts", "The parts of the tables", _parts, False),
        ("versions", "Older versions of rows", _versions, True),
        ("copy", "Whether it is a copy", _copy, True),
        ("disk", "The disks", _disk, False),
        ("rights", "The rights of this user", _rights, False),
        ("version", "The version", _version, False),
    ):
        if needs_tables and not whole:
            continue
        try:
            found = await check(database)
        except HubError as error:
            found = [CLICKHOUSE.unchecked(name, what, error)]
        for finding in found:
            yield finding


def _schema(database: Database, differences: Sequence[str]) -> Finding:
    if not differences:
        return CLICKHOUSE.ok("schema", f"{database.place} has the tables of this program.")
    first, *others = differences
    more = f" Also: {'; '.join(others)}." if others else ""
    only_missing = all(one.startswith("the table") and "missing" in one for one in differences)
    hint = APPLY if only_missing else f"{APPLY} What differs is left as it is there."
    return Finding(
        CLICKHOUSE.about,
        "schema",
        Level.PROBLEM,
        f"{database.place} is not Asynq-Hub's: {first}.",
        f"{more} {hint}".strip(),
        ("asynqhub-tui schema --apply",),
        SchemaMismatch,
    )


async def _version(database: Database) -> Sequence[Finding]:
    name = "chDB" if isinstance(database.location, Folder) else "ClickHouse"
    year = re.match(r"\d+", database.version)
    title = f"{name} {database.version}"
    if year and int(year[0]) < _OLDEST:
        return [
            CLICKHOUSE.warning(
                "version",
                f"{title} is out of support, and the dashboard was not tested on it.",
                "Every query here reads with FINAL, which has become cheaper since.",
            )
        ]
    return [CLICKHOUSE.ok("version", f"{title}.")]


async def _parts(database: Database) -> Sequence[Finding]:
    rows = await database.fetch(_PARTS, {"tables": [*TABLES, *(f"{one}_local" for one in TABLES)]})
    found = [
        CLICKHOUSE.warning(
            "parts",
            f"The partition {partition} of {table} has {parts:,} parts that are not merged.",
            f"It holds {figures.number(count)} rows. Every query merges them for itself (FINAL)."
            " Merges run by themselves where inserts come in few and large batches; to merge"
            " it now, which costs the disk as much as writing it anew:",
            f"OPTIMIZE TABLE {table} PARTITION ID '{identifier}' FINAL",
        )
        for table, partition, identifier, parts, count, _ in rows
        if parts > _MANY_PARTS
    ]
    if found or not rows:
        return found
    worst = max(row[3] for row in rows)
    size = figures.size(sum(row[5] for row in rows))
    return [CLICKHOUSE.ok("parts", f"{size} in at most {worst:,} parts a partition.")]


async def _versions(database: Database) -> Sequence[Finding]:
    found = []
    for table, key, newest in (
        ("task", "task_id", "created_at"),
        ("task_attempt", "(task_id, attempt, started_at, status)", "task_created_at"),
    ):
        [(rows, different)] = await database.fetch(
            f"SELECT count(), uniqExact(key) FROM (SELECT {key} AS key FROM {table}"
            f" ORDER BY {newest} DESC LIMIT {_SAMPLE})"
        )
        if rows and rows - different > _VERSIONS * rows:
            found.append(
                CLICKHOUSE.note(
                    "versions",
                    f"{100 * (rows - different) / rows:.0f} % of the newest rows of {table} are"
                    " older versions of others.",
                    f"Of {rows:,} rows that were looked at. They go with the next merges; until"
                    " then every query reads them and leaves them out (FINAL).",
                )
            )
    return found or [CLICKHOUSE.ok("versions", "Few older versions wait to be merged away.")]


async def _copy(database: Database) -> Sequence[Finding]:
    again = "asynqhub-tui sync --follow"
    found = judge_copy(CLICKHOUSE, await read_position(database), again, followed=True)
    return [found or CLICKHOUSE.ok("copy", "It is no copy of another store.")]


async def _disk(database: Database) -> Sequence[Finding]:
    return [
        CLICKHOUSE.warning(
            "disk",
            f"The disk {name} of ClickHouse is nearly full: {figures.size(free)} are free.",
            f"Of {figures.size(total)}. Merges need room; without it older versions stay.",
        )
        for name, free, total in await database.fetch(_DISKS)
        if 0 < total < 2**62 and free < _FULL * total
    ]


async def _rights(database: Database) -> Sequence[Finding]:
    [(user, readonly, place)] = await database.fetch(
        "SELECT currentUser(), getSetting('readonly'), currentDatabase()"
    )
    if isinstance(database.location, Folder):
        return []
    if int(readonly) == 1:
        return [
            CLICKHOUSE.note(
                "rights",
                f"The profile of the user {user} has readonly = 1.",
                "Nothing can be written, and the dashboard cannot limit its queries to two threads,"
                " 2 GB and a low priority, nor end one that was cancelled. 2 allows that.",
            )
        ]
    grants = " ".join(str(row[0]) for row in await database.fetch("SHOW GRANTS"))
    if re.search(r"\b(?:INSERT|ALTER|DROP|ALL)\b", grants):
        return [
            CLICKHOUSE.note(
                "rights",
                f"The user {user} may write.",
                "Retrying and deleting need INSERT, looking does not. The dashboard reads under"
                " readonly = 2 all the same. Start with --read-only, or use a user for looking:",
                "CREATE USER viewer IDENTIFIED BY '…'",
                f"GRANT SELECT ON {quoted(place)}.* TO viewer",
                "GRANT KILL QUERY ON *.* TO viewer",
            )
        ]
    return [CLICKHOUSE.ok("rights", f"The user {user} may read, and write nothing.")]


_PARTS = """
    SELECT table, partition, partition_id, count(), sum(rows), sum(bytes_on_disk)
    FROM system.parts
    WHERE active AND database = currentDatabase() AND table IN {tables:Array(String)}
    GROUP BY table, partition, partition_id ORDER BY count() DESC"""

_DISKS = "SELECT name, free_space, total_space FROM system.disks"
