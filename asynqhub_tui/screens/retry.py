"""Retry tasks: what is going to happen, the confirmation, and then the batch."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import Input

from asynqhub_tui.actions.retry import run as retrying
from asynqhub_tui.actions.retry.decision import FORCIBLE, Decision
from asynqhub_tui.actions.retry.preview import BY_KEY
from asynqhub_tui.actions.retry.records import Kind, Summary, TaskOutcome
from asynqhub_tui.actions.retry.run import Plan
from asynqhub_tui.figures import ago
from asynqhub_tui.models import TaskRef
from asynqhub_tui.repository import Hub, HubError
from asynqhub_tui.screens.batch import MOST_LISTED, BatchScreen, Stage, keys_line
from asynqhub_tui.session import Session
from asynqhub_tui.text import one_line
from asynqhub_tui.widgets.canvas import Line, Piece
from asynqhub_tui.widgets.deletion import sentence
from asynqhub_tui.widgets.field import NumberField
from asynqhub_tui.widgets.retry_words import preview_lines

RATES = (None, 1000.0, 500.0, 200.0, 100.0, 50.0, 20.0, 10.0, 5.0, 1.0)
"""Tasks per second that can be chosen; None is without a limit."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The tasks to retry, in words, and how to read what identifies them as they are now."""

    words: str
    refs: Callable[[Hub], AsyncIterable[Sequence[TaskRef]]]


