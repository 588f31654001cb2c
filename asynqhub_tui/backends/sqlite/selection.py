"""Which rows of a list to read: a filter, an order, and a stretch of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from asynqhub_tui.backends.sqlite.connection import Statements
from asynqhub_tui.backends.sqlite.database import Database
from asynqhub_tui.backends.sqlite.filters import Where, where
from asynqhub_tui.backends.sqlite.rows import (
    WORKER_COLUMNS,
    Row,
    micros,
    moment,
    names,
    worker_from,
)
from asynqhub_tui.models import WorkerConfig
from asynqhub_tui.repository import Cursor, Order, TaskFilter

SCAN_ROWS = 50_000
"""How many rows a search by state looks at; each costs a look-up of its newest attempt."""


async def workers_of(database: Database) -> list[WorkerConfig]:
    """Return all workers by name."""
    rows = await database.fetch(f"SELECT {names(WORKER_COLUMNS)} FROM worker ORDER BY worker_name")
    return [worker_from(row) for row in rows]


async def condition(database: Database, filter: TaskFilter) -> Where:
    """Return what `filter` stands for now; the workers are read where it may name a group."""
    group = filter.queue and ":" not in filter.queue
    workers = await workers_of(database) if group else []
    return where(filter, workers, datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a list: `limit` rows from a cursor, or from one of its ends, on."""

    found: Where
    order: Order
    limit: int
    cursor: Cursor | None = None
    upwards: bool = False
    offset: int = 0

    async def read(
        self, statements: Statements, columns: str, joins: str = "", then: str = ""
    ) -> tuple[list[Row], Cursor | None]:
        """Read `columns` of the tasks `t`, joined with `joins`, one task more than `limit` if
        there is one. Every row begins with the task's time and id. Rows of one task are ordered by
        `then`.

        The cursor is where a search by state ends at its bound, None where there is no bound.
        """
        found, end = await search(statements, self._beyond(), self.order, upwards=self.upwards)
        rows = await statements.fetch(
            f"""WITH page AS (
                SELECT t.id, t.{self.order}_at AS at FROM task t WHERE {found.sql()}
                {_sort("t", f"{self.order}_at", self.upwards)} LIMIT :limit OFFSET :offset)
            SELECT page.at, page.id, {columns} FROM page JOIN task t ON t.id = page.id {joins}
            {_sort("page", "at", self.upwards)}{f", {then}" if then else ""}""",
            found.parameters | {"limit": self.limit + 1, "offset": self.offset},
        )
        return rows, end

    def cursor_at(self, at: int, tie: int) -> Cursor:
        """Return the cursor of a row, given by its time and id."""
        return Cursor(self.order, moment(at), tie)

    def _beyond(self) -> Where:
        if self.cursor is None:
            return self.found
        sign = ">" if self.upwards else "<"
        return self.found.narrowed(
            f"(t.{self.order}_at, t.id) {sign} (:at, :tie)",
            at=micros(self.cursor.at),
            tie=self.cursor.tie,
        )


async def search(
    statements: Statements, found: Where, order: Order, *, upwards: bool = False
) -> tuple[Where, Cursor | None]:
    """Return `found` within the bound of a search by state, and the last row within it.

    None where nothing lies beyond the bound, and always where no state is asked for.
    """
    if found.state is None:
        return found, None
    last = await statements.fetch(
        f"""SELECT t.{order}_at, t.id FROM task t WHERE {found.sql(state=False)}
        {_sort("t", f"{order}_at", upwards)} LIMIT 2 OFFSET {SCAN_ROWS - 1}""",
        found.parameters,
    )
    if len(last) < 2:
        return found, None
    at, tie = last[0]
    sign = "<=" if upwards else ">="
    within = found.narrowed(f"(t.{order}_at, t.id) {sign} (:end, :end_tie)", end=at, end_tie=tie)
    return within, Cursor(order, moment(at), tie)


def _sort(alias: str, column: str, upwards: bool) -> str:
    way = "ASC" if upwards else "DESC"
    return f"ORDER BY {alias}.{column} {way}, {alias}.id {way}"
