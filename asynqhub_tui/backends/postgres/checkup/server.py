"""The server: its version and the settings that the dashboard and the hub depend on."""

from __future__ import annotations

import re
from collections.abc import Sequence

from asynqhub_tui.backends.postgres.checkup.about import POSTGRES
from asynqhub_tui.backends.postgres.checkup.explaining import ExplainingDatabase
from asynqhub_tui.checkup import Finding

_SUPPORTED = 14
"""The major version below which PostgreSQL's own project has mended nothing since 2025."""

_HUB_WANTS = 18
"""What Asynq-Hub asks for. From it on an index serves also without its first column
(skip scan)."""


async def version(database: ExplainingDatabase) -> Sequence[Finding]:
    """Judge the server's version."""
    return [judge_version(database.version)]


def judge_version(version: str) -> Finding:
    """Judge a version as the server writes it: 18.4, 17beta1."""
    title = f"PostgreSQL {version}"
    number = re.match(r"\d+", version)
    major = int(number[0]) if number else 0
    if major < _SUPPORTED:
        return POSTGRES.warning(
            "version",
            f"{title} is out of support, and the dashboard was not tested on it.",
            f"The hub asks for PostgreSQL {_HUB_WANTS}; below {_SUPPORTED} the server also goes on"
            " with a query whose dashboard has gone.",
        )
    if major < _HUB_WANTS:
        return POSTGRES.note(
            "version",
            f"{title} is older than the {_HUB_WANTS} that the hub asks for.",
            "Without skip scan, a list or a count over time that names no worker, status or queue"
            " reads a whole index or table: the hub's own web UI has such ones. The dashboard's go"
            " worker by worker or status by status, and cost the same as on 18.",
        )
    return POSTGRES.ok("version", f"{title}.")


async def settings(database: ExplainingDatabase) -> Sequence[Finding]:
    """Judge the settings of the server and of this session."""
    [row] = await database.fetch(_SETTINGS)
    autovacuum, counts, activities, timeout, read_only, standby, role = row
    found = []
    for on, name, title, detail in (
        (
            autovacuum,
            "autovacuum",
            "Autovacuum is off: nothing is vacuumed or analysed by itself.",
            "Every report of an attempt leaves a dead row version behind; without vacuum the"
            " tables grow, and counts that need only an index read the table as well.",
        ),
        (
            counts,
            "track_counts",
            "track_counts is off, and autovacuum does nothing without it.",
            "It also hides how many dead rows there are.",
        ),
    ):
        if not on:
            commands = (f"ALTER SYSTEM SET {name} = on;", "SELECT pg_reload_conf();")
            found.append(POSTGRES.warning("settings", title, detail, *commands))
    if not activities:
        found.append(
            POSTGRES.note(
                "settings",
                "track_activities is off, so that long transactions cannot be seen.",
                "",
                "ALTER SYSTEM SET track_activities = on;",
                "SELECT pg_reload_conf();",
            )
        )
    if standby:
        found.append(
            POSTGRES.note(
                "standby",
                "This server is a standby: it can be looked at, and nothing can be changed on it.",
                "Its rows are as late as its replication. Retrying needs the primary.",
            )
        )
    if read_only != "on":
        found.append(
            POSTGRES.note(
                "settings",
                "A pooler keeps the settings of a session away from the server.",
                "Each statement then runs in a short transaction of its own with SET LOCAL, at two"
                " round trips more. For a role that only looks they can be set for good:",
                f"ALTER ROLE {role} SET default_transaction_read_only = on;",
                f"ALTER ROLE {role} SET statement_timeout = '3s';",
            )
        )
    return found or [
        POSTGRES.ok(
            "settings",
            f"Sessions are read-only and a statement may take {timeout} at most; autovacuum is on.",
        )
    ]


_SETTINGS = """
SELECT current_setting('autovacuum')::boolean, current_setting('track_counts')::boolean,
    current_setting('track_activities')::boolean, current_setting('statement_timeout'),
    current_setting('default_transaction_read_only'), pg_is_in_recovery(), quote_ident(current_user)
"""
