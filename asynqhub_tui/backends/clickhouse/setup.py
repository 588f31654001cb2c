"""Creating the tables, where an operator asks for it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from asynqhub_tui.backends import Target
from asynqhub_tui.backends.clickhouse.database import Database
from asynqhub_tui.backends.clickhouse.location import Folder, location_given
from asynqhub_tui.backends.clickhouse.schema import create_database, statements
from asynqhub_tui.repository import Refused


async def apply(target: Target, cluster: str | None = None) -> list[str]:
    """Create the database and the tables that are missing, and say what differs in the others.

    What is there is never changed; run again, it changes nothing. A folder of the embedded engine
    is made. Raises Refused, and Unavailable as `open_hub`.
    """
    location = location_given(target.dsn)
    if isinstance(location, Folder):
        if cluster is not None:
            raise Refused("The embedded engine is no cluster.", hint="Leave --cluster out.")
        await asyncio.to_thread(location.make)
    # A database that is to be created cannot be connected to yet.
    outside = Database(replace(location, database="default"), read_only=target.read_only)
    try:
        await outside.execute(create_database(location.database, cluster))
    finally:
        await outside.close()
    database = Database(location, read_only=target.read_only)
    try:
        for statement in statements(cluster):
            await database.execute(statement)
        return await database.differences()
    finally:
        await database.close()
