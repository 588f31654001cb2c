"""The task under the cursor, beside the list: its attempts, its error, its payload's beginning."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from asynqhub_tui import figures, text
from asynqhub_tui.models import Attempt, Task
from asynqhub_tui.view import View
from asynqhub_tui.widgets.attempts import ASYNQ_SAYS, error_title, took
from asynqhub_tui.widgets.canvas import Canvas, Line, Piece
from asynqhub_tui.widgets.json_lines import JsonLine, json_lines
from asynqhub_tui.widgets.states import label, tone
from asynqhub_tui.widgets.wrapping import rows

ATTEMPTS = 8
ERROR_LINES = 8
PAYLOAD_LINES = 200
"""How much of each the pane has room for; a tall one shows more of the error."""


@dataclass(frozen=True, slots=True)
class DetailData:
    """A task with its payload, its newest attempts, and the beginning of the payload in lines."""

    task: Task
    attempts: Sequence[Attempt]
    payload: Sequence[JsonLine]

    @classmethod
    async def of(cls, task: Task, attempts: Sequence[Attempt]) -> DetailData:
        """Break the payload into lines, which takes its time where it is large."""
        payload = await asyncio.to_thread(json_lines, task.payload or "", PAYLOAD_LINES)
        return cls(task, attempts, payload)

    def is_of(self, row: Task) -> bool:
        """Whether it is of this very version of a task, as a list gives it."""
        return self.task.model_copy(update={"payload": None}) == row


class Detail(Canvas):
    """Shows DetailData."""

    def __init__(self, view: View) -> None:
        super().__init__(id="detail")
        self._view = view
        self.data: DetailData | None = None
        self._bytes = 0

    def show(self, data: DetailData | None) -> None:
        """Show another task."""
        if data is not self.data:
            payload = data.task.payload or "" if data else ""
            self._bytes = len(payload.encode("utf-8", "replace"))
            self.data = data
        self.redraw()

    def lines(self, width: int, height: int) -> Sequence[Line]:
        """Return the pane."""
        if self.data is None:
            return ()
        task = self.data.task
        state = self._view.state(task)
        attempts = self.data.attempts
        title = f"ATTEMPTS, the newest {ATTEMPTS}" if len(attempts) > ATTEMPTS else "ATTEMPTS"
        lines = [
            Line([Piece(label(state), tone(state)), Piece(f"  {text.one_line(task.task_id)}")]),
            *self._next(task),
            Line([Piece(text.fit_ends(text.one_line(task.queue), width), "dim")]),
            Line([Piece("created ", "dim"), Piece(self._view.full_moment(task.created_at))]),
            Line([Piece("updated ", "dim"), Piece(self._view.full_moment(task.updated_at))]),
            Line(),
            Line([Piece(title, "dim")]),
        ]
        lines += [
            self._attempt(task, one, newest=one is attempts[0]) for one in attempts[:ATTEMPTS]
        ]
        if not attempts:
            lines.append(Line([Piece("none yet", "dim")]))
        error = self._view.error(task)
        if error:
            lines += [Line(), *self._error(task, error, width, max(ERROR_LINES, height // 3))]
        lines += [Line(), Line([Piece(f"PAYLOAD  {self._bytes:,} B", "dim")])]
        payload = islice(_rows(self.data.payload, width), max(height - len(lines), 0))
        lines += [Line(row) for row in payload]
        return lines

    def _next(self, task: Task) -> list[Line]:
        next_at = self._view.next_attempt(task)
        if next_at is None:
            return []
        words = figures.due(next_at, self._view.now())
        return [Line([Piece("asynq retries it ", "dim"), Piece(words, "warn")])]

    def _attempt(self, task: Task, attempt: Attempt, *, newest: bool) -> Line:
        state = self._view.attempt_state(attempt, task.worker_name, newest=newest)
        return Line(
            [
                Piece(f"{attempt.attempt:>2} "),
                Piece(text.fit(label(state), 11), tone(state)),
                Piece(f" {took(attempt, state, self._view):>6}  "),
                Piece(self._view.moment(attempt.started_at), "dim"),
            ]
        )

    def _error(self, task: Task, error: str, width: int, most: int) -> Iterator[Line]:
        attempt, old = task.failed_attempt, task.error_is_old
        title = "LAST ERROR" if task.error else ASYNQ_SAYS
        if attempt is not None:
            title = error_title(attempt, self._view, old=old)
        yield Line([Piece(title, "dim")])
        for line in text.wrap(error, width, most):
            yield Line([Piece(line, "dim" if old else "")])


def _rows(lines: Sequence[JsonLine], width: int) -> Iterator[list[Piece]]:
    for line in lines:
        if line.length:
            yield line.folded(width)
        else:
            yield from rows(line.pieces, width, line.hanging(width))
