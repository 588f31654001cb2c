"""Delete a worker: what hangs on it, its name typed, and what came of it."""

from __future__ import annotations

import contextlib
from enum import StrEnum
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Input
from textual.worker import Worker

from asynqhub_tui import figures
from asynqhub_tui.actions.delete_worker import DeletionPlan, delete, plan_deletion, purge
from asynqhub_tui.actions.enable_worker import disable
from asynqhub_tui.actions.journal import Journal
from asynqhub_tui.actions.outcome import Offer, Outcome, Report
from asynqhub_tui.actions.restore import default_folder
from asynqhub_tui.models import PurgeProgress
from asynqhub_tui.repository import Hub, HubError
from asynqhub_tui.session import Session
from asynqhub_tui.text import one_line, wrap
from asynqhub_tui.widgets.canvas import Canvas, Ends, Line, Piece
from asynqhub_tui.widgets.field import Field

BAR = 40
"""Cells of the progress bar."""


class Stage(StrEnum):
    """Where the dialog is."""

    READING = "reading"
    CONFIRM_DELETE = "confirm delete"
    CONFIRM_PURGE = "confirm purge"
    WORKING = "working"
    PURGING = "purging"
    REPORT = "report"


class DeletionText(Canvas):
    """The text of the dialog."""

    def __init__(self) -> None:
        super().__init__(id="deletion")
        self._lines: list[Line] = []

    def show(self, lines: list[Line]) -> None:
        """Show other lines."""
        self._lines = lines
        self.redraw()

    def lines(self, width: int, height: int) -> list[Line]:
        """Return the lines."""
        return self._lines


