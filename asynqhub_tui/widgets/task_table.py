"""The task list: a window over all tasks that match the filter."""

from __future__ import annotations

from collections.abc import Sequence

from asynqhub_tui import figures
from asynqhub_tui.models import Task
from asynqhub_tui.repository import Order, Page
from asynqhub_tui.text import fit_ends, one_line
from asynqhub_tui.view import View
from asynqhub_tui.widgets.canvas import Line
from asynqhub_tui.widgets.states import label, tone
from asynqhub_tui.widgets.table import Column, Table
from asynqhub_tui.widgets.task_window import TaskWindow

AHEAD = 40
"""Rows beyond the view that are fetched before they are needed."""


def queue_parts(task: Task) -> tuple[str, str]:
    """Split a full queue name into its group and its priority, for the eye.

    The worker's name in front is left out, where it is this task's worker.
    """
    name = task.queue.removeprefix(f"{task.worker_name}:")
    group, _, priority = name.rpartition(":")
    return (one_line(group), one_line(priority)) if group else (one_line(priority), "")


def tries(task: Task, most: int | None) -> str:
    """Return how often a task was tried, of how often it may be: 2/4.

    Once it was tried more often, as its worker's configuration has changed: 5.
    """
    number = task.newest_attempt.attempt if task.newest_attempt else task.last_attempt
    return f"{number}/{most}" if most is not None and number <= most else str(number)


