"""Replay a task: what is going to happen, the confirmation, and what came of it."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from asynqhub_tui.actions.journal import Journal
from asynqhub_tui.actions.outcome import Report
from asynqhub_tui.actions.replay import ReplayPlan, plan_replay, replay
from asynqhub_tui.repository import HubError
from asynqhub_tui.session import Session
from asynqhub_tui.text import one_line
from asynqhub_tui.widgets.batch_words import keys_line
from asynqhub_tui.widgets.canvas import Line, Piece
from asynqhub_tui.widgets.deletion import report_lines, sentence
from asynqhub_tui.widgets.reading import Reading
from asynqhub_tui.widgets.scroll_text import ScrollText


class ReplayScreen(Screen[str | None]):
    """Leads through the replay of one succeeded task; its result is the copy to be shown, if any.

    Other than a retry, which lets asynq run a failed task itself once more.
    """

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "close", "close", show=False, priority=True),
        Binding("ctrl+c", "app.quit", "quit", show=False, priority=True),
        Binding("y", "confirm", "confirm", show=False),
        Binding("enter", "leave", "close, or show the copy", show=False),
    ]

    def __init__(self, session: Session, task_id: str) -> None:
        super().__init__()
        self._session = session
        self._task_id = task_id
        self._reading = Reading(self)
        self._plan: ReplayPlan | None = None
        self._working = False
        self._copy_id: str | None = None
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

    def on_key(self, event: events.Key) -> None:
        """Remember when what is looked at now was typed."""
        self._reading.typed(event)

    async def _read(self) -> None:
        try:
            self._plan = await plan_replay(self._session.connected_hub, self._task_id)
        except HubError as error:
            self._error = str(error)
        self._reading.begin()
        self._show()

    def action_confirm(self) -> None:
        """Do it, where what is confirmed could be read."""
        asked = not self._working and self._report is None and not self._error
        if self._plan is not None and asked and self._reading.read:
            self._working = True
            self.run_worker(self._replay(self._plan))
            self._show()

    async def _replay(self, plan: ReplayPlan) -> None:
        hub, queue = self._session.connected_hub, self._session.queue
        assert queue is not None
        try:
            copy_id, report = await replay(hub, queue, plan, Journal.of(hub.info))
        except HubError as error:
            self._error = str(error)
        else:
            self._copy_id, self._report = copy_id, report
        self._working = False
        self._reading.begin()
        self._show()

    def action_close(self) -> None:
        """Close the screen, but not while it writes."""
        if not self._working:
            self.dismiss(None)

    def action_leave(self) -> None:
        """Close what has been read, and show the copy where there is one."""
        if (self._report is not None or self._error) and self._reading.seen:
            self.dismiss(self._copy_id)

    def _show(self) -> None:
        session = self._session
        info, queue = session.connected_hub.info, session.queue
        profile = one_line(session.profile or "")
        badge = [Piece(f" {profile} ", "profile"), Piece(" ")] if profile else []
        place = f"on {info.backend} {one_line(info.place)}"
        place += f", queue {one_line(queue.place)}" if queue is not None else ""
        lines = [
            Line(),
            Line([Piece("Replay a copy of "), Piece(one_line(self._task_id), "title")]),
            Line([*badge, Piece(place, "dim")]),
            Line(),
            *self._body(self.app.size.width - 4),
        ]
        self.query_one(ScrollText).show(lines)

    def _body(self, width: int) -> list[Line]:
        closes = keys_line(("esc", "closes"))
        if self._report is not None:
            shows = keys_line(("enter", "shows the copy"), ("esc", "closes"))
            return [*report_lines(self._report, width), Line(), shows]
        if self._error:
            return [*sentence("▲ ", self._error, "warn", width), Line(), closes]
        if self._plan is None:
            return [Line([Piece("reading it…", "dim")])]
        if self._working:
            return [Line([Piece("working…", "strong")])]
        task, view = self._plan.task, self._session.view
        attempts = "attempt" if task.last_attempt == 1 else "attempts"
        facts = (
            ("worker", task.worker_name),
            ("queue", task.queue),
            ("succeeded", f"{view.brief_moment(task.updated_at)}, {task.last_attempt} {attempts}"),
            ("payload", f"{len((task.payload or '').encode('utf-8', 'replace')):,} B"),
        )
        return [
            *sentence("▲ ", "It has succeeded: its work is done a second time.", "warn", width),
            *sentence(
                "",
                "A copy of it runs, as a new task under an id of its own; this one stays as it is.",
                "",
                width,
            ),
            Line(),
            *(Line([Piece(f"  {name:<11}", "dim"), Piece(one_line(what))]) for name, what in facts),
            Line(),
            Line(
                [
                    Piece("y", "key"),
                    Piece(" replays a copy   ", "strong"),
                    *keys_line(("esc", "cancels")).pieces,
                ]
            ),
        ]