class RetryScreen(BatchScreen):
    """Previews a retry, has it confirmed, and runs it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "confirm", "confirm", show=False),
        Binding("F", "force", "force", show=False, priority=True),
        Binding("plus", "rate(-1)", "faster", show=False, priority=True),
        Binding("minus", "rate(1)", "slower", show=False, priority=True),
    ]

    def __init__(self, session: Session, selection: Selection) -> None:
        super().__init__(session, "Retry", one_line(selection.words))
        self._chosen = selection
        self._plan: Plan | None = None
        self._force = False
        self._rate_step = 0
        self._read = 0

    def on_mount(self) -> None:
        """Plan, which takes a while for many tasks."""
        super().on_mount()
        self._replan()

    async def on_unmount(self) -> None:
        """Forget a plan that was not confirmed, however the screen came to its end."""
        await self._discard()

    def _replan(self) -> None:
        self.stage = Stage.READING
        self._read = 0
        self.query_one(NumberField).display = False
        self.set_focus(None)
        self.run_worker(self._prepare(), group="plan", exclusive=True)
        self.show()

    async def _prepare(self) -> None:
        await self._discard()
        try:
            self._plan = await retrying.prepare(
                self.hub,
                self.queue,
                self._chosen.refs(self.hub),
                self._chosen.words,
                self.journal,
                force=self._force,
                watch=self._watch,
            )
        except HubError as error:
            self.fail(error)
            return
        self.stage = Stage.ASKING
        if self._plan.preview.included > BY_KEY:
            field = self.query_one(NumberField)
            field.value = ""
            field.display = True
            self.set_focus(field)
        self.show()

    def _watch(self, read: int) -> None:
        self._read = read
        self.show()

    async def _discard(self) -> None:
        if self._plan is not None and self.stage in (Stage.READING, Stage.ASKING):
            plan, self._plan = self._plan, None
            await plan.discard()

    def body(self, width: int) -> list[Line]:
        """Return the preview, and later the report."""
        if self.stage is Stage.READING:
            return [Line([Piece(f"looking at the tasks and at asynq…  {self._read:,}", "dim")])]
        if self.stage in (Stage.ASKING, Stage.RUNNING) and self._plan is not None:
            return preview_lines(self._plan.preview, self.session.view.now(), width)
        return super().body(width)

    def question(self, width: int) -> list[Line]:
        """Return what is asked."""
        if self.stage is not Stage.ASKING or self.listing or self._plan is None:
            return super().question(width)
        preview = self._plan.preview
        hints = [("esc", "cancels")]
        if preview.reasons:
            hints.append(("l", "lists what is skipped"))
        if any(preview.reasons[reason] for reason in FORCIBLE) or self._force:
            hints.append(("F", "does not force" if self._force else "forces what is on its way"))
        if not preview.included:
            return [Line([Piece("There is nothing to retry.", "strong")]), keys_line(*hints)]
        rate = RATES[self._rate_step]
        words = "unlimited" if rate is None else f"{rate:g} tasks a second"
        return [
            Line([Piece("rate ", "dim"), Piece(words), Piece("   - slower   + faster", "dim")]),
            Line([*self._asked(preview.included), Piece("   "), *keys_line(*hints).pieces]),
        ]

    def _asked(self, included: int) -> list[Piece]:
        if included <= BY_KEY:
            what = "it" if included == 1 else f"these {included}"
            return [Piece("y", "key"), Piece(f" retries {what}", "strong")]
        if self.query_one(NumberField).value == str(included):
            return [Piece("Enter to retry them", "fail")]
        return [Piece(f"Type {included} to retry them", "strong")]

    def on_input_changed(self) -> None:
        """Show whether the number is right so far."""
        self.show()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Go on when the number was typed exactly; otherwise stay."""
        event.stop()
        if self._plan is not None and event.value == str(self._plan.preview.included):
            self._confirmed()

    def action_confirm(self) -> None:
        """Go on, where one key is enough."""
        if self._plan is not None and 0 < self._plan.preview.included <= BY_KEY:
            self._confirmed()

    def _confirmed(self) -> None:
        if self.stage is not Stage.ASKING or self.listing or self._plan is None:
            return
        rate = RATES[self._rate_step]
        plan = self._plan
        work = retrying.run(self.hub, self.queue, plan, self.journal, stop=self.stop, rate=rate)
        self.begin(work, plan.batch.folder)

    def action_force(self) -> None:
        """Plan anew, with or without what is likely on its way."""
        if self.stage is Stage.ASKING and not self.listing:
            self._force = not self._force
            self._replan()

    def action_rate(self, steps: int) -> None:
        """Choose how many tasks a second."""
        if self.stage is Stage.ASKING:
            self._rate_step = max(0, min(self._rate_step + steps, len(RATES) - 1))
            self.show()

    async def action_list(self) -> None:
        """List what is skipped, and later the outcomes."""
        if self.stage is not Stage.ASKING or self.listing or self._plan is None:
            await super().action_list()
            return
        skipped: list[TaskOutcome] = []
        async for chunk in self._plan.batch.planned():
            skipped += [
                TaskOutcome(task_id=one.ref.task_id, kind=Kind.SKIPPED, reason=one.reason)
                for one in chunk
                if one.decision is Decision.SKIP
            ]
            if len(skipped) >= MOST_LISTED:
                break
        self.list_outcomes(skipped[:MOST_LISTED])


class ResumeScreen(BatchScreen):
    """Offers to go on with a batch that was interrupted, and does."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("y", "confirm", "confirm", show=False)]

    def __init__(self, session: Session, batch: Summary) -> None:
        super().__init__(session, "Resume the retry of", one_line(batch.head.selection))
        self._batch = batch
        self.stage = Stage.ASKING

    def body(self, width: int) -> list[Line]:
        """Return what was interrupted."""
        if self.stage is Stage.REPORT or self.stage is Stage.TROUBLE:
            return super().body(width)
        head = self._batch.head
        when = ago(head.confirmed_at, self.session.view.now())
        words = (
            f"A batch of {head.included:,} tasks, confirmed {when} by {head.operator}, was"
            " interrupted. What has been run already is not run again."
        )
        return sentence("▲ ", words, "warn", width)

    def question(self, width: int) -> list[Line]:
        """Return what is asked."""
        if self.stage is Stage.ASKING:
            return [keys_line(("y", "goes on with it"), ("esc", "later"))]
        return super().question(width)

    def action_confirm(self) -> None:
        """Go on with it."""
        if self.stage is not Stage.ASKING:
            return
        batch_id = self._batch.head.batch
        folder = retrying.batches_of(self.journal) / batch_id
        work = retrying.resume(self.hub, self.queue, batch_id, self.journal, stop=self.stop)
        self.begin(work, folder)