class DeleteWorkerScreen(Screen[bool]):
    """Leads through the deletion of one worker; its result tells whether anything was changed."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "close", show=False, priority=True),
        Binding("ctrl+c", "app.quit", "quit", show=False, priority=True),
        Binding("X", "disable", "disable", show=False),
        Binding("P", "purge", "purge", show=False),
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

    def compose(self) -> ComposeResult:
        """Yield the text, the bar, and the field for the name."""
        yield DeletionText()
        yield Ends(id="deletion-bar")
        yield Field("deletion-input")

    def on_mount(self) -> None:
        """Read what hangs on the worker."""
        self._show()
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
            self._plan = await plan_deletion(self._hub, self._worker_name, self._session.view.now)
        except HubError as error:
            self._tell(error)
        else:
            self._ask(Stage.CONFIRM_DELETE)

    def _ask(self, stage: Stage) -> None:
        self._stage = stage
        field = self.query_one(Input)
        field.value = ""
        field.display = True
        self.set_focus(field)
        self._show()

    def _work(self, stage: Stage) -> None:
        self._stage = stage
        self.query_one(Input).display = False
        self.set_focus(None)
        self._show()

    def _tell(self, what: Report | HubError) -> None:
        if isinstance(what, HubError):
            self._report = Report(Outcome.REFUSED, (str(what),))
        else:
            self._report = what
        self._work(Stage.REPORT)

    def on_input_changed(self) -> None:
        """Show whether the name is right so far."""
        self._show()

    async def on_input_submitted(self, event: Input.Submitted) -> None:
        """Go on when the name was typed exactly; otherwise stay."""
        event.stop()
        if event.value != self._worker_name or self._plan is None:
            return
        if self._stage is Stage.CONFIRM_DELETE:
            self._work(Stage.WORKING)
            self.run_worker(self._delete(self._plan, event.value))
        elif self._stage is Stage.CONFIRM_PURGE:
            self._progress = PurgeProgress()
            self._work(Stage.PURGING)
            self._purging = self.run_worker(self._purge(self._plan, event.value))

    async def _delete(self, plan: DeletionPlan, typed: str) -> None:
        journal = Journal.of(self._hub.info)
        try:
            report = await delete(self._hub, plan, typed, journal, default_folder())
        except HubError as error:
            self._tell(error)
            return
        self._changed |= report.done
        self._tell(report)

    async def _purge(self, plan: DeletionPlan, typed: str) -> None:
        journal = Journal.of(self._hub.info)
        batches = purge(self._hub, plan, typed, journal, default_folder())
        try:
            async with contextlib.aclosing(batches):
                async for self._progress in batches:
                    self._show()
        except HubError as error:
            self._tell(Report(Outcome.FAILED, (str(error), self._purged_words())))
            return
        finally:
            self._purging = None
            self._changed = True
        await self._read()

    def _purged_words(self) -> str:
        progress = self._progress
        return f"{progress.tasks:,} tasks and {progress.attempts:,} rows of attempts were deleted."

    def action_disable(self) -> None:
        """Disable the worker instead."""
        if self._offered(Offer.DISABLE):
            self._work(Stage.WORKING)
            self.run_worker(self._disable())

    async def _disable(self) -> None:
        try:
            report = await disable(self._hub, self._worker_name, Journal.of(self._hub.info))
        except HubError as error:
            self._tell(error)
            return
        self._changed |= report.done
        self._tell(report)

    def action_purge(self) -> None:
        """Ask for the name once more, to purge the worker's history."""
        if self._offered(Offer.PURGE):
            self._ask(Stage.CONFIRM_PURGE)

    def _offered(self, offer: Offer) -> bool:
        report = self._report
        return self._stage is Stage.REPORT and report is not None and offer in report.offers

    def action_close_report(self) -> None:
        """Close what has been read."""
        if self._stage is Stage.REPORT:
            self.dismiss(self._changed)

    def action_close(self) -> None:
        """Stop a purge between two batches, or close the dialog."""
        if self._purging is not None:
            self._purging.cancel()
            self._purging = None
            words = (self._purged_words(), "It was stopped; every task that is left is whole.")
            self._tell(Report(Outcome.CANCELLED, words))
        elif self._stage is not Stage.WORKING:
            self.dismiss(self._changed)

    def _show(self) -> None:
        lines = self._text()
        text = self.query_one(DeletionText)
        text.styles.height = len(lines) + 1
        text.show(lines)
        bar = self.query_one("#deletion-bar", Ends)
        bar.display = self._stage is Stage.PURGING
        bar.show(self._bar(), [Piece("esc stops", "dim")])

    def _text(self) -> list[Line]:
        purge = self._stage in (Stage.CONFIRM_PURGE, Stage.PURGING)
        title = "Purge the history of" if purge else "Delete"
        info = self._hub.info
        place = f"   on {info.backend} {one_line(info.place)}"
        lines = [Line([Piece(f"{title} worker "), _name(self._worker_name), Piece(place)]), Line()]
        if self._stage is Stage.REPORT and self._report is not None:
            return [*lines, *self._report_lines(self._report)]
        if self._plan is None:
            return [*lines, Line([Piece("reading what hangs on it…", "dim")])]
        lines += self._facts(self._plan)
        if self._stage is Stage.PURGING:
            return [*lines, Line(), Line([Piece("purging, batch by batch…", "strong")])]
        if self._stage is Stage.WORKING:
            return [*lines, Line(), Line([Piece("working…", "strong")])]
        lines += [Line(), *self._question()]
        return lines

    def _facts(self, plan: DeletionPlan) -> list[Line]:
        usage, view = plan.usage, self._session.view
        age = plan.heartbeat_age
        beat = "none" if age is None else f"{figures.span(age)} ago"
        last = view.full_moment(usage.last_attempt_at)
        facts = (
            ("tasks", figures.count(usage.tasks)),
            ("attempts", figures.count(usage.attempts)),
            ("unfinished", figures.count(usage.unfinished)),
            ("running now", figures.count(usage.running)),
            ("last attempt", last),
            ("heartbeat", beat),
            ("enabled", "yes" if plan.worker.is_enabled else "no"),
        )
        lines = [Line([Piece(f"  {name:<14}", "dim"), Piece(value)]) for name, value in facts]
        lines.append(Line())
        for warning in plan.warnings:
            lines += self._sentence("▲ ", warning, "warn")
        return lines

    def _question(self) -> list[Line]:
        if self._stage is Stage.CONFIRM_PURGE:
            what = "Tasks and attempts are deleted for good; only the worker's row is saved first."
            verb = "purge its history"
        else:
            what = "Its row is saved to a restore file first."
            verb = "delete it"
        typed = self.query_one(Input).value
        right = typed == self._worker_name
        hint = f"Enter to {verb}" if right else f"Type its name to {verb}"
        return [
            *self._sentence("", what, ""),
            Line(),
            Line([Piece(hint, "fail" if right else "strong"), Piece("   esc cancels", "dim")]),
        ]

    def _report_lines(self, report: Report) -> list[Line]:
        lines: list[Line] = []
        sign, tone = ("✓ ", "success") if report.done else ("▲ ", "warn")
        for sentence in report.sentences:
            lines += self._sentence(sign, sentence, tone)
        lines.append(Line())
        if Offer.DISABLE in report.offers:
            lines.append(_choice("X", "disable it: no new tasks go to it, and nothing is lost"))
        if Offer.PURGE in report.offers:
            lines.append(
                _choice("P", "purge its tasks and attempts first; its name is asked again")
            )
        return [*lines, _choice("esc", "close")]

    def _sentence(self, sign: str, text: str, tone: str) -> list[Line]:
        width = self.app.size.width - 8
        broken = wrap(one_line(text), width, 4)
        return [
            Line([Piece(sign if not number else " " * len(sign), tone), Piece(line)])
            for number, line in enumerate(broken)
        ]

    def _bar(self) -> list[Piece]:
        progress, total = self._progress, self._plan.usage.tasks if self._plan else None
        words = f"  {progress.tasks:,} tasks, {progress.attempts:,} rows of attempts deleted"
        if total is None or not total.exact or not total.value:
            return [Piece(words)]
        done = min(progress.tasks / total.value, 1.0)
        full = int(done * BAR)
        bar = [Piece("━" * full, "accent"), Piece("━" * (BAR - full), "dim")]
        return [*bar, Piece(f" {done:4.0%}"), Piece(words)]


def _name(worker_name: str) -> Piece:
    return Piece(one_line(worker_name), "title")


def _choice(key: str, words: str) -> Line:
    return Line([Piece(f"{key:>4} ", "key"), Piece(words)])