class TaskTable(Table[Task]):
    """Shows a TaskWindow, marks tasks by their id, and says when it nears an end."""

    def __init__(self, view: View, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.window = TaskWindow()
        self.marks: dict[str, None] = {}
        self.range_from: str | None = None
        self.unseen = 0
        self.note = ""
        self._moved = 0
        self._ranged: frozenset[str] = frozenset()
        self._view = view
        self._columns = self._make_columns(view)

    @property
    def columns(self) -> Sequence[Column[Task]]:
        """The columns."""
        return self._columns

    @property
    def count(self) -> int:
        """How many rows are held."""
        return len(self.window)

    def row(self, index: int) -> Task:
        """Return a row of the window."""
        return self.window.rows[index]

    def marked(self, row: Task) -> bool:
        """Whether a task is marked, or in the range that is being marked."""
        return row.task_id in self.marks or row.task_id in self._ranged

    def tone(self, row: Task) -> str:
        """Tasks that the store no longer has are dimmed."""
        return "dim" if self.window.gone(row.task_id) else ""

    def lines(self, width: int, height: int) -> Sequence[Line]:
        """Return the head and the rows in view."""
        self._ranged = frozenset(self._range())
        return super().lines(width, height)

    def empty_text(self) -> str:
        """Why there are no rows."""
        return self.note

    def jump(self) -> None:
        """An end of the list was asked for; from now on show_page heeds how the cursor moves."""
        self._moved = 0

    def show_page(self, page: Page, *, from_end: bool = False) -> None:
        """Begin anew with a page; the cursor goes to the end that was asked for.

        Where it has moved since, it stays on its task if the page has it, or else as many rows from
        that end: no key is lost that was pressed while the page was being read.
        """
        moved, current = self._moved, self.current
        self.window.reset(page, from_end=from_end)
        self.unseen = 0
        self.range_from = None
        self.top_row = 0
        kept = self.window.find(current.task_id) if moved and current is not None else None
        end = self.count - 1 if from_end else 0
        self.place(end + moved if kept is None else kept)

    def append_page(self, page: Page) -> None:
        """Add rows below; those in view stay where they are."""
        dropped = self.window.append(page)
        self._shift(-dropped)

    def prepend_page(self, page: Page, *, live: bool = False) -> None:
        """Add rows above.

        The rows in view stay where they are, except that `live` ones push them down as long as the
        reader is at the top and the cursor stays in view.
        """
        came = self.window.prepend(page)
        at_top = self.top_row == 0
        self._shift(came)
        if live and at_top and self.cursor < self.page_rows:
            self.top_row = 0
            self.redraw()
        if live:
            self.unseen += came
        self.unseen = min(self.unseen, self.top_row)

    def patch(self, tasks: Sequence[Task], missing: frozenset[str]) -> None:
        """Show newer versions of rows."""
        self.window.patch(tasks, missing)
        self.redraw()

    def tasks_in_view(self) -> list[Task]:
        """The tasks in view."""
        return [self.window.rows[at] for at in self.in_view()]

    def ids_in_view(self) -> list[str]:
        """The ids of the tasks in view."""
        return [task.task_id for task in self.tasks_in_view()]

    @property
    def near_end(self) -> bool:
        """Whether more rows should be fetched below."""
        return not self.window.at_end and self.top_row + self.page_rows + AHEAD > self.count

    @property
    def near_top(self) -> bool:
        """Whether more rows should be fetched above."""
        return not self.window.at_top and self.top_row < AHEAD

    def toggle_mark(self) -> None:
        """Mark or unmark the task under the cursor and go one row down."""
        if self.current is None:
            return
        task_id = self.current.task_id
        if task_id in self.marks:
            del self.marks[task_id]
        else:
            self.marks[task_id] = None
        self.move(1)

    def toggle_range(self) -> bool:
        """Begin to mark a range at the cursor, or end it there; tells whether one has begun."""
        if self.range_from is None:
            self.range_from = self.current.task_id if self.current else None
            self.redraw()
            return self.range_from is not None
        for task_id in self._range():
            self.marks[task_id] = None
        self.range_from = None
        self.redraw()
        return False

    def unmark(self) -> None:
        """Unmark all."""
        self.marks.clear()
        self.range_from = None
        self.redraw()

    def place(self, index: int) -> None:
        """Move the cursor; at the top nothing is unseen."""
        before = self.cursor
        super().place(index)
        self._moved += self.cursor - before
        self.unseen = min(self.unseen, self.top_row)

    def _range(self) -> Sequence[str]:
        if self.range_from is None:
            return ()
        start = self.window.find(self.range_from)
        if start is None:
            return ()
        low, high = sorted((start, self.cursor))
        return [task.task_id for task in self.window.rows[low : high + 1]]

    def _shift(self, rows: int) -> None:
        self.cursor = max(0, min(self.cursor + rows, self.count - 1))
        self.top_row = max(0, self.top_row + rows)
        self.keep_in_view()
        self.redraw()

    def _make_columns(self, view: View) -> Sequence[Column[Task]]:
        return (
            Column("STATUS", 14, lambda task, _: self._status(task)),
            Column("TASK", 9, _task_id, grow=2, most=32),
            Column("WORKER", 12, _worker, 4, 1, 24),
            Column("QUEUE", 11, _queue, 1, 4, 32),
            Column("PRIO", 8, lambda task, _: (queue_parts(task)[1], "dim"), 6),
            Column("TRY", 4, lambda task, _: (tries(task, view.max_attempts(task)), ""), 5),
            Column("TOOK", 6, _took, 3, right=True),
            Column("UPDATED", 8, lambda task, _: (view.moment(task.updated_at), "dim"), right=True),
            Column(" ERROR", 22, self._error, grow=14),
        )

    def _status(self, task: Task) -> tuple[str, str]:
        if self.window.gone(task.task_id):
            return "- gone", "dim"
        state = self._view.state(task)
        return label(state), tone(state)

    def _error(self, task: Task, _: int) -> tuple[str, str]:
        """The error, after when asynq retries by itself; what asynq says where nobody reported."""
        line = one_line((self._view.error(task) or "").lstrip().split("\n", 1)[0])
        old = bool(line) and task.error_is_old
        if old:
            line = f"was: {line}"
        next_at = self._view.next_attempt(task)
        when = f"next {figures.due(next_at, self._view.now())}  " if next_at is not None else ""
        return f" {when}{line}", "dim" if old else ""


def _task_id(task: Task, width: int) -> tuple[str, str]:
    return fit_ends(one_line(task.task_id), width), ""


def _worker(task: Task, width: int) -> tuple[str, str]:
    return fit_ends(one_line(task.worker_name), width), ""


def _queue(task: Task, width: int) -> tuple[str, str]:
    return fit_ends(queue_parts(task)[0], width), ""


def _took(task: Task, _: int) -> tuple[str, str]:
    return figures.duration(task.duration_ms), "dim" if task.duration_ms is None else ""


def order_words(order: Order) -> str:
    """Say what a list is ordered by."""
    how = "by update" if order is Order.UPDATED else "by creation"
    return f"{how}, newest first"
