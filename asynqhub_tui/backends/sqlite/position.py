"""Where a copy stands, of a file that sync fills."""

from __future__ import annotations

from asynqhub_tui.backends.sqlite.database import Database


async def read_position(database: Database) -> str | None:
    """Return where the copy stands; None where the file is none."""
    if not await database.fetch("SELECT 1 FROM sqlite_schema WHERE name = 'sync'"):
        return None
    rows = await database.fetch("SELECT position FROM sync")
    return str(rows[0][0]) if rows else None
