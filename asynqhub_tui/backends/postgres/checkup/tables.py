"""The three tables: how large they are, what the planner knows of them, what vacuum has left."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from asynqhub_tui import figures
from asynqhub_tui.backends.postgres.checkup.about import LARGE, POSTGRES, TABLES
from asynqhub_tui.backends.postgres.checkup.explaining import ExplainingDatabase
from asynqhub_tui.checkup import Finding

_KINDS = {"p": "a partitioned table", "v": "a view", "m": "a materialized view", "f": "foreign"}

_SMALL = 100
"""Pages of a table for which it matters little what the planner knows of it."""

_FILTERED = {
    "worker": ("worker_name",),
    "task": ("worker_name", "status", "queue", "created_at", "updated_at"),
    "task_attempt": ("task_id", "status", "started_at"),
}
"""The columns whose values decide which index is read."""

_MANY = 10_000
"""Rows below which changed and dead ones are no matter."""

_STALE = 0.25
"""The share of changed rows at which autovacuum has analysed already: by default at a tenth."""

_DEAD = 0.25
"""The same of dead rows, of which it takes a fifth by default."""

_VISIBLE = 0.5
"""The share of pages marked all-visible below which a count by an index mostly reads the table."""


class Facts(NamedTuple):
    """What the catalog says of a table.

    `name` is its name as a statement may write it, `pages` are its own at present, of 8 KiB as a
    rule, `rows` is what the planner believes, -1 where it was never told. `counted_pages` and
    `visible_pages` are of the last vacuum. `known` are the columns with statistics that this role
    may see, `left_alone` whether autovacuum is switched off for it.
    """

    table: str
    name: str
    readable: bool
    pages: int
    rows: float
    counted_pages: int
    visible_pages: int
    live: int
    dead: int
    changed: int
    vacuumed_at: datetime | None
    analysed_at: datetime | None
    size: int
    index_size: int
    known: Sequence[str]
    left_alone: bool


async def facts(database: ExplainingDatabase) -> Sequence[Facts]:
    """Return what the catalog says of those of the three that are there, and plain tables."""
    return [Facts._make(row) for row in await database.fetch(_FACTS, {"tables": list(TABLES)})]


async def sizes(database: ExplainingDatabase) -> Sequence[Finding]:
    """Say how large the tables are."""
    words = [
        f"{one.table} {_rows(one)}, {figures.size(one.size)} + {figures.size(one.index_size)}"
        for one in await facts(database)
    ]
    found = [POSTGRES.ok("sizes", f"Rows, size + indexes: {'; '.join(words)}.")] if words else []
    for name, kind in await database.fetch(_OTHER_KINDS, {"tables": list(TABLES)}):
        what = _KINDS.get(kind, "no plain table")
        found.append(
            POSTGRES.note(
                "sizes",
                f"{name} is {what}: its indexes, statistics and vacuum were not looked at.",
            )
        )
    return found


async def statistics(database: ExplainingDatabase) -> Sequence[Finding]:
    """Judge what the planner knows of the tables."""
    found = []
    for one in await facts(database):
        command = f"ANALYZE {one.name};"
        missing = [name for name in _FILTERED[one.table] if name not in one.known]
        if one.pages > _SMALL and one.rows < 0:
            found.append(
                POSTGRES.warning(
                    "statistics",
                    f"The table {one.table} was never analysed.",
                    f"It has {figures.number(one.pages)} pages, and the planner guesses what is in"
                    " them: it may choose the wrong index, and counts are not estimated.",
                    command,
                )
            )
        elif one.pages > _SMALL and one.readable and missing:
            found.append(
                POSTGRES.warning(
                    "statistics",
                    f"The planner has no statistics of {one.table}.{missing[0]}.",
                    f"{_and_others(missing)}It guesses how many rows a filter finds. Analysing"
                    " collects them, unless ALTER TABLE … SET STATISTICS 0 forbids it.",
                    command,
                )
            )
        elif one.changed > max(_MANY, _STALE * max(one.rows, 0)):
            share = f"{100 * one.changed / one.rows:.0f} %" if one.rows > 0 else "more"
            found.append(
                POSTGRES.warning(
                    "statistics",
                    f"The planner's statistics of {one.table} are old.",
                    f"{figures.number(one.changed)} rows have changed since, {share} of what it"
                    f" knows; it was analysed {_ago(one.analysed_at)}.",
                    command,
                )
            )
    return found or [POSTGRES.ok("statistics", "The planner's statistics are there and fresh.")]


async def vacuum(database: ExplainingDatabase) -> Sequence[Finding]:
    """Judge dead rows, and how much of the tables is marked all-visible."""
    found = []
    for one in await facts(database):
        all_rows = one.live + one.dead
        command = f"VACUUM (ANALYZE) {one.name};"
        if one.left_alone:
            found.append(
                POSTGRES.warning(
                    "autovacuum",
                    f"Autovacuum is switched off for the table {one.table}.",
                    "Nothing is vacuumed or analysed there by itself.",
                    f"ALTER TABLE {one.name} RESET (autovacuum_enabled);",
                )
            )
        if one.dead > _MANY and one.dead > _DEAD * all_rows:
            found.append(
                POSTGRES.warning(
                    "vacuum",
                    f"{one.table} holds {figures.number(one.dead)} dead row versions,"
                    f" {100 * one.dead / all_rows:.0f} % of all.",
                    f"It was vacuumed {_ago(one.vacuumed_at)}. Each is read and skipped again and"
                    " again. If vacuum has just run, an open transaction or a slot holds it up;"
                    " VACUUM (VERBOSE) tells.",
                    command,
                )
            )
        elif one.counted_pages > LARGE and one.visible_pages < _VISIBLE * one.counted_pages:
            share = 100 * one.visible_pages / one.counted_pages
            found.append(
                POSTGRES.warning(
                    "vacuum",
                    f"Only {share:.0f} % of the pages of {one.table} are marked all-visible.",
                    "A count that needs an index alone reads the table for all others. It was"
                    f" vacuumed {_ago(one.vacuumed_at)}.",
                    command,
                )
            )
    return found or [POSTGRES.ok("vacuum", "Vacuum keeps up: few rows are dead.")]


def _rows(one: Facts) -> str:
    return f"~{figures.number(round(one.rows))}" if one.rows >= 0 else "not counted"


def _and_others(missing: Sequence[str]) -> str:
    return f"Nor of {', '.join(missing[1:])}. " if missing[1:] else ""


def _ago(at: datetime | None) -> str:
    return "never, as far as its counters go" if at is None else figures.ago(at, datetime.now(UTC))


# pg_stats shows a role the columns that it may read, and nothing of tables with row security.
_FACTS = """
SELECT wanted.name, quote_ident(n.nspname) || '.' || quote_ident(c.relname),
    has_table_privilege(c.oid, 'SELECT'),
    coalesce(pg_relation_size(c.oid), 0) / current_setting('block_size')::bigint,
    c.reltuples::float8, c.relpages, c.relallvisible,
    coalesce(s.n_live_tup, 0), coalesce(s.n_dead_tup, 0), coalesce(s.n_mod_since_analyze, 0),
    greatest(s.last_vacuum, s.last_autovacuum), greatest(s.last_analyze, s.last_autoanalyze),
    coalesce(pg_table_size(c.oid), 0), coalesce(pg_indexes_size(c.oid), 0),
    ARRAY(
        SELECT p.attname::text FROM pg_stats AS p
        WHERE p.schemaname = n.nspname AND p.tablename = c.relname
    ),
    EXISTS (
        SELECT FROM unnest(c.reloptions) AS o(said)
        WHERE o.said ~* '^autovacuum_enabled=(f|false|n|no|of|off|0)$'
    )
FROM unnest(%(tables)s::text[]) WITH ORDINALITY AS wanted(name, place)
JOIN pg_class AS c ON c.oid = to_regclass(wanted.name) AND c.relkind = 'r'
JOIN pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_stat_all_tables AS s ON s.relid = c.oid
ORDER BY wanted.place
"""

_OTHER_KINDS = """
SELECT wanted.name, c.relkind::text FROM unnest(%(tables)s::text[]) AS wanted(name)
JOIN pg_class AS c ON c.oid = to_regclass(wanted.name) AND c.relkind <> 'r'
"""
