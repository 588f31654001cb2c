"""The worker under the cursor: its queues, its hours, its configuration."""

from __future__ import annotations

from collections.abc import Sequence

from asynqhub_tui import figures
from asynqhub_tui.dsn import mask
from asynqhub_tui.liveness import Liveness, liveness
from asynqhub_tui.models import QueueGroup, QueueStats, WorkerConfig, finished_rate
from asynqhub_tui.text import fit, one_line
from asynqhub_tui.view import View
from asynqhub_tui.widgets.canvas import Canvas, Line, Piece, clip
from asynqhub_tui.widgets.charts import AXIS, MOST_PER_HOUR, hour_chart
from asynqhub_tui.widgets.table import Column, lay_out
from asynqhub_tui.widgets.worker_table import LOOKS, UNREAD, WorkerRow

HOURS = 24

CHARTS = (AXIS + MOST_PER_HOUR * HOURS, AXIS + 3 * HOURS, AXIS + 2 * HOURS)
"""Cells that the chart may take, the widest first."""

LEAST_CHART = 5
"""Lines below which the chart is left out under the queues."""

QUEUES = 58
"""Cells that the queues need; what is left of the width is the chart's."""

MOST_QUEUES = 78
"""Cells beyond which the figures of a queue would lie too far from its name."""

GAP = 4
"""Cells between the queues and the chart."""

ROOMY = 16
"""From this height on parts stand apart, and each queue group has a line."""

MOST_GROUPS = 5

LEAST, MOST = 11, 28
"""Lines of the pane, where the terminal has room for them."""

LEAST_TABLE = 5
"""Lines that the table of workers keeps, its head included."""


