"""A task's attempts as a history, each with a bar on a common scale of time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from asynqhub_tui import figures
from asynqhub_tui.models import RUNNING, Attempt
from asynqhub_tui.text import one_line
from asynqhub_tui.view import View
from asynqhub_tui.widgets.states import label, tone
from asynqhub_tui.widgets.table import Column, Table

ASYNQ_SAYS = "ERROR, as asynq has it"
"""The title of an error that no attempt has reported."""


def took(attempt: Attempt, state: str, view: View) -> str:
    """Return how long an attempt took, or runs already."""
    if state == RUNNING:
        return figures.age(attempt.started_at, view.now())
    return figures.duration(attempt.duration_ms)


def error_title(attempt: Attempt, view: View, *, old: bool) -> str:
    """Return the title of an attempt's error; one of an earlier attempt says when that began.

    Numbers of attempts repeat after a rerun.
    """
    began = figures.clock(attempt.started_at, view.zone, view.now())
    return f"ERROR of attempt {attempt.attempt}{f', started {began}' if old else ''}"


class AttemptsTable(Table[Attempt]):
    """Shows attempts from the oldest to the newest."""

    def __init__(self, view: View, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._view = view
        self._attempts: Sequence[Attempt] = ()
        self._task_worker = ""
        self._span: tuple[datetime, datetime] | None = None
        self._by: Column[Attempt] = Column("WORKER", 10, _worker, 3, 1, 16)
        self._all = self._make_columns()
        self._columns: Sequence[Column[Attempt]] = self._all

    @property
    def attempts(self) -> Sequence[Attempt]:
        """The attempts that are shown."""
        return self._attempts

    def show(self, attempts: Sequence[Attempt], worker_name: str) -> None:
        """Show the attempts of a task of a worker; a cursor on the last one stays on the last."""
        at_last = self.cursor >= self.count - 1
        self._attempts = attempts
        self._task_worker = worker_name
        named = any(attempt.worker_name for attempt in attempts)
        self._columns = self._all if named else [one for one in self._all if one is not self._by]
        if at_last:
            self.cursor = max(self.count - 1, 0)
        self.keep_in_view()
        self.refresh_scale()

    def refresh_scale(self) -> None:
        """Stretch the scale to now, where an attempt runs, and repaint."""
        self._span = self._time_span()
        self.redraw()

    @property
    def columns(self) -> Sequence[Column[Attempt]]:
        """The columns."""
        return self._columns

    @property
    def count(self) -> int:
        """How many attempts there are."""
        return len(self._attempts)

    def row(self, index: int) -> Attempt:
        """Return an attempt."""
        return self._attempts[index]

    def empty_text(self) -> str:
        """Said of a task that was never tried."""
        return "no attempt yet"

    def state(self, attempt: Attempt) -> str:
        """Return what became of an attempt."""
        newest = attempt is self._attempts[-1]
        return self._view.attempt_state(attempt, self._task_worker, newest=newest)

    def _make_columns(self) -> Sequence[Column[Attempt]]:
        view = self._view
        return (
            Column("TRY", 3, lambda one, _: (str(one.attempt), ""), right=True),
            Column("STATUS", 11, lambda one, _: self._status(one)),
            Column("TOOK", 6, lambda one, _: (took(one, self.state(one), view), ""), right=True),
            Column("STARTED", 12, lambda one, _: (self._started(one), "")),
            Column("AGE", 5, lambda one, _: (figures.age(one.started_at, view.now()), "dim"), 2),
            self._by,
            Column("WHEN", 12, self._bar, 1, 2, 60),
            Column("ERROR", 20, _error, grow=3),
        )

    def _status(self, attempt: Attempt) -> tuple[str, str]:
        state = self.state(attempt)
        return label(state), tone(state)

    def _started(self, attempt: Attempt) -> str:
        there = attempt.started_at.astimezone(self._view.zone)
        return f"{there:%H:%M:%S}.{there.microsecond // 1000:03d}"

    def _time_span(self) -> tuple[datetime, datetime] | None:
        if not self._attempts:
            return None
        ends = [one.finished_at or one.started_at for one in self._attempts]
        if self.state(self._attempts[-1]) == RUNNING:
            ends.append(self._view.now())
        starts = [one.started_at for one in self._attempts]
        return min(starts), max(*ends, *starts)

    def _bar(self, attempt: Attempt, width: int) -> tuple[str, str]:
        if self._span is None:
            return "", ""
        first, last = self._span
        whole = (last - first).total_seconds() or 1.0
        end = attempt.finished_at
        if end is None:
            running = self.state(attempt) == RUNNING
            end = self._view.now() if running else attempt.started_at
        begin = int((attempt.started_at - first).total_seconds() / whole * (width - 1))
        stop = int((end - first).total_seconds() / whole * (width - 1))
        begin = max(0, min(begin, width - 1))
        length = max(1, min(stop, width - 1) - begin + 1)
        return " " * begin + "━" * length, tone(self.state(attempt))


def _worker(attempt: Attempt, _: int) -> tuple[str, str]:
    return one_line(attempt.worker_name or ""), ""


def _error(attempt: Attempt, _: int) -> tuple[str, str]:
    return one_line((attempt.error or "").lstrip().split("\n", 1)[0]), ""
