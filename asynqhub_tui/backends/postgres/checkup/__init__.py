"""What `doctor` looks at in the hub's database. Every session is read-only; nothing is analysed,
created or ended.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing

from asynqhub_tui.backends import Target
from asynqhub_tui.backends.postgres.checkup import (
    advice,
    indexes,
    plans,
    rights,
    server,
    sessions,
    tables,
)
from asynqhub_tui.backends.postgres.checkup.about import POSTGRES
from asynqhub_tui.backends.postgres.checkup.explaining import ExplainingDatabase
from asynqhub_tui.backends.postgres.conninfo import parse
from asynqhub_tui.backends.postgres.schema import check_schema
from asynqhub_tui.checkup import Finding
from asynqhub_tui.repository import HubError, SchemaMismatch

Check = Callable[[ExplainingDatabase], Awaitable[Sequence[Finding]]]

_CHECKS: tuple[tuple[str, str, Check, bool], ...] = (
    ("hub-index", "The hub's indexes", indexes.hub_indexes, False),
    ("plans", "The plans of the polls", plans.plans, True),
    ("invalid-index", "Invalid indexes", indexes.invalid, False),
    ("statistics", "The planner's statistics", tables.statistics, False),
    ("vacuum", "What vacuum has left", tables.vacuum, False),
    ("sessions", "Long transactions", sessions.sessions, False),
    ("slots", "Replication slots", sessions.slots, False),
    ("settings", "The settings", server.settings, False),
    ("advice", "Indexes worth adding", advice.advice, True),
    ("rights", "The rights of this role", rights.rights, False),
    ("version", "The version", server.version, False),
    ("sizes", "The sizes of the tables", tables.sizes, False),
)
"""Each check's name, what it is about as the beginning of a sentence, what does it, and whether it
needs the hub's tables as they should be; what matters most comes first."""


class PostgresCheckup:
    """See checkup.Checkup."""

    def __init__(self, target: Target) -> None:
        self._target = target

    async def findings(self) -> AsyncGenerator[Finding]:
        """Yield what is found, the connection first."""
        database = None
        try:
            database = ExplainingDatabase(parse(self._target.dsn), read_only=True)
            await database.open()
        except HubError as error:
            yield POSTGRES.failed("connection", error)
            return
        else:
            async with aclosing(_findings(database)) as findings:
                async for finding in findings:
                    yield finding
        finally:
            if database is not None:
                await database.close()


def open_checkup(target: Target) -> PostgresCheckup:
    """Return the check-up of the database that the DSN names; see backends.open_checkup."""
    return PostgresCheckup(target)


async def _findings(database: ExplainingDatabase) -> AsyncGenerator[Finding]:
    ours = True
    try:
        await check_schema(database)
        yield POSTGRES.ok("schema", f"{database.place} has the hub's three tables.")
    except SchemaMismatch as error:
        ours = False
        yield await rights.elsewhere(database, POSTGRES.failed("schema", error))
    except HubError as error:
        yield POSTGRES.unchecked("schema", "The schema", error)
    for name, what, check, needs_tables in _CHECKS:
        if needs_tables and not ours:
            continue
        try:
            found = await check(database)
        except HubError as error:
            found = [POSTGRES.unchecked(name, what, error)]
        for finding in found:
            yield finding
