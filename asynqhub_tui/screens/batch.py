"""A batch of retries under way: its progress, its report, and the outcome of each task."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.worker import Worker, WorkerError

from asynqhub_tui.actions.journal import Journal
from asynqhub_tui.actions.retry.batch import outcomes_in, skipped_in
from asynqhub_tui.actions.retry.execution import Progress
from asynqhub_tui.actions.retry.records import Kind, TaskOutcome
from asynqhub_tui.actions.retry.saving import save
from asynqhub_tui.figures import span
from asynqhub_tui.queue import TaskQueue
from asynqhub_tui.repository import Hub, HubError
from asynqhub_tui.session import Session
from asynqhub_tui.text import one_line
from asynqhub_tui.widgets.batch_words import (
    counts_line,
    keys_line,
    one_line_report,
    progress_bar,
    report_lines,
)
from asynqhub_tui.widgets.canvas import Ends, Line, Piece
from asynqhub_tui.widgets.deletion import sentence
from asynqhub_tui.widgets.field import NumberField
from asynqhub_tui.widgets.outcome_table import OutcomeTable
from asynqhub_tui.widgets.reading import Reading
from asynqhub_tui.widgets.scroll_text import ScrollText

PAINT_EVERY = 0.25
"""Seconds between two paintings of the progress: a slow line has other things to carry."""

MOST_LISTED = 10_000
"""How many outcomes can be browsed; a file can hold all of them."""

LEAST_ROWS = 4
"""Lines that a list keeps however much text stands above it."""


class Stage(StrEnum):
    """Where the screen is."""

    READING = "reading"
    ASKING = "asking"
    LISTING = "listing"
    """What is going to be skipped is listed."""
    RUNNING = "running"
    REPORT = "report"
    TROUBLE = "trouble"
    """It could not begin, or not go on; why is said."""


class BatchScreen(Screen[frozenset[str] | None]):
    """Leads through one batch.

    Its result holds the ids of the tasks that are settled, whether retried or skipped; None where
    nothing was run.
    """

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "back", show=False, priority=True),
        Binding("q", "leave", "close", show=False, priority=True),
        Binding("ctrl+c", "app.quit", "quit", show=False, priority=True),
        Binding("enter", "close_report", "close", show=False),
        Binding("s", "next_kind", "next kind of outcome", show=False),
        Binding("S", "save", "save", show=False),
        Binding("j,down", "move(1)", "down", show=False),
        Binding("k,up", "move(-1)", "up", show=False),
        Binding("g,home", "move(-1000000)", "first", show=False),
        Binding("G,end", "move(1000000)", "last", show=False),
        Binding("ctrl+d,pagedown", "page(1)", "page down", show=False, priority=True),
        Binding("ctrl+u,pageup", "page(-1)", "page up", show=False, priority=True),
    ]

    def __init__(self, session: Session, verb: str, selection: str) -> None:
        super().__init__()
        self.session = session
        self.stage = Stage.READING
        self.reading = Reading(self)
        self.stop = asyncio.Event()
        self._verb = verb
        self._selection = one_line(selection)
        self._folder = Path()
        self._progress: Progress | None = None
        self._began: tuple[datetime, int] | None = None
        self._waiting_since: datetime | None = None
        self._painted = 0.0
        self._counts: Counter[Kind] = Counter()
        self._trouble = ""
        self._saved: tuple[str, str] = ("", "")
        self._settled: frozenset[str] | None = None
        self._work: Worker[None] | None = None

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

    @property
    def table(self) -> OutcomeTable:
        """The list of outcomes."""
        return self.query_one(OutcomeTable)

    @property
    def lists(self) -> bool:
        """Whether the list is shown: a single outcome is told in a sentence."""
        listed = self.stage is Stage.LISTING
        return listed or (self.stage is Stage.REPORT and self._counts.total() > 1)

    def compose(self) -> ComposeResult:
        """Yield the text, the list of outcomes, and below them what is asked or under way."""
        yield ScrollText(id="retry", keys="pgdn pgup")
        yield OutcomeTable(id="outcomes")
        yield ScrollText(id="retry-question", keys="")
        yield Ends(id="retry-bar")
        yield NumberField("retry-input")

    def on_mount(self) -> None:
        """Show what there is; times pass without any news."""
        self.set_interval(1.0, self._tick)
        self.show()

    async def on_unmount(self) -> None:
        """Leave a batch that runs interrupted, with all written down: the program is ended."""
        if self._work is not None:
            self._work.cancel()
            with contextlib.suppress(WorkerError):
                await self._work.wait()

    def on_resize(self) -> None:
        """Break the sentences anew."""
        self.call_after_refresh(self.show)

    def on_key(self, event: events.Key) -> None:
        """Remember when what is looked at now was typed."""
        self.reading.typed(event)

    def _tick(self) -> None:
        if self.stage in (Stage.ASKING, Stage.RUNNING):
            self.show()

    def body(self, width: int) -> list[Line]:
        """Return what stands under the title; subclasses know what comes before a report."""
        if self.stage is Stage.TROUBLE:
            return sentence("▲ ", self._trouble, "warn", width)
        if self.stage is not Stage.REPORT or self._progress is None or self._progress.end is None:
            return []
        if self._counts.total() == 1 and self.table.current is not None:
            return one_line_report(self.table.current, width)
        end = self._progress.end
        left = self._progress.included - sum(end.counts.values())
        return report_lines(end, self._counts, left, width, self._folder.name)

    def question(self, width: int) -> list[Line]:
        """Return what stands at the bottom."""
        if self.stage is Stage.RUNNING:
            return self._under_way(width)
        if self.stage is Stage.TROUBLE:
            return [keys_line(("esc", "closes"))]
        if self.stage is not Stage.REPORT:
            return []
        words, tone = self._saved
        saved = sentence("", words, tone, width) if words else []
        if not self.lists:
            return [*saved, keys_line(("esc", "closes"))]
        hints = [("S", "saves all to a file"), ("esc", "closes")]
        if len(self.table.kinds) > 1:
            hints.insert(0, ("s", "next kind"))
        shown = Piece(f"{self.table.showing}   ", "accent")
        return [*saved, Line([shown, *keys_line(*hints).pieces])]

    def _under_way(self, width: int) -> list[Line]:
        progress, since = self._progress, self._waiting_since
        if progress is None:
            return []
        lines = [counts_line(progress.counts)]
        if progress.waiting and since is not None:
            waited = span(self.session.view.now() - since)
            words = f"{progress.waiting} Waiting for {waited} so far; nothing is lost."
            lines = [*sentence("▲ ", words, "warn", width), *lines]
        return lines

    def ask(self) -> None:
        """Put the question; from now on it can be answered."""
        self.stage = Stage.ASKING
        self.reading.begin()
        self.show()

    def begin(self, work: AsyncGenerator[Progress, None], folder: Path) -> None:
        """Run a batch, whose folder this is."""
        self.stage = Stage.RUNNING
        self._folder = folder
        self.set_focus(None)
        self._work = self.run_worker(self._follow(work))
        self.show()

    async def _follow(self, work: AsyncGenerator[Progress, None]) -> None:
        try:
            async with contextlib.aclosing(work):
                async for progress in work:
                    self._take(progress)
            await self._read_outcomes()
        except HubError as error:
            self.fail(error)
        else:
            self.stage = Stage.REPORT
            self.show()

    def _take(self, progress: Progress) -> None:
        now = self.session.view.now()
        if self._began is None:
            self._began = now, progress.done
        if not progress.waiting:
            self._waiting_since = None
        elif self._waiting_since is None:
            self._waiting_since = now
        news = progress.waiting or (self._progress is not None and self._progress.waiting)
        self._progress = progress
        if news or time.monotonic() - self._painted >= PAINT_EVERY:
            self._painted = time.monotonic()
            self.show()

    async def _read_outcomes(self) -> None:
        """Read what is told in the end: of more than can be browsed, what went wrong."""
        settled: set[str] = set()
        wrong: list[TaskOutcome] = []
        right: list[TaskOutcome] = []
        for source in (outcomes_in(self._folder), skipped_in(self._folder)):
            async for chunk in source:
                for one in chunk:
                    self._counts[one.kind] += 1
                    if one.kind is not Kind.FAILED:
                        settled.add(one.task_id)
                    kept = wrong if one.kind in (Kind.FAILED, Kind.SKIPPED) else right
                    if len(kept) < MOST_LISTED:
                        kept.append(one)
        self._settled = frozenset(settled)
        self.table.show([*wrong, *right][:MOST_LISTED], self._counts.total())

    def fail(self, error: HubError) -> None:
        """Say why it cannot go on."""
        self._trouble = str(error)
        self.stage = Stage.TROUBLE
        self.set_focus(None)
        self.show()

    def _rate(self) -> float | None:
        if self._began is None or self._progress is None:
            return None
        began, before = self._began
        done = self._progress.done - before
        passed = (self.session.view.now() - began).total_seconds()
        return done / passed if done and passed > 0.5 else None

    def action_back(self) -> None:
        """Stop what runs behind its current chunk, or close the screen."""
        if self.stage is Stage.RUNNING:
            self.stop.set()
            self.show()
        else:
            self.dismiss(self._settled)

    def action_leave(self) -> None:
        """Close the screen, or the list; what runs is not stopped by it."""
        if self.stage is not Stage.RUNNING:
            self.action_back()

    def action_close_report(self) -> None:
        """Close what has been read."""
        if self.stage in (Stage.REPORT, Stage.TROUBLE):
            self.dismiss(self._settled)

    def action_next_kind(self) -> None:
        """List the outcomes of the next kind."""
        if self.stage is Stage.REPORT and self.lists:
            self.table.next_kind()
            self.show()

    async def action_save(self) -> None:
        """Save all outcomes to a new file in the working directory."""
        if self.stage is not Stage.REPORT or not self.lists:
            return
        try:
            path = _free_path(Path.cwd(), f"retry-{self._folder.name}")
            await save(self._folder, path)
        except HubError as error:
            self._saved = str(error), "warn"
        except FileNotFoundError:
            self._saved = "The working directory is gone: there is nowhere to save to.", "warn"
        else:
            self._saved = f"Saved to {path}", "success"
        self.show()

    def action_move(self, steps: int) -> None:
        """Move in the list, or scroll the text."""
        if self.lists:
            self.table.move(steps)
        else:
            self.query_one("#retry", ScrollText).scroll_lines(steps)

    def action_page(self, pages: int) -> None:
        """Move in the list, or scroll the text, by pages."""
        if self.lists:
            self.table.page(pages)
        else:
            self.query_one("#retry", ScrollText).page(pages)

    def show(self) -> None:
        """Paint what there is."""
        if not self.is_mounted:
            return
        width, height = self.app.size.width - 4, self.app.size.height
        bar = self.query_one("#retry-bar", Ends)
        bar.display = self.stage is Stage.RUNNING
        if self._progress is not None:
            words = "stopping behind this chunk…" if self.stop.is_set() else "esc stops"
            bar.show(progress_bar(self._progress, self._rate()), [Piece(words, "dim")])
        field = self.query_one(NumberField)
        field.display = self.stage is Stage.ASKING and self.asks_for_number
        asked = self.question(width)
        question = self.query_one("#retry-question", ScrollText)
        question.display = bool(asked)
        question.show(asked, height=max(len(asked), 1))
        self.table.display = self.lists
        room = height - len(asked) - bar.display - field.display
        room = max(room - LEAST_ROWS if self.lists else room, 1)
        lines = [Line(), *self._head(), Line(), *self.body(width), Line()]
        if len(lines) > room:
            lines = [line for line in lines if line.pieces]
        self.query_one("#retry", ScrollText).show(lines, height=min(len(lines), room))

    @property
    def asks_for_number(self) -> bool:
        """Whether the number of tasks has to be typed."""
        return False

    def _head(self) -> Sequence[Line]:
        info = self.hub.info
        profile = one_line(self.session.profile or "")
        badge = [Piece(f" {profile} ", "profile"), Piece(" ")] if profile else []
        place = f"on {info.backend} {one_line(info.place)}, queue {one_line(self.queue.place)}"
        return [
            Line([Piece(f"{self._verb} "), Piece(self._selection, "title")]),
            Line([*badge, Piece(place, "dim")]),
        ]


def _free_path(folder: Path, name: str) -> Path:
    """Return the path of a file that is not there yet."""
    names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
    return next(path for one in names if not (path := folder / f"{one}.tsv").exists())