def pane_height(room: int, workers: int) -> int:
    """Return how many of `room` lines the pane takes below a table of `workers`; 0 is none.

    It does not depend on the worker under the cursor, so that nothing moves with the cursor.
    """
    wanted = max(LEAST, min(room - workers - 1, room * 3 // 5, MOST))
    height = min(wanted, room - LEAST_TABLE)
    return height if height >= LEAST - 3 else 0


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
        roomy = height >= ROOMY
        apart: list[list[Piece]] = [[]] if roomy else []
        head = [self._headline(row), _servers(row), *apart]
        config = [*apart, *self._config(row, roomy)]
        room = height - len(head) - len(config)
        chart = next((size for size in CHARTS if width - GAP - size >= QUEUES), 0)
        if chart:
            left = min(width - GAP - chart, MOST_QUEUES)
            body = self._beside(self._queues(row, left, room), self._chart(row, chart, room), left)
        else:
            body = self._queues(row, width, room)
            below = room - len(body) - len(apart)
            if below >= LEAST_CHART:
                body += [*apart, *self._chart(row, width - 2, below)]
        return [Line(line) for line in (*head, *body, *config)]

    def _headline(self, row: WorkerRow) -> list[Piece]:
        """Say in a sentence whether the worker is alive, and what tells."""
        now = self._view.now()
        found = liveness(row.signs, now)
        sign, tone = LOOKS[found]
        seen = row.signs.seen
        last = "it was never seen" if seen is None else f"last seen {figures.ago(seen, now)}"
        beat = row.config.last_heartbeat_at
        none = (
            "sends no heartbeats" if beat is None else f"no heartbeat for {figures.age(beat, now)}"
        )
        if row.signs.servers == 0:
            last = f"no server of it lives; {last}"
        words = {
            Liveness.ALIVE: f"heartbeat {figures.ago(beat, now)}" if beat else none,
            Liveness.PARTLY: "some of its queues have no server",
            Liveness.AT_WORK: f"known by its attempts; {none}",
            Liveness.QUIET: f"{last}; nothing waits for it",
            Liveness.MISSING: f"{last}, and tasks wait for it",
            Liveness.DISABLED: f"no new tasks for it; {last}",
            Liveness.UNKNOWN: "",
        }[found]
        return [
            Piece(f" {one_line(row.config.worker_name)}", "strong"),
            Piece(f"   {sign} {found}", tone),
            Piece(f"   {words}", "dim"),
        ]

    def _chart(self, row: WorkerRow, width: int, height: int) -> list[list[Piece]]:
        return [
            [
                Piece("  attempts by hour", "dim"),
                Piece("   success █", "success"),
                Piece("   fail ▒", "fail"),
            ],
            *hour_chart(row.hours, width, height - 1, self._view.zone),
        ]

    @staticmethod
    def _beside(left: list[list[Piece]], right: list[list[Piece]], width: int) -> list[list[Piece]]:
        left += [[]] * (len(right) - len(left))
        return [
            [*clip(one, width), Piece(" " * GAP), *other]
            for one, other in zip(left, right, strict=True)
        ]

    def _queues(self, row: WorkerRow, width: int, room: int) -> list[list[Piece]]:
        columns = lay_out(self._columns(row.config), width - 2)
        head = " ".join(
            fit(column.title, size, align="right" if column.right else "left")
            for column, size in columns
        )
        lines = [[Piece(f"  {head}", "dim")]]
        queues = sorted(row.stats.queues, key=lambda queue: (-queue.total, queue.queue))
        if not queues:
            words = "no task in this window" if row.window_known else "reading…"
            return [*lines, [Piece(f"  {words}", "dim")]]
        for queue in queues[: room - 1 if len(queues) < room else room - 2]:
            pieces = [Piece("  ")]
            for number, (column, size) in enumerate(columns):
                # The names stay where they are while another window is read.
                known = row.window_known or number == 0
                text, tone = column.cell(queue, size) if known else UNREAD
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
            share = finished_rate(queue.success, queue.failed, queue.dead)
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

    def _config(self, row: WorkerRow, roomy: bool) -> list[list[Piece]]:
        worker = row.config
        fields = (
            ("retry", str(worker.default_retry_count)),
            ("timeout", f"{worker.default_timeout}s"),
            ("delay", f"{worker.default_delay}s"),
            ("redis", mask(worker.redis_addr or "-")),
            ("url", mask(worker.base_url or "-")),
        )
        first = [Piece("  ")]
        for label, value in fields:
            first += [Piece(f"{label} ", "dim"), Piece(one_line(value))]
            if label == "redis" and row.elsewhere:
                first.append(Piece(f" ≠ {one_line(row.queue_place)}", "warn"))
            first.append(Piece("   "))
        if roomy and worker.queue_groups:
            return [first, *_group_lines(worker.queue_groups)]
        groups = ", ".join(f"{one.name} x{one.concurrency}" for one in worker.queue_groups)
        return [first, [Piece("  groups ", "dim"), Piece(one_line(groups) or "-")]]


MOST_NAMES = 3
"""How many hosts, or queues, are named; of more only how many there are."""


def _servers(row: WorkerRow) -> list[Piece]:
    """Say which asynq servers live, or why that is not known."""
    head = Piece("  servers ", "dim")
    found = row.consumers
    if found is None:
        return [head, Piece(f"unknown: {one_line(row.unknown)}" if row.unknown else "…", "dim")]
    if not found.servers:
        return [head, Piece("none lives")]
    hosts = sorted({one_line(server.host) for server in found.servers})
    where = ", ".join(hosts) if len(hosts) <= MOST_NAMES else f"{len(hosts)} hosts"
    at_work = sum(len(server.executions) for server in found.servers)
    pieces = [head, Piece(f"{len(found.servers)}"), Piece(" on ", "dim"), Piece(where)]
    pieces.append(Piece(f"   {at_work:,} running now" if at_work else "   idle", "dim"))
    if found.untaken:
        names = _untaken(row.config, frozenset(found.untaken))
        shown = ", ".join(names) if len(names) <= MOST_NAMES else f"{len(names)} of its queues"
        pieces.append(Piece(f"   ▲ none takes from {shown}", "warn"))
    return pieces


def _untaken(worker: WorkerConfig, queues: frozenset[str]) -> list[str]:
    """Name queues without the worker, and a group of which all are among them by its own name."""
    names = []
    for group in worker.queue_groups:
        whole = frozenset(worker.queues(group.name))
        own = f"{worker.worker_name}:"
        some = sorted(one_line(name.removeprefix(own)) for name in whole & queues)
        names += [one_line(group.name)] if whole <= queues else some
    return names


def _group_lines(groups: Sequence[QueueGroup]) -> list[list[Piece]]:
    """A line for each group, with the weights of its priorities; the last for all that are left."""
    shown = groups if len(groups) <= MOST_GROUPS else groups[: MOST_GROUPS - 1]
    lines = [
        [
            Piece("  groups  " if not number else "          ", "dim"),
            Piece(one_line(f"{group.name} x{group.concurrency}")),
            Piece(
                "   " + one_line(", ".join(f"{n} {w}" for n, w in group.priorities.items())), "dim"
            ),
        ]
        for number, group in enumerate(shown)
    ]
    hidden = len(groups) - len(shown)
    return [*lines, [Piece(f"          and {hidden} more", "dim")]] if hidden else lines


def _bad(value: int, tone: str) -> tuple[str, str]:
    return figures.number(value), tone if value else "dim"
