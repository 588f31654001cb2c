"""The stretch of a task list that is held in memory, page by page, between two cursors."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from asynqhub_tui.models import Task
from asynqhub_tui.repository import Cursor, Order, Page

PAGE_ROWS = 100
"""Rows asked for at a time."""

MAX_PAGES = 12
"""Pages held; those farthest from where the reader goes are let go."""


@dataclass(slots=True)
class _Slot:
    rows: int
    first: Cursor | None
    last: Cursor | None


class TaskWindow:
    """Consecutive rows of a list without end.

    Rows are numbered from 0 within the window. Growing at one end may drop pages at the other;
    the methods return how far the numbers of the remaining rows have shifted. A row stays where it
    is while it is held: newer versions of it are put in its place, whatever the list's order says
    of them by then, and no task is in the window twice.
    """

    def __init__(self, *, max_pages: int = MAX_PAGES) -> None:
        self.rows: list[Task] = []
        self.loaded = False
        self.order = Order.CREATED
        self.at_top = True
        self.at_end = True
        self.searched_to: datetime | None = None
        self._slots: deque[_Slot] = deque()
        self._index: dict[str, int] = {}
        self._gone: set[str] = set()
        self._max_pages = max_pages

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def first(self) -> Cursor | None:
        """Where to go on upwards."""
        return self._slots[0].first if self._slots else None

    @property
    def last(self) -> Cursor | None:
        """Where to go on downwards."""
        return self._slots[-1].last if self._slots else None

    def find(self, task_id: str) -> int | None:
        """Return the number of the row of a task."""
        return self._index.get(task_id)

    def gone(self, task_id: str) -> bool:
        """Whether the store no longer has a task that is still shown."""
        return task_id in self._gone

    def reset(self, page: Page, *, from_end: bool = False) -> None:
        """Begin anew with a page of the list's start, or of its end."""
        self._slots.clear()
        self._gone.clear()
        self.rows = []
        self.loaded = True
        self.order = page.order
        self.at_top = not from_end or not page.more
        self.at_end = from_end or not page.more
        self.searched_to = page.searched_to
        if page.first is not None or page.tasks:
            self._slots.append(_Slot(len(page.tasks), page.first, page.last))
        self.rows += page.tasks
        self._reindex()

    def append(self, page: Page) -> int:
        """Add what follows below, and return how many rows were dropped at the top."""
        fresh = self._new_rows(page.tasks)
        self.rows += fresh
        self.at_end = not page.more
        self.searched_to = page.searched_to
        if page.last is not None:
            self._slots.append(_Slot(len(fresh), page.first, page.last))
        dropped = 0
        while len(self._slots) > self._max_pages:
            dropped += self._slots.popleft().rows
            self.at_top = False
        del self.rows[:dropped]
        self._reindex()
        return dropped

    def prepend(self, page: Page) -> int:
        """Add what stands above, and return how many rows came in front of the others."""
        fresh = self._new_rows(page.tasks)
        self.rows[:0] = fresh
        self.at_top = not page.more
        if page.first is not None:
            self._slots.appendleft(_Slot(len(fresh), page.first, page.last))
            self._merge_top()
        while len(self._slots) > self._max_pages:
            rows = self._slots.pop().rows
            del self.rows[len(self.rows) - rows :]
            self.at_end = False
        self._reindex()
        return len(fresh)

    def patch(self, tasks: Iterable[Task], missing: Iterable[str] = ()) -> None:
        """Put newer versions of rows in their places, and note which tasks are gone."""
        for task in tasks:
            at = self._index.get(task.task_id)
            if at is not None:
                self.rows[at] = task
                self._gone.discard(task.task_id)
        self._gone |= {task_id for task_id in missing if task_id in self._index}

    def _new_rows(self, tasks: Sequence[Task]) -> list[Task]:
        self.patch(tasks)
        return [task for task in tasks if task.task_id not in self._index]

    def _merge_top(self) -> None:
        # A poll brings a few rows at a time: without this each would count as a page.
        while len(self._slots) > 1 and self._slots[0].rows + self._slots[1].rows <= PAGE_ROWS:
            upper, lower = self._slots.popleft(), self._slots.popleft()
            self._slots.appendleft(_Slot(upper.rows + lower.rows, upper.first, lower.last))

    def _reindex(self) -> None:
        self._index = {task.task_id: at for at, task in enumerate(self.rows)}
