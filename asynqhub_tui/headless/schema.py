"""`schema`: ClickHouse's tables, printed or created."""

from __future__ import annotations

from asynqhub_tui.backends.clickhouse.schema import statements
from asynqhub_tui.backends.clickhouse.setup import apply
from asynqhub_tui.headless import UsageError, output
from asynqhub_tui.settings import Settings

OK, DIFFERS = 0, 5


def show(cluster: str | None) -> int:
    """Write the statements, ready for clickhouse-client."""
    output.write(";\n\n".join([*statements(cluster), ""]).rstrip().splitlines())
    return OK


async def create(settings: Settings, cluster: str | None) -> int:
    """Create what is missing, and write what differs in the tables that were there.

    Raises UsageError where the settings name no ClickHouse, and what the server answers.
    """
    if settings.backend != "clickhouse":
        raise UsageError(
            "schema --apply creates ClickHouse's tables: set CLICKHOUSE_DSN, or give --dsn."
            " Those of PostgreSQL are the hub's own."
        )
    differences = await apply(settings.target, cluster)
    if not differences:
        output.note("The tables are there.")
        return OK
    for one in differences:
        output.note(f"{one[0].upper()}{one[1:]}.")
    output.note("What was there already is left as it is. Change it, or use another database.")
    return DIFFERS
