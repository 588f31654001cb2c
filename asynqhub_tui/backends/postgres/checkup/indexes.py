"""The indexes that the hub's migrations make, and whether they are there and valid."""

from __future__ import annotations

from collections.abc import Sequence

from asynqhub_tui.backends.postgres.checkup.about import POSTGRES
from asynqhub_tui.backends.postgres.checkup.catalog import Index, Wanted, indexes, served
from asynqhub_tui.backends.postgres.checkup.explaining import ExplainingDatabase
from asynqhub_tui.backends.postgres.checkup.tables import facts
from asynqhub_tui.checkup import Finding

HUB_INDEXES = (
    Wanted("worker", ("id",), "The row of a worker by its number.", unique=True),
    Wanted(
        "worker",
        ("worker_name",),
        "The hub writes a worker by its name (ON CONFLICT), which fails without it.",
        unique=True,
    ),
    Wanted("worker", ("is_enabled",), "The hub looks up enabled workers by it."),
    Wanted("worker", ("last_heartbeat_at",), "The hub looks up offline workers by it."),
    Wanted("task", ("id",), "Polls re-read the rows on the screen by it.", unique=True),
    Wanted(
        "task",
        ("task_id",),
        "The hub writes a task by its id (ON CONFLICT), which fails without it; every look at a"
        " task goes by it.",
        unique=True,
    ),
    Wanted(
        "task",
        ("worker_name", "created_at DESC"),
        "The task list, the list of a worker and the workers' figures go by it.",
    ),
    Wanted(
        "task",
        ("status", "updated_at DESC"),
        "Lists and counts by status, and what is running or overdue, go by it.",
    ),
    Wanted("task", ("queue", "updated_at DESC"), "Lists and counts of a queue go by it."),
    Wanted("task_attempt", ("id",), "Polls find new attempts by it.", unique=True),
    Wanted(
        "task_attempt",
        ("task_id", "started_at DESC"),
        "The attempts of a task, and the newest one of every listed task, are found by it.",
    ),
    Wanted(
        "task_attempt",
        ("status", "started_at DESC"),
        "Attempts by the hour, durations, and what is running go by it.",
    ),
)
"""What Asynq-Hub's migrations leave; tests compare it with its schema."""


async def hub_indexes(database: ExplainingDatabase) -> Sequence[Finding]:
    """Find the hub's indexes that are missing, or there and invalid."""
    there = await indexes(database)
    tables = {one.table: one for one in await facts(database)}
    found = []
    for wanted in HUB_INDEXES:
        table = tables.get(wanted.table)
        if table is None or served(wanted, there):
            continue
        broken = [index for index in there if _is_meant(index, wanted)]
        state = "invalid" if broken else "missing"
        size = f" The table has {table.pages:,} pages." if table.pages else ""
        drops = [f"DROP INDEX CONCURRENTLY {one.name};" for one in broken if not one.building]
        # There are so few workers that reading all of them costs the same.
        milder = POSTGRES.note if wanted.table == "worker" else POSTGRES.warning
        make = POSTGRES.problem if wanted.unique else milder
        found.append(
            make(
                "hub-index",
                f"The hub's {'unique ' if wanted.unique else ''}index {wanted.words} is {state}.",
                f"{wanted.serves}{size}",
                *drops,
                wanted.create(table.name),
            )
        )
    whole = len(tables) == len({wanted.table for wanted in HUB_INDEXES})
    if not found and whole:
        return [POSTGRES.ok("hub-index", f"All {len(HUB_INDEXES)} indexes of the hub are there.")]
    return found


async def invalid(database: ExplainingDatabase) -> Sequence[Finding]:
    """Find invalid indexes that are not the hub's: they cost every write, and serve nothing."""
    there = await indexes(database)
    found = []
    for index in there:
        if index.valid or any(_is_missed(wanted, index, there) for wanted in HUB_INDEXES):
            continue
        if index.building:
            found.append(
                POSTGRES.note("invalid-index", f"The index {index.name} is being built now.")
            )
            continue
        found.append(
            POSTGRES.warning(
                "invalid-index",
                f"The index {index.name} is invalid: it is kept up, and serves nothing.",
                "A CREATE INDEX CONCURRENTLY or REINDEX has failed, or still runs in a session that"
                " this role does not see. Drop it, then create it again once the cause is gone.",
                f"DROP INDEX CONCURRENTLY {index.name};",
                _again(index),
            )
        )
    return found


def _is_meant(index: Index, wanted: Wanted) -> bool:
    return (
        index.table == wanted.table
        and tuple(index.keys) == wanted.keys
        and index.plain
        and not index.valid
    )


def _is_missed(wanted: Wanted, index: Index, there: Sequence[Index]) -> bool:
    """Whether `hub_indexes` has named it already."""
    return _is_meant(index, wanted) and not served(wanted, there)


def _again(index: Index) -> str:
    return index.definition.replace(" INDEX ", " INDEX CONCURRENTLY ", 1) + ";"
