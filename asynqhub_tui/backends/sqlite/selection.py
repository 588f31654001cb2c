"""Which rows of a list to read: a filter, an order, and a stretch of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
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


def scanned(found: Where, sort: str) -> str:
    """Write the query of the rows that a search by state looks at, as far as it needs them."""
    return f"""SELECT t.id, t.task_id, t.worker_name, t.status, t.created_at, t.updated_at
        FROM task t WHERE {found.sql()} {sort} LIMIT {SCAN_ROWS}"""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a list: `limit` rows from a cursor, or from one of its ends, on."""

    found: Where
    order: Order
    limit: int
    cursor: Cursor | None = None
    upwards: bool = False
    offset: int = 0

    @property
    def at(self) -> str:
        """The column of the order."""
        return f"{self.order.value}_at"

    def sort(self, alias: str) -> str:
        """Write the order in which rows are read, which is newest first unless `upwards`."""
        way = "ASC" if self.upwards else "DESC"
        return f"ORDER BY {alias}.{self.at} {way}, {alias}.id {way}"

    def cursor_at(self, at: int, tie: int) -> Cursor:
        """Return the cursor of a row, given by its time and id."""
        return Cursor(self.order, moment(at), tie)

    async def read(self, statements: Statements, columns: str, joins: str = "") -> list[Row]:
        """Read `columns` of the tasks `t`, joined with `joins`, one row more than `limit` if there
        is one. Every row begins with the task's time and id.
        """
        found = self._beyond()
        sql = f"""
            WITH page AS ({self._selection(found)} LIMIT :limit OFFSET :offset)
            SELECT page.{self.at}, page.id, {columns}
            FROM page JOIN task t ON t.id = page.id {joins}
            {self.sort("page")}"""
        if joins:
            sql += ", a.id"
        parameters = {"limit": self.limit + 1, "offset": self.offset}
        return await statements.fetch(sql, found.parameters | parameters)

    async def cut_short(self, statements: Statements) -> Cursor | None:
        """Return where a search by state that came to its bound ended, None for any other."""
        if self.found.state is None:
            return None
        found = self._beyond()
        last = await statements.fetch(
            f"""SELECT t.{self.at}, t.id FROM task t WHERE {found.sql()} {self.sort("t")}
            LIMIT 1 OFFSET {SCAN_ROWS - 1}""",
            found.parameters,
        )
        return self.cursor_at(*last[0]) if last else None

    def _selection(self, found: Where) -> str:
        source = f"task t WHERE {found.sql()}"
        if found.state is not None:
            source = f"({scanned(found, self.sort('t'))}) t WHERE {found.state}"
        return f"SELECT t.id, t.{self.at} FROM {source} {self.sort('t')}"

    def _beyond(self) -> Where:
        if self.cursor is None:
            return self.found
        sign = ">" if self.upwards else "<"
        return replace(
            self.found,
            rows=[*self.found.rows, f"(t.{self.at}, t.id) {sign} (:at, :tie)"],
            parameters=self.found.parameters
            | {"at": micros(self.cursor.at), "tie": self.cursor.tie},
        )
