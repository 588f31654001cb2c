"""Where a copy stands, of a database that sync fills."""

from __future__ import annotations

from asynqhub_tui.backends.clickhouse.database import Database

NAME = "copy"
"""Of the one row of the table `sync`."""


async def read_position(database: Database) -> str | None:
    """Return where the copy stands; None where the database is none."""
    rows = await database.fetch(
        "SELECT position FROM sync FINAL WHERE name = {name:String}", {"name": NAME}
    )
    return str(rows[0][0]) if rows else None
