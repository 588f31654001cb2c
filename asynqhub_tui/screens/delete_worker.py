"""Delete a worker: what hangs on it, its name typed, and what came of it."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from enum import StrEnum
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Input
from textual.worker import Worker

from asynqhub_tui.actions.delete_worker import (
    DeletionPlan,
    delete,
    plan_deletion,
    purge,
    purged_words,
)
from asynqhub_tui.actions.enable_worker import disable
from asynqhub_tui.actions.journal import Journal
from asynqhub_tui.actions.outcome import Offer, Outcome, Report
from asynqhub_tui.actions.restore import default_folder
from asynqhub_tui.models import PurgeProgress
from asynqhub_tui.repository import Hub, HubError
from asynqhub_tui.session import Session
from asynqhub_tui.text import one_line
from asynqhub_tui.widgets.canvas import Ends, Line, Piece
from asynqhub_tui.widgets.deletion import facts, progress_bar, question, report_lines
from asynqhub_tui.widgets.field import Field
from asynqhub_tui.widgets.menu import Choice, Menu
from asynqhub_tui.widgets.reading import Reading
from asynqhub_tui.widgets.scroll_text import ScrollText

CANCEL = Choice("n", "cancel", "")
CHOICES = {
    Offer.DISABLE: Choice(
        "X", "disable it: no new tasks go to it, and nothing is lost", Offer.DISABLE
    ),
    Offer.PURGE: Choice(
        "P", "purge its tasks and attempts, then delete it; asks for its name", Offer.PURGE
    ),
}


class Stage(StrEnum):
    """Where the dialog is."""

    READING = "reading"
    CHOOSE = "choose"
    CONFIRM_DELETE = "confirm delete"
    CONFIRM_PURGE = "confirm purge"
    WORKING = "working"
    PURGING = "purging"
    REPORT = "report"


CONFIRMING = (Stage.CONFIRM_DELETE, Stage.CONFIRM_PURGE)


class DeleteWorkerScreen(Screen[bool]):
    """Leads through the deletion of one worker; its result tells whether anything was changed."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "close", show=False, priority=True),
        Binding("ctrl+c", "app.quit", "quit", show=False, priority=True),
        Binding("pagedown", "page(1)", "page down", show=False, priority=True),
        Binding("pageup", "page(-1)", "page up", show=False, priority=True),
        Binding("q,enter", "close_report", "close", show=False),
    ]

    def __init__(self, session: Session, worker_name: str) -> None:
        super().__init__()
        self._session = session
        self._worker_name = worker_name
        self._stage = Stage.READING
        self._plan: DeletionPlan | None = None
        self._report: Report | None = None
        self._progress = PurgeProgress()
        self._purging: Worker[None] | None = None
        self._changed = False
        self._reading = Reading(self)

    def compose(self) -> ComposeResult:
        """Yield the text, and below it what is asked, offered or under way."""
        yield ScrollText(id="deletion", keys="pgdn pgup")
        yield ScrollText(id="deletion-question", keys="")
        yield Ends(id="deletion-bar")
        yield Menu(passes=("pagedown", "pageup"))
        yield Field("deletion-input")

    def on_mount(self) -> None:
        """Read what hangs on the worker; what is typed ahead is its name already."""
        self._open_field()
        self.run_worker(self._read())

    def on_resize(self) -> None:
        """Break the sentences anew."""
        self.call_after_refresh(self._show)

    @property
    def stage(self) -> Stage:
        """Where the dialog is."""
        return self._stage

    @property
    def _hub(self) -> Hub:
        return self._session.connected_hub

    async def _read(self) -> None:
        try:
            self._plan = await plan_deletion(
                self._hub, self._worker_name, self._session.view.now, self._session.queue
            )
        except HubError as error:
            self._tell(error)
        else:
            if self._plan.offers:
                self._work(Stage.CHOOSE)
                self._offer("The store keeps it while it has tasks", self._plan.offers)
            else:
                self._ask(Stage.CONFIRM_DELETE)

    def _ask(self, stage: Stage) -> None:
        self._stage = stage
        self._reading.begin()
        self._open_field()

    def _open_field(self) -> None:
        field = self.query_one(Input)
        field.display = True
        self.set_focus(field)
        self._show()

    def _work(self, stage: Stage) -> None:
        self._stage = stage
        field = self.query_one(Input)
        field.value = ""
        field.display = False
        self.set_focus(None)
        self._show()

    def _offer(self, title: str, offers: Sequence[Offer]) -> None:
        choices = (CANCEL, *(CHOICES[offer] for offer in offers))
        self.query_one(Menu).open("deletion", title, choices, writes=True)
        self._show()

    def _tell(self, what: Report | HubError) -> None:
        if isinstance(what, HubError):
            self._report = Report(Outcome.REFUSED, (str(what),))
        else:
            self._report = what
        self._work(Stage.REPORT)
        if self._report.offers:
            self._offer("What can be done", self._report.offers)

    def on_key(self, event: events.Key) -> None:
        """Remember when what is looked at now was typed."""
        self._reading.typed(event)

    def on_input_changed(self) -> None:
        """Show whether the name is right so far."""
        self._show()

    async def on_input_submitted(self, event: Input.Submitted) -> None:
        """Go on when the name was typed exactly; otherwise stay."""
        event.stop()
        if event.value != self._worker_name or self._plan is None or not self._reading.seen:
            return
        if self._stage is Stage.CONFIRM_DELETE:
            self._work(Stage.WORKING)
            self.run_worker(self._delete(self._plan, event.value))
        elif self._stage is Stage.CONFIRM_PURGE:
            self._progress = PurgeProgress()
            self._work(Stage.PURGING)
            self._purging = self.run_worker(self._purge(self._plan, event.value))

    async def _delete(self, plan: DeletionPlan, typed: str, *before: str) -> None:
        """Delete the worker; the sentences `before` tell what was done until now."""
        journal = Journal.of(self._hub.info)
        try:
            report = await delete(self._hub, plan, typed, journal, default_folder())
        except HubError as error:
            self._tell(Report(Outcome.REFUSED, (*before, str(error))))
            return
        self._changed |= report.done
        if report.offers:  # tasks came meanwhile: what is offered is about these
            with contextlib.suppress(HubError):
                self._plan = await plan_deletion(self._hub, plan.name, self._session.view.now)
        self._tell(report.after(*before))

    async def _purge(self, plan: DeletionPlan, typed: str) -> None:
        journal = Journal.of(self._hub.info)
        batches = purge(self._hub, plan, typed, journal, default_folder())
        self._changed = True
        try:
            async with contextlib.aclosing(batches):
                async for self._progress in batches:
                    self._show()
        except HubError as error:
            self._tell(Report(Outcome.FAILED, (str(error), purged_words(self._progress))))
            return
        finally:
            self._purging = None
        self._work(Stage.WORKING)
        await self._delete(plan, typed, purged_words(self._progress))

    async def _disable(self) -> None:
        try:
            report = await disable(self._hub, self._worker_name, Journal.of(self._hub.info))
        except HubError as error:
            self._tell(error)
            return
        self._changed |= report.done
        self._tell(report)

    def on_menu_chosen(self, message: Menu.Chosen) -> None:
        """Do what was chosen instead."""
        if message.value == Offer.DISABLE:
            self._work(Stage.WORKING)
            self.run_worker(self._disable())
        elif message.value == Offer.PURGE:
            self._ask(Stage.CONFIRM_PURGE)
        else:
            self.dismiss(self._changed)

    def on_menu_closed(self) -> None:
        """Nothing was chosen."""
        self.dismiss(self._changed)

    def action_page(self, pages: int) -> None:
        """Scroll what does not fit."""
        self.query_one("#deletion", ScrollText).page(pages)

    def action_close_report(self) -> None:
        """Close what has been read."""
        if self._stage is Stage.REPORT:
            self.dismiss(self._changed)

    def action_close(self) -> None:
        """Stop a purge between two batches, or close the dialog."""
        if self._purging is not None:
            self._purging.cancel()
            self._purging = None
            words = "It was stopped; the worker stays, and every task that is left is whole."
            self._tell(Report(Outcome.CANCELLED, (purged_words(self._progress), words)))
        elif self._stage is not Stage.WORKING:
            self.dismiss(self._changed)

    def _show(self) -> None:
        menu = self.query_one(Menu)
        bar = self.query_one("#deletion-bar", Ends)
        bar.display = self._stage is Stage.PURGING
        bar.show(
            progress_bar(self._progress, self._plan.usage.tasks if self._plan else None),
            [Piece("esc stops", "dim")],
        )
        asked = self._question()
        ask = self.query_one("#deletion-question", ScrollText)
        ask.display = bool(asked)
        ask.show(asked, height=max(len(asked), 1))

        lines = [Line(), self._title(), Line(), *self._body(), Line()]
        height = self.app.size.height
        below = len(asked) + bar.display + self.query_one(Input).display
        room = height - below - (menu.height_open if menu.is_open else 0)
        if len(lines) > room:
            lines = [line for line in lines if line.pieces]
        height = max(min(len(lines), room), 1)
        self.query_one("#deletion", ScrollText).show(lines, height=height)

    def _title(self) -> Line:
        purges = self._stage in (Stage.CONFIRM_PURGE, Stage.PURGING)
        info = self._hub.info
        return Line(
            [
                Piece("Purge and delete worker " if purges else "Delete worker "),
                Piece(one_line(self._worker_name), "title"),
                Piece(f"   on {info.backend} {one_line(info.place)}"),
            ]
        )

    def _body(self) -> list[Line]:
        width = self.app.size.width - 4
        if self._stage is Stage.REPORT and self._report is not None:
            lines = report_lines(self._report, width)
            if not self._report.offers:
                lines += [Line(), Line([Piece("esc", "key"), Piece(" closes", "dim")])]
            return lines
        if self._plan is None:
            return [Line([Piece("reading what hangs on it…", "dim")])]
        return facts(self._plan, self._session.view, width)

    def _question(self) -> list[Line]:
        if self._stage in CONFIRMING and self._plan is not None:
            return question(
                self._plan,
                self.app.size.width - 4,
                purges=self._stage is Stage.CONFIRM_PURGE,
                typed=self.query_one(Input).value,
            )
        if self._stage is Stage.PURGING:
            return [Line([Piece("purging, batch by batch…", "strong")])]
        if self._stage is Stage.WORKING:
            return [Line([Piece("working…", "strong")])]
        return []
