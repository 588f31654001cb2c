"""The task under the cursor, beside the list: its attempts, its error, its payload's beginning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from asynqhub_tui import figures, text
from asynqhub_tui.models import Attempt, Task
from asynqhub_tui.view import View
from asynqhub_tui.widgets.canvas import Canvas, Line, Piece
from asynqhub_tui.widgets.json_lines import JsonLine, json_lines
from asynqhub_tui.widgets.states import label, sign, tone

ATTEMPTS = 8
ERROR_LINES = 8
PAYLOAD_CHARS = 20_000
"""How much of each the pane has room for."""


@dataclass(frozen=True, slots=True)
class DetailData:
    """A task with its payload, and its newest attempts."""

    task: Task
    attempts: Sequence[Attempt]


class Detail(Canvas):
    """Shows DetailData."""

    def __init__(self, view: View) -> None:
        super().__init__(id="detail")
        self._view = view
        self._data: DetailData | None = None
        self._payload: Sequence[JsonLine] = ()

    def show(self, data: DetailData | None) -> None:
        """Show another task."""
        if data is None or self._data is None or data.task.payload != self._data.task.payload:
            payload = data.task.payload or "" if data else ""
            self._payload = json_lines(payload[:PAYLOAD_CHARS])
        self._data = data
        self.redraw()

    def lines(self, width: int, height: int) -> Sequence[Line]:
        """Return the pane."""
        if self._data is None:
            return ()
        task = self._data.task
        state = self._view.state(task)
        lines = [
            Line([Piece(label(state), tone(state)), Piece(f"  {text.one_line(task.task_id)}")]),
            Line([Piece(text.one_line(task.queue), "dim")]),
            Line([Piece("created ", "dim"), Piece(self._view.full_moment(task.created_at))]),
            Line([Piece("updated ", "dim"), Piece(self._view.full_moment(task.updated_at))]),
            Line(),
            Line([Piece("ATTEMPTS", "dim")]),
        ]
        lines += [self._attempt(one) for one in self._data.attempts[:ATTEMPTS]]
        if not self._data.attempts:
            lines.append(Line([Piece("none yet", "dim")]))
        if task.error:
            lines += [Line(), Line([Piece("ERROR", "dim")])]
            lines += [Line([Piece(one)]) for one in text.wrap(task.error, width, ERROR_LINES)]
        lines += [Line(), Line([Piece("PAYLOAD", "dim")])]
        lines += [Line(line.pieces) for line in self._payload[: max(height - len(lines), 0)]]
        return lines

    def _attempt(self, attempt: Attempt) -> Line:
        state = "open" if attempt.open else attempt.status
        took = figures.duration(attempt.duration_ms)
        return Line(
            [
                Piece(f"{attempt.attempt:>2} "),
                Piece(f"{sign(attempt.status)} {text.one_line(state):<8}", tone(attempt.status)),
                Piece(f"{took:>6}  "),
                Piece(self._view.moment(attempt.started_at), "dim"),
            ]
        )
