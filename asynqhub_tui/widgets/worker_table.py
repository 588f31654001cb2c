"""The workers: are they alive, and how do they fare."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from asynqhub_tui import figures
from asynqhub_tui.consumers import Consumers
from asynqhub_tui.liveness import Liveness, Signs, liveness
from asynqhub_tui.models import TimeSeriesStats, WorkerConfig, WorkerStats
from asynqhub_tui.text import one_line
from asynqhub_tui.view import View
from asynqhub_tui.widgets.table import Column, Table

LOOKS = {
    Liveness.ALIVE: ("●", "success"),
    Liveness.PARTLY: ("◐", "warn"),
    Liveness.AT_WORK: ("●", "success"),
    Liveness.QUIET: ("○", "dim"),
    Liveness.MISSING: ("▲", "fail"),
    Liveness.DISABLED: ("◌", "dim"),
    Liveness.UNKNOWN: (" ", "dim"),
}
"""Sign and tone of each liveness."""

UNREAD = ("…", "dim")
"""What stands in place of a figure that is still being read."""


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """A worker with its figures and its last 24 hours.

    `read` tells whether what tells of its life is known yet, `now_known` whether its tasks of now
    are, `window_known` whether its figures of the window are.
    `consumers` is None where it is not known which asynq servers live, and `unknown` then says why.
    `elsewhere` tells that its row names another Redis than that of the queue at `queue_place`.
    """

    config: WorkerConfig
    stats: WorkerStats
    hours: Sequence[TimeSeriesStats]
    read: bool = True
    now_known: bool = True
    window_known: bool = True
    consumers: Consumers | None = None
    unknown: str = ""
    elsewhere: bool = False
    queue_place: str = ""

    @property
    def signs(self) -> Signs:
        """What its rows tell of whether it is alive."""
        return Signs(
            enabled=self.config.is_enabled,
            heartbeat=self.config.last_heartbeat_at,
            attempted=next((one.hour for one in reversed(self.hours) if one.total), None),
            running=self.stats.running_tasks > 0,
            waiting=self.stats.pending_tasks + self.stats.overdue_tasks > 0,
            read=self.read,
            servers=len(self.consumers.servers) if self.consumers is not None else None,
            untaken=bool(self.consumers is not None and self.consumers.untaken),
        )

    def per_minute(self, now: datetime) -> float:
        """Attempts a minute over the last hour, from this hour's and the one's before."""
        if len(self.hours) < 2:
            return 0.0
        before, current = self.hours[-2:]
        passed = min(max((now - current.hour).total_seconds() / 3600, 0.0), 1.0)
        return (before.total * (1 - passed) + current.total) / 60


def live_words(signs: Signs, now: datetime) -> str:
    """Return in a column's width whether a worker is alive, and else for how long it was not."""
    found = liveness(signs, now)
    if found is Liveness.ALIVE and signs.servers:
        return server_words(signs.servers)
    if found not in (Liveness.QUIET, Liveness.MISSING):
        return found.value
    return "never seen" if signs.seen is None else f"{found} {figures.age(signs.seen, now)}"


def server_words(number: int) -> str:
    """Return how many asynq servers there are."""
    return f"{number} server" if number == 1 else f"{number} servers"


