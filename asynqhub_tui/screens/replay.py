"""Replay a task: what is going to happen, the confirmation, and what came of it."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from asynqhub_tui.actions.journal import Journal
from asynqhub_tui.actions.outcome import Report
from asynqhub_tui.actions.replay import ReplayPlan, plan_replay, replay
from asynqhub_tui.repository import HubError
from asynqhub_tui.screens.batch import keys_line
from asynqhub_tui.session import Session
from asynqhub_tui.text import one_line
from asynqhub_tui.widgets.canvas import Line, Piece
from asynqhub_tui.widgets.deletion import report_lines, sentence
from asynqhub_tui.widgets.scroll_text import ScrollText


class ReplayScreen(Screen[None]):
    """Leads through the replay of one succeeded task."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "close", show=False, priority=True),
        Binding("ctrl+c", "app.quit", "quit", show=False, priority=True),
        Binding("y", "confirm", "confirm", show=False),
        Binding("q,enter", "leave", "close", show=False),
    ]

    def __init__(self, session: Session, task_id: str) -> None:
        super().__init__()
        self._session = session
        self._task_id = task_id
        self._plan: ReplayPlan | None = None
        self._working = False
        self._report: Report | None = None
        self._error = ""

    def compose(self) -> ComposeResult:
        """Yield the text."""
        yield ScrollText(id="replay", keys="")

    def on_mount(self) -> None:
        """Read the task."""
        self._show()
        self.run_worker(self._read())

    def on_resize(self) -> None:
        """Break the sentences anew."""
        self.call_after_refresh(self._show)

    async def _read(self) -> None:
        try:
            self._plan = await plan_replay(self._session.connected_hub, self._task_id)
        except HubError as error:
            self._error = str(error)
        self._show()

    def action_confirm(self) -> None:
        """Do it."""
        if self._plan is not None and not self._working and self._report is None:
            self._working = True
            self.run_worker(self._replay(self._plan))
            self._show()

    async def _replay(self, plan: ReplayPlan) -> None:
        hub, queue = self._session.connected_hub, self._session.queue
        assert queue is not None
        try:
            _, self._report = await replay(hub, queue, plan, Journal.of(hub.info))
        except HubError as error:
            self._error = str(error)
        self._working = False
        self._show()

    def action_close(self) -> None:
        """Close the screen, but not while it writes."""
        if not self._working:
            self.dismiss(None)

    def action_leave(self) -> None:
        """Close what has been read."""
        if self._report is not None or self._error:
            self.dismiss(None)

    def _show(self) -> None:
        info = self._session.connected_hub.info
        head = [
            Piece("Replay "),
            Piece(one_line(self._task_id), "title"),
            Piece(f"   on {info.backend} {one_line(info.place)}", "dim"),
        ]
        lines = [Line(), Line(head), Line(), *self._body(self.app.size.width - 4)]
        self.query_one(ScrollText).show(lines)

    def _body(self, width: int) -> list[Line]:
        closes = [Line(), keys_line(("esc", "closes"))]
        if self._report is not None:
            return [*report_lines(self._report, width), *closes]
        if self._error:
            return [*sentence("▲ ", self._error, "warn", width), *closes]
        if self._plan is None:
            return [Line([Piece("reading it…", "dim")])]
        if self._working:
            return [Line([Piece("working…", "strong")])]
        task = self._plan.task
        words = "It has succeeded. A copy of it runs again, under an id of its own."
        return [
            Line([Piece("  worker  ", "dim"), Piece(one_line(task.worker_name))]),
            Line([Piece("  queue   ", "dim"), Piece(one_line(task.queue))]),
            Line(),
            *sentence("", words, "", width),
            Line(),
            keys_line(("y", "replays it"), ("esc", "cancels")),
        ]
