"""A batch of retries under way: its progress, its report, and the outcome of each task."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from enum import StrEnum
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.worker import Worker

from asynqhub_tui.actions.journal import Journal
from asynqhub_tui.actions.retry.batch import outcomes_in
from asynqhub_tui.actions.retry.execution import Progress
from asynqhub_tui.actions.retry.records import Kind, TaskOutcome
from asynqhub_tui.actions.retry.saving import save
from asynqhub_tui.queue import TaskQueue
from asynqhub_tui.repository import Hub, HubError
from asynqhub_tui.session import Session
from asynqhub_tui.widgets.canvas import Ends, Line, Piece
from asynqhub_tui.widgets.deletion import sentence
from asynqhub_tui.widgets.field import NumberField
from asynqhub_tui.widgets.outcome_table import OutcomeTable
from asynqhub_tui.widgets.retry_words import progress_bar, report_lines
from asynqhub_tui.widgets.scroll_text import ScrollText

PAINT_EVERY = 0.25
"""Seconds between two paintings of the progress: a slow line has other things to carry."""

MOST_LISTED = 10_000
"""How many outcomes can be browsed; a file can hold all of them."""


class Stage(StrEnum):
    """Where the screen is."""

    READING = "reading"
    ASKING = "asking"
    RUNNING = "running"
    REPORT = "report"
    TROUBLE = "trouble"
    """It could not begin; why is said."""


class BatchScreen(Screen[frozenset[str] | None]):
    """Leads through one batch.

    Its result holds the ids of the tasks that are settled, whether retried or skipped; None where
    nothing was run.
    """

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "close", show=False, priority=True),
        Binding("ctrl+c", "app.quit", "quit", show=False, priority=True),
        Binding("q,enter", "leave", "close", show=False),
        Binding("l", "list", "list", show=False, priority=True),
        Binding("s", "next_kind", "next kind of outcome", show=False),
        Binding("S", "save", "save", show=False),
        Binding("j,down", "move(1)", "down", show=False),
        Binding("k,up", "move(-1)", "up", show=False),
        Binding("ctrl+d,pagedown", "page(1)", "page down", show=False, priority=True),
        Binding("ctrl+u,pageup", "page(-1)", "page up", show=False, priority=True),
    ]

    def __init__(self, session: Session, verb: str, selection: str) -> None:
        super().__init__()
        self.session = session
        self.stage = Stage.READING
        self.listing = False
        self._verb = verb
        self._folder = Path()
        self._selection = selection
        self.stop = asyncio.Event()
        self._work: Worker[None] | None = None
        self._progress: Progress | None = None
        self._began: tuple[float, int] = (0.0, 0)
        self._painted = 0.0
        self._trouble = ""
        self._saved = ""
        self._settled: frozenset[str] | None = None

    @property
    def hub(self) -> Hub:
        """The open installation."""
        return self.session.connected_hub

    @property
    def queue(self) -> TaskQueue:
        """Its open task queue."""
        assert self.session.queue is not None
        return self.session.queue

    @property
    def journal(self) -> Journal:
        """The journal of this user."""
        return Journal.of(self.hub.info)

    def compose(self) -> ComposeResult:
        """Yield the text, the list of outcomes, and below them what is asked or under way."""
        yield ScrollText(id="retry", keys="pgdn pgup")
        yield OutcomeTable(id="outcomes")
        yield ScrollText(id="retry-question", keys="")
        yield Ends(id="retry-bar")
        yield NumberField("retry-input")

    def on_mount(self) -> None:
        """Show what there is."""
        self.show()

    def on_resize(self) -> None:
        """Break the sentences anew."""
        self.call_after_refresh(self.show)

    def body(self, width: int) -> list[Line]:
        """Return what stands under the title; subclasses know what comes before a report."""
        if self.stage is Stage.TROUBLE:
            return sentence("▲ ", self._trouble, "warn", width)
        if self.stage is Stage.REPORT and self._progress is not None and self._progress.end:
            return report_lines(self._progress.end, self._progress.included, width)
        return []

    def question(self, width: int) -> list[Line]:
        """Return what stands at the bottom."""
        if self.listing:
            kind = self.query_one(OutcomeTable).only
            return [keys_line(("s", f"only {kind}" if kind else "all kinds"), ("esc", "back"))]
        if self.stage is Stage.REPORT:
            saved = [Line([Piece(self._saved, "accent")])] if self._saved else []
            return [
                *saved,
                keys_line(("l", "lists each task"), ("S", "saves them"), ("esc", "closes")),
            ]
        if self.stage is Stage.TROUBLE:
            return [keys_line(("esc", "closes"))]
        waiting = self._progress.waiting if self._progress else None
        if self.stage is Stage.RUNNING and waiting:
            return sentence("▲ ", waiting, "warn", width)
        return []

    def begin(self, work: AsyncGenerator[Progress, None], folder: Path) -> None:
        """Run a batch, whose folder this is."""
        self.stage = Stage.RUNNING
        self.query_one(NumberField).display = False
        self.set_focus(None)
        self._work = self.run_worker(self._follow(work, folder))
        self.show()

    async def _follow(self, work: AsyncGenerator[Progress, None], folder: Path) -> None:
        self._folder = folder
        try:
            async with aclosing(work):
                async for progress in work:
                    self._take(progress)
        except HubError as error:
            self.fail(error)
            return
        finally:
            self._work = None
        self._settled = await self._read_settled(folder)
        self.stage = Stage.REPORT
        self.show()

    def _take(self, progress: Progress) -> None:
        now = time.monotonic()
        if self._progress is None:
            self._began = now, progress.done
        self._progress = progress
        if progress.waiting or now - self._painted >= PAINT_EVERY:
            self._painted = now
            self.show()

    async def _read_settled(self, folder: Path) -> frozenset[str]:
        return frozenset(
            [
                one.task_id
                async for chunk in outcomes_in(folder)
                for one in chunk
                if one.kind is not Kind.FAILED
            ]
        )

    def fail(self, error: HubError) -> None:
        """Say why it cannot go on."""
        self._trouble = str(error)
        self.stage = Stage.TROUBLE
        self.query_one(NumberField).display = False
        self.set_focus(None)
        self.show()

    def _rate(self) -> float | None:
        began, before = self._began
        done = (self._progress.done if self._progress else 0) - before
        passed = time.monotonic() - began
        return done / passed if done and passed > 0.5 else None

    def action_close(self) -> None:
        """Leave the list, stop what runs behind its current chunk, or close the screen."""
        if self.listing:
            self.listing = False
            self.show()
        elif self.stage is Stage.RUNNING:
            self.stop.set()
            self.show()
        else:
            self.leave()

    def leave(self) -> None:
        """Close the screen."""
        self.dismiss(self._settled)

    def action_leave(self) -> None:
        """Close what has been read."""
        if self.stage in (Stage.REPORT, Stage.TROUBLE) and not self.listing:
            self.leave()

    async def action_list(self) -> None:
        """List the outcomes."""
        if self.stage is Stage.REPORT and not self.listing:
            self.list_outcomes(await self._read_outcomes())

    def list_outcomes(self, outcomes: list[TaskOutcome]) -> None:
        """Show a list in the place of the text."""
        self.listing = True
        self.query_one(OutcomeTable).show(outcomes)
        self.show()

    async def _read_outcomes(self) -> list[TaskOutcome]:
        """Return what can be browsed: of more outcomes, those that went wrong come first."""
        wrong: list[TaskOutcome] = []
        right: list[TaskOutcome] = []
        async for chunk in outcomes_in(self._folder):
            for one in chunk:
                kept = wrong if one.kind in (Kind.FAILED, Kind.SKIPPED) else right
                if len(kept) < MOST_LISTED:
                    kept.append(one)
        return [*wrong, *right][:MOST_LISTED]

    def action_next_kind(self) -> None:
        """List the outcomes of the next kind."""
        if self.listing:
            self.query_one(OutcomeTable).next_kind()
            self.show()

    async def action_save(self) -> None:
        """Save all outcomes to a file in the working directory."""
        if self.stage is not Stage.REPORT or self.listing:
            return
        path = Path.cwd() / f"retry-{self._folder.name}.tsv"
        try:
            await save(self._folder, path)
        except HubError as error:
            self._saved = str(error)
        else:
            self._saved = f"saved to {path}"
        self.show()

    def action_move(self, steps: int) -> None:
        """Move in the list, or scroll the text."""
        if self.listing:
            self.query_one(OutcomeTable).move(steps)
        else:
            self.query_one("#retry", ScrollText).scroll_lines(steps)

    def action_page(self, pages: int) -> None:
        """Move in the list, or scroll the text, by pages."""
        if self.listing:
            self.query_one(OutcomeTable).page(pages)
        else:
            self.query_one("#retry", ScrollText).page(pages)

    def show(self) -> None:
        """Paint what there is."""
        if not self.is_mounted:
            return
        width = self.app.size.width - 4
        bar = self.query_one("#retry-bar", Ends)
        bar.display = self.stage is Stage.RUNNING
        if self._progress is not None:
            words = "stopping…" if self.stop.is_set() else "esc stops"
            bar.show(progress_bar(self._progress, self._rate()), [Piece(words, "dim")])
        asked = self.question(width)
        question = self.query_one("#retry-question", ScrollText)
        question.display = bool(asked)
        question.styles.height = max(len(asked), 1)
        question.show(asked)
        self.query_one(OutcomeTable).display = self.listing
        text = self.query_one("#retry", ScrollText)
        lines = [self._head(width)] if self.listing else self._text(width)
        below = len(asked) + bar.display + self.query_one(NumberField).display
        room = max(self.app.size.height - below, 1)
        if len(lines) > room:
            lines = [line for line in lines if line.pieces]
        text.styles.height = 2 if self.listing else min(len(lines), room)
        text.show(lines)

    def _text(self, width: int) -> list[Line]:
        return [Line(), self._head(width), Line(), *self.body(width), Line()]

    def _head(self, width: int) -> Line:
        info = self.hub.info
        place = f"   on {info.backend} {info.place}, queue {self.queue.place}"
        return Line([Piece(f"{self._verb} "), Piece(self._selection, "title"), Piece(place, "dim")])


def keys_line(*hints: tuple[str, str]) -> Line:
    """Return keys and what they do."""
    pieces: list[Piece] = []
    for key, words in hints:
        pieces += [Piece(key, "key"), Piece(f" {words}   ", "dim")]
    return Line(pieces)
