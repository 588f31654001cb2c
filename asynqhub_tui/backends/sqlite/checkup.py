"""What `doctor` looks at in a SQLite file. It is opened for reading alone."""

from __future__ import annotations

import shlex
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

from asynqhub_tui import figures
from asynqhub_tui.backends import Target
from asynqhub_tui.backends.freshness import judge_copy
from asynqhub_tui.backends.sqlite.database import Database
from asynqhub_tui.backends.sqlite.location import file_of
from asynqhub_tui.backends.sqlite.position import read_position
from asynqhub_tui.backends.sqlite.schema import INDEXES
from asynqhub_tui.checkup import Finding, Subject
from asynqhub_tui.repository import HubError, Refused, SchemaMismatch

SQLITE = Subject("sqlite")

_CHECKED_WHOLE = 64 * 1024 * 1024
"""Bytes of a file that is read from end to end for damage, within the time of a statement."""


class SqliteCheckup:
    """See checkup.Checkup."""

    def __init__(self, target: Target) -> None:
        self._target = target

    async def findings(self) -> AsyncGenerator[Finding]:
        """Yield what is found, the tables first."""
        try:
            if self._target.dsn is None:
                raise Refused("No SQLite file is given.", hint="Give its path as the DSN.")
            path = file_of(self._target.dsn.get_secret_value())
            database = await Database.open(path, read_only=True)
        except HubError as error:
            is_schema = isinstance(error, SchemaMismatch)
            yield SQLITE.failed("schema" if is_schema else "connection", error)
            return
        try:
            yield SQLITE.ok("schema", f"{database.place} has the three tables.")
            for name, what, check in (
                ("indexes", "The indexes", _indexes),
                ("damage", "Whether the file is damaged", _damage),
                ("copy", "Whether it is a copy", _copy),
            ):
                try:
                    found = await check(database, path)
                except HubError as error:
                    found = [SQLITE.unchecked(name, what, error)]
                for finding in found:
                    yield finding
        finally:
            await database.close()


def open_checkup(target: Target) -> SqliteCheckup:
    """Return the check-up of the file that the DSN names; see backends.open_checkup."""
    return SqliteCheckup(target)


async def _indexes(database: Database, path: Path | None) -> Sequence[Finding]:
    rows = await database.fetch("SELECT name FROM sqlite_schema WHERE type = 'index'")
    there = {name for (name,) in rows}
    missing = {name: on for name, on in INDEXES.items() if name not in there}
    if not missing:
        return [SQLITE.ok("indexes", f"All {len(INDEXES)} indexes are there.")]
    return [
        SQLITE.warning(
            "indexes",
            f"{len(missing)} of {len(INDEXES)} indexes are missing: {', '.join(missing)}.",
            "Lists and counts read whole tables without them. With the sqlite3 program:",
            *(f"CREATE INDEX {name} ON {on};" for name, on in missing.items()),
        )
    ]


async def _damage(database: Database, path: Path | None) -> Sequence[Finding]:
    [(size,)] = await database.fetch(
        "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
    )
    shown = figures.size(size)
    if size > _CHECKED_WHOLE:
        return [
            SQLITE.note(
                "damage",
                f"The file takes {shown}, and was not read through for damage.",
                "With the sqlite3 program:",
                "PRAGMA quick_check;",
            )
        ]
    rows = await database.fetch("PRAGMA quick_check(3)")
    said = [" ".join(str(line).split()) for (line,) in rows]
    if said == ["ok"]:
        return [SQLITE.ok("damage", f"The file takes {shown}, and is undamaged.")]
    return [
        SQLITE.problem(
            "damage", "The file is damaged.", f"{'; '.join(said)}. Copy it anew, or restore it."
        )
    ]


async def _copy(database: Database, path: Path | None) -> Sequence[Finding]:
    again = f"asynqhub-tui sync --to {shlex.quote(str(path))}"
    found = judge_copy(SQLITE, await read_position(database), again, followed=False)
    return [found or SQLITE.ok("copy", "It is no copy of another store.")]
