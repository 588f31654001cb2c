"""Lists of tasks: pages by cursor either way, and the stream of references of a bulk action."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime

from asynqhub_tui.backends.postgres.connection import Database
from asynqhub_tui.backends.postgres.open_tasks import open_tasks
from asynqhub_tui.backends.postgres.prefix import rows_by_prefix
from asynqhub_tui.backends.postgres.rows import TaskRow, tasks_of
from asynqhub_tui.backends.postgres.selection import Index, Selection, choose_index, select
from asynqhub_tui.backends.postgres.walk import Place, Stretch, Walk
from asynqhub_tui.models import TaskRef
from asynqhub_tui.repository import Cursor, Order, Page, TaskFilter

BATCH = 1_000
"""Rows that are read at a time where many are."""


@dataclass(frozen=True, slots=True)
class Found:
    """Rows of a list in the direction of the walk; `searched_to` where a bound was met."""

    rows: Sequence[TaskRow]
    end: Place | None
    more: bool
    searched_to: datetime | None = None


class Listing:
    """One filter's list of tasks, in one order."""

    def __init__(self, database: Database, selection: Selection, order: Order) -> None:
        self._database = database
        self._selection = selection
        self._order = order
        self._known: _Known | None = None

    @classmethod
    async def of(cls, database: Database, filter: TaskFilter, order: Order) -> Listing:
        """Look up what the filter means, and make its list."""
        return cls(database, await select(database, filter), order)

    async def page(
        self,
        limit: int,
        *,
        after: Cursor | None,
        before: Cursor | None,
        offset: int,
        from_end: bool,
    ) -> Page:
        """Return one page; see TaskRepository.list_tasks."""
        down = before is None and not from_end
        cursor = before or after
        start = None if cursor is None else (cursor.at, int(cursor.tie))
        if offset > 0:
            start = await self._skip(start, offset, down=down)
        found = await self.rows(start, limit, down=down)
        rows = list(found.rows if down else reversed(found.rows))
        near = self._place(found.rows[0]) if rows else start
        first, last = (near, found.end) if down else (found.end, near)
        return Page(
            tasks=await tasks_of(self._database, rows),
            order=self._order,
            first=self._cursor(first),
            last=self._cursor(last),
            more=found.more,
            searched_to=found.searched_to,
        )

    async def newest(self, limit: int) -> list[TaskRow]:
        """Return the first `limit` rows of the list, however far they have to be searched for."""
        rows: list[TaskRow] = []
        found = await self.rows(None, limit, down=True)
        rows += found.rows
        while found.more and len(rows) < limit:
            found = await self.rows(found.end, limit - len(rows), down=True)
            rows += found.rows
        return rows

    async def _skip(self, start: Place | None, offset: int, *, down: bool) -> Place | None:
        while offset > 0:
            found = await self.rows(start, min(offset, BATCH), down=down)
            offset -= len(found.rows)
            start = found.end
            if not found.more:
                break
        return start

    async def rows(self, start: Place | None, limit: int, *, down: bool) -> Found:
        """Return up to `limit` rows behind `start`, in the direction of the walk."""
        known = await self._known_rows()
        stretch = Stretch([], None, complete=True)
        if known.walk is not None:
            walk = Walk(self._database, self._selection, known.walk, down=down)
            stretch = await walk.page(start, limit + 1)
        cut = stretch.end if not stretch.complete and len(stretch.rows) <= limit else None
        rows = {row.id: row for row in stretch.rows}
        for row in known.rows:
            if self._lies_between(row, start, cut, down=down):
                rows[row.id] = row
        found = sorted(rows.values(), key=self._place, reverse=down)
        if len(found) > limit:
            return Found(found[:limit], self._place(found[limit - 1]), more=True)
        if cut is not None:
            return Found(found, cut, more=True, searched_to=cut[0])
        end = self._place(found[-1]) if found else start
        return Found(found, end, more=False, searched_to=known.looked_to)

    async def refs(self, limit: int) -> AsyncGenerator[Sequence[TaskRef], None]:
        """Yield references to up to `limit` tasks, in batches; see TaskFeed.task_refs.

        In the order of updates a row may move to the top while the list is read. Once the end is
        reached, what has come above the beginning is read too, without what was given before.
        """
        given: set[int] = set()
        top: Place | None = None
        place: Place | None = None
        down, more = True, True
        while more and len(given) < limit:
            found = await self.rows(place, BATCH, down=down)
            fresh = [row for row in found.rows if row.id not in given][: limit - len(given)]
            given.update(row.id for row in fresh)
            if fresh:
                top = top or self._place(fresh[0])
                yield [
                    TaskRef(
                        task_id=row.task_id,
                        worker_name=row.worker_name,
                        queue=row.queue,
                        status=row.status,
                        last_attempt=row.last_attempt,
                        updated_at=row.updated_at,
                    )
                    for row in fresh
                ]
            place, more = found.end, found.more
            if not more and down and top is not None and self._order is Order.UPDATED:
                place, down, more = top, False, True

    async def _known_rows(self) -> _Known:
        """Return the rows that no index gives in order, and the index for all others, if any.

        They are looked up once for a list: its pages are made from the same ones.
        """
        if self._known is None:
            self._known = await self._look_up()
        return self._known

    async def _look_up(self) -> _Known:
        rows: list[TaskRow] = []
        looked_to = None
        if self._selection.words:
            rows, looked_to = await self._open_rows()
        if self._selection.statuses == ():
            return _Known(rows, None, looked_to)
        if self._selection.prefix is not None:
            named = await rows_by_prefix(self._database, self._selection)
            if named is not None:
                return _Known([*rows, *named], None, looked_to)
        index = await choose_index(self._database, self._selection, self._order)
        return _Known(rows, index, looked_to)

    async def _open_rows(self) -> tuple[list[TaskRow], datetime | None]:
        words = self._selection.words
        found = await open_tasks(self._database, self._selection.workers)
        rows = [row for row, state in found.rows if state in words and self._selection.matches(row)]
        return rows, None if all(map(found.complete, words)) else found.looked_to

    def _lies_between(
        self, row: TaskRow, start: Place | None, end: Place | None, *, down: bool
    ) -> bool:
        place = self._place(row)
        if down:
            return (start is None or place < start) and (end is None or place >= end)
        return (start is None or place > start) and (end is None or place <= end)

    def _place(self, row: TaskRow) -> tuple[datetime, int]:
        return row.place(self._order)

    def _cursor(self, place: Place | None) -> Cursor | None:
        return None if place is None else Cursor(self._order, place[0], place[1])


@dataclass(frozen=True, slots=True)
class _Known:
    rows: Sequence[TaskRow]
    walk: Index | None
    looked_to: datetime | None
