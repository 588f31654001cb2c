"""What holds up vacuum: transactions that stay open, prepared ones, replication slots.

Rows that died after the oldest of them began cannot be removed, in any table.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from asynqhub_tui import figures
from asynqhub_tui.backends.postgres.checkup.about import POSTGRES
from asynqhub_tui.backends.postgres.checkup.explaining import ExplainingDatabase
from asynqhub_tui.checkup import Finding

IDLE = timedelta(minutes=1)
"""For how long a transaction may wait for its client."""

LONG = timedelta(minutes=10)
"""For how long one may run."""

_MOST = 3
"""How many of a kind are named; the rest is counted."""

_LAGGING = 1_000_000
"""Transactions by which a slot may hold back the horizon."""

_KEPT = 1_000_000_000
"""Bytes of WAL that one without a reader may keep."""


async def sessions(database: ExplainingDatabase) -> Sequence[Finding]:
    """Find transactions that are open for long, in any database of the server."""
    params = {"idle": IDLE, "long": LONG, "most": _MOST}
    rows = await database.fetch(_SESSIONS, params)
    found = []
    for place, (pid, user, application, state, age, others) in enumerate(rows, 1):
        idle = state.startswith("idle")
        what = "idle in transaction" if idle else "in one transaction"
        who = f"of {user}" + (f" ({application})" if application else "")
        more = f" There are {others} more such." if others and place == len(rows) else ""
        found.append(
            POSTGRES.warning(
                "sessions",
                f"The session {pid} {who} is {what} for {figures.span(age)}.",
                f"Until it ends, vacuum removes no row that has died since.{more}",
                f"SELECT pg_terminate_backend({int(pid)});",
            )
        )
    for gid, age in await database.fetch(_PREPARED, params):
        found.append(
            POSTGRES.warning(
                "sessions",
                f"A prepared transaction is open for {figures.span(age)}.",
                "Nothing but COMMIT PREPARED or ROLLBACK PREPARED ends it, no restart either;"
                " until then vacuum removes no row that has died since.",
                f"ROLLBACK PREPARED {gid};",
            )
        )
    return found or [POSTGRES.ok("sessions", "No transaction that is in sight is open for long.")]


async def slots(database: ExplainingDatabase) -> Sequence[Finding]:
    """Find replication slots that hold back what vacuum may remove, or keep much of the WAL."""
    rows = await database.fetch(_SLOTS, {"lagging": _LAGGING, "kept": _KEPT, "most": _MOST})
    return [_slot(*row) for row in rows]


def _slot(name: str, literal: str, active: bool, lag: int, kept: int) -> Finding:
    return POSTGRES.warning(
        "slots",
        f"The replication slot {name} holds back vacuum by {figures.number(lag)} transactions.",
        f"It also keeps {figures.size(kept)} of WAL on the disk. "
        + (
            "Its reader is connected and behind: a long query on a standby may be the reason."
            if active
            else "Nobody is connected to it. If nobody will be again, drop it:"
        ),
        *(() if active else (f"SELECT pg_drop_replication_slot({literal});",)),
    )


# Another user's transaction shows its beginning to members of pg_read_all_stats alone.
_SESSIONS = """
SELECT a.pid, coalesce(a.usename, '?')::text, a.application_name, a.state,
    clock_timestamp() - CASE WHEN a.state LIKE 'idle%%' THEN a.state_change ELSE a.xact_start END
        AS age,
    greatest(count(*) OVER () - %(most)s, 0)
FROM pg_stat_activity AS a
WHERE a.pid <> pg_backend_pid() AND a.backend_type = 'client backend'
  AND (a.state LIKE 'idle in transaction%%' AND clock_timestamp() - a.state_change > %(idle)s
    OR a.state = 'active' AND clock_timestamp() - a.xact_start > %(long)s)
ORDER BY age DESC LIMIT %(most)s
"""

_PREPARED = """
SELECT quote_literal(p.gid), clock_timestamp() - p.prepared AS age FROM pg_prepared_xacts AS p
WHERE clock_timestamp() - p.prepared > %(long)s ORDER BY age DESC LIMIT %(most)s
"""

# A logical slot holds back the catalogs alone, which are read by every statement.
_SLOTS = """
SELECT s.slot_name::text, quote_literal(s.slot_name), s.active, s.lag, s.kept
FROM (
    SELECT s.slot_name, s.active, coalesce(greatest(age(s.xmin), age(s.catalog_xmin)), 0) AS lag,
        coalesce(pg_wal_lsn_diff(
            CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
                ELSE pg_current_wal_lsn() END,
            s.restart_lsn
        ), 0)::bigint AS kept
    FROM pg_replication_slots AS s
) AS s
WHERE s.lag > %(lagging)s OR NOT s.active AND s.kept > %(kept)s
ORDER BY s.lag DESC LIMIT %(most)s
"""
