"""The worker under the cursor: its queues, its hours, its configuration."""

from __future__ import annotations

from collections.abc import Sequence

from asynqhub_tui import figures
from asynqhub_tui.models import QueueStats, WorkerConfig
from asynqhub_tui.text import fit, one_line
from asynqhub_tui.view import View
from asynqhub_tui.widgets.canvas import Canvas, Line, Piece, clip
from asynqhub_tui.widgets.charts import hour_chart
from asynqhub_tui.widgets.table import Column, lay_out
from asynqhub_tui.widgets.worker_table import WorkerRow

CHART = 57
"""Cells of the chart: 24 hours of two cells, and its scale."""

WIDE = 118
"""From this width on the chart stands beside the queues."""

CONFIG_LINES = 2


class WorkerDetail(Canvas):
    """Shows a WorkerRow."""

    def __init__(self, view: View) -> None:
        super().__init__(id="worker-detail")
        self._view = view
        self._row: WorkerRow | None = None

    def show(self, row: WorkerRow | None) -> None:
        """Show another worker, or newer figures of the same."""
        self._row = row
        self.redraw()

    def lines(self, width: int, height: int) -> Sequence[Line]:
        """Return the pane."""
        row = self._row
        if row is None:
            return ()
        room = height - CONFIG_LINES
        beside = width >= WIDE
        left = width - CHART - 2 if beside else width
        queues = self._queues(row, left, room)
        config = [Line(line) for line in self._config(row.config)]
        if not beside:
            return [*map(Line, queues), *config]
        chart = [
            [
                Piece("attempts by hour", "dim"),
                Piece("    success █", "success"),
                Piece("  fail ▒", "fail"),
            ],
            *hour_chart(row.hours, CHART, room - 1, self._view.zone),
        ]
        queues += [[]] * (len(chart) - len(queues))
        body = [
            Line([*clip(queue, left), Piece("  "), *hours])
            for queue, hours in zip(queues, chart, strict=True)
        ]
        return [*body, *config]

    def _queues(self, row: WorkerRow, width: int, room: int) -> list[list[Piece]]:
        columns = lay_out(self._columns(row.config), width - 2)
        head = " ".join(
            fit(column.title, size, align="right" if column.right else "left")
            for column, size in columns
        )
        lines = [[Piece(f"  {head}", "dim")]]
        queues = sorted(row.stats.queues, key=lambda queue: (-queue.total, queue.queue))
        if not queues:
            return [*lines, [Piece("  no task in this window", "dim")]]
        for queue in queues[: room - 1 if len(queues) < room else room - 2]:
            pieces = [Piece("  ")]
            for number, (column, size) in enumerate(columns):
                text, tone = column.cell(queue, size)
                align = "right" if column.right else "left"
                pieces.append(Piece(" " * bool(number) + fit(text, size, align=align), tone))
            lines.append(pieces)
        hidden = len(queues) - len(lines) + 1
        return [*lines, [Piece(f"  and {hidden} more queues", "dim")]] if hidden else lines

    def _columns(self, worker: WorkerConfig) -> Sequence[Column[QueueStats]]:
        prefix = f"{worker.worker_name}:"

        def name(queue: QueueStats, _: int) -> tuple[str, str]:
            return one_line(queue.queue.removeprefix(prefix).replace(":", "  ")), ""

        def rate(queue: QueueStats, _: int) -> tuple[str, str]:
            share = 100 * queue.success / queue.total if queue.total else None
            return figures.percent(share), ""

        def average(queue: QueueStats, _: int) -> tuple[str, str]:
            return figures.duration(queue.avg_duration_ms), ""

        return (
            Column("QUEUE", 16, name, grow=1, most=36),
            Column("TASKS", 6, lambda queue, _: (figures.number(queue.total), ""), right=True),
            Column("OK", 6, lambda queue, _: (figures.number(queue.success), ""), 2, right=True),
            Column("FAIL", 5, lambda queue, _: _bad(queue.failed, "fail"), right=True),
            Column("DEAD", 5, lambda queue, _: _bad(queue.dead, "dead"), 3, right=True),
            Column("OK%", 5, rate, right=True),
            Column("AVG", 6, average, right=True),
        )

    def _config(self, worker: WorkerConfig) -> list[list[Piece]]:
        groups = ", ".join(f"{one.name} x{one.concurrency}" for one in worker.queue_groups)
        beat = worker.last_heartbeat_at
        fields = (
            ("heartbeat", figures.ago(beat, self._view.now()) if beat else "none"),
            ("retry", str(worker.default_retry_count)),
            ("timeout", f"{worker.default_timeout}s"),
            ("delay", f"{worker.default_delay}s"),
            ("redis", worker.redis_addr or "-"),
            ("url", worker.base_url or "-"),
        )
        first = [Piece("  ")]
        for label, value in fields:
            first += [Piece(f"{label} ", "dim"), Piece(f"{one_line(value)}   ")]
        return [first, [Piece("  groups ", "dim"), Piece(one_line(groups) or "-")]]


def _bad(value: int, tone: str) -> tuple[str, str]:
    return figures.number(value), tone if value else "dim"