class WorkerTable(Table[WorkerRow]):
    """One row a worker."""

    def __init__(self, view: View, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._view = view
        self._rows: Sequence[WorkerRow] = ()
        self.note = ""
        self._columns = self._make_columns()

    def show(self, rows: Sequence[WorkerRow]) -> None:
        """Show the workers; the cursor stays on its worker."""
        name = self.current.config.worker_name if self.current else None
        self._rows = rows
        names = [row.config.worker_name for row in rows]
        self.cursor = names.index(name) if name in names else min(self.cursor, len(rows) - 1)
        self.cursor = max(self.cursor, 0)
        self.keep_in_view()
        self.redraw()

    @property
    def columns(self) -> Sequence[Column[WorkerRow]]:
        """The columns."""
        return self._columns

    @property
    def count(self) -> int:
        """How many workers there are."""
        return len(self._rows)

    def row(self, index: int) -> WorkerRow:
        """Return a worker."""
        return self._rows[index]

    def empty_text(self) -> str:
        """Why there are no rows."""
        return self.note

    def tone(self, row: WorkerRow) -> str:
        """Disabled workers are dimmed."""
        return "" if row.config.is_enabled else "dim"

    def _make_columns(self) -> Sequence[Column[WorkerRow]]:
        return (
            Column("", 1, self._sign),
            Column("WORKER", 14, self._worker, grow=1, most=28),
            Column("LIVE", 11, self._live),
            Column("BEAT", 4, self._beat, 7, right=True),
            _of_now("PEND", 5, lambda stats: stats.pending_tasks, "pending"),
            _of_now("RUN", 4, lambda stats: stats.running_tasks, "running"),
            _of_now("LATE", 4, lambda stats: stats.overdue_tasks, "overdue", 4),
            _of_window("OK", 5, lambda stats: stats.success_tasks, ""),
            _of_window("FAIL", 5, lambda stats: stats.failed_tasks, "fail"),
            _of_window("DEAD", 5, lambda stats: stats.dead_tasks, "dead", 2),
            Column("OK%", 4, _success_rate, right=True),
            Column("AVG", 5, _average, right=True),
            Column("/MIN", 5, self._rate, 6, right=True),
            Column("24 H", 12, _spark, 5, 1, 24),
        )

    def _sign(self, row: WorkerRow, _: int) -> tuple[str, str]:
        return LOOKS[liveness(row.signs, self._view.now())]

    def _worker(self, row: WorkerRow, _: int) -> tuple[str, str]:
        missing = liveness(row.signs, self._view.now()) is Liveness.MISSING
        return one_line(row.config.worker_name), "fail" if missing else ""

    def _live(self, row: WorkerRow, _: int) -> tuple[str, str]:
        now = self._view.now()
        return live_words(row.signs, now), LOOKS[liveness(row.signs, now)][1]

    def _beat(self, row: WorkerRow, _: int) -> tuple[str, str]:
        beat = row.config.last_heartbeat_at
        return "none" if beat is None else figures.age(beat, self._view.now()), "dim"

    def _rate(self, row: WorkerRow, _: int) -> tuple[str, str]:
        rate = row.per_minute(self._view.now())
        return (f"{rate:.1f}" if rate < 1000 else figures.number(int(rate))), "" if rate else "dim"


def _of_now(
    title: str, width: int, value: Callable[[WorkerStats], int], tone: str, drop: int = 0
) -> Column[WorkerRow]:
    return _count(title, width, value, tone, drop, lambda row: row.now_known)


def _of_window(
    title: str, width: int, value: Callable[[WorkerStats], int], tone: str, drop: int = 0
) -> Column[WorkerRow]:
    return _count(title, width, value, tone, drop, lambda row: row.window_known)


def _count(
    title: str,
    width: int,
    value: Callable[[WorkerStats], int],
    tone: str,
    drop: int,
    known: Callable[[WorkerRow], bool],
) -> Column[WorkerRow]:
    def cell(row: WorkerRow, _: int) -> tuple[str, str]:
        number = value(row.stats)
        return (figures.number(number), tone if number else "dim") if known(row) else UNREAD

    return Column(title, width, cell, drop, right=True)


def _success_rate(row: WorkerRow, _: int) -> tuple[str, str]:
    return (figures.percent(row.stats.finished_rate), "") if row.window_known else UNREAD


def _average(row: WorkerRow, _: int) -> tuple[str, str]:
    return (figures.duration(row.stats.avg_duration_ms), "") if row.window_known else UNREAD


def _spark(row: WorkerRow, width: int) -> tuple[str, str]:
    return figures.spark([hour.total for hour in row.hours[-width:]]), "bar"
