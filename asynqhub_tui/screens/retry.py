"""Retry tasks: what is going to happen, the confirmation, and then the batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import Input

from asynqhub_tui.actions.retry import run as retrying
from asynqhub_tui.actions.retry.batch import skipped_in
from asynqhub_tui.actions.retry.decision import FORCIBLE, Planned
from asynqhub_tui.actions.retry.preview import BY_KEY
from asynqhub_tui.actions.retry.records import TaskOutcome
from asynqhub_tui.actions.retry.run import Plan
from asynqhub_tui.actions.retry.selection import Selection
from asynqhub_tui.models import FAILED_STATUSES, SUCCESS, Task
from asynqhub_tui.repository import HubError
from asynqhub_tui.screens.batch import MOST_LISTED, BatchScreen, Stage
from asynqhub_tui.screens.key_names import key_name
from asynqhub_tui.session import Session
from asynqhub_tui.widgets.batch_words import keys_line
from asynqhub_tui.widgets.canvas import Line, Piece
from asynqhub_tui.widgets.field import NumberField
from asynqhub_tui.widgets.retry_words import elsewhere_lines, one_task_lines, preview_lines

RATES = (None, 1000.0, 500.0, 200.0, 100.0, 50.0, 20.0, 10.0, 5.0, 1.0)
"""Tasks per second that can be chosen; None is without a limit."""

MOST_RECOUNTED = 10_000
"""Up to so many tasks it is counted, while a preview stands, how many more there are by then."""

_WIDE = 96


class RetryScreen(BatchScreen):
    """Previews a retry, has it confirmed, and runs it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "confirm", "confirm", show=False),
        Binding("l", "list", "list what is skipped", show=False, priority=True),
        Binding("F", "force", "force", show=False, priority=True),
        Binding("plus", "rate(-1)", "faster", show=False, priority=True),
        Binding("minus", "rate(1)", "slower", show=False, priority=True),
    ]

    def __init__(self, session: Session, selection: Selection) -> None:
        super().__init__(session, "Retry", selection.words)
        self._chosen = selection
        self._plan: Plan | None = None
        self._only: tuple[Planned, Task | None] | None = None
        self._force = False
        self._rate_step = 0
        self._read = 0
        self._more = 0
        self._recounting = False
        self._wrong = False

    def on_mount(self) -> None:
        """Plan, which takes a while for many tasks."""
        super().on_mount()
        if self._chosen.filter is not None:
            self.set_interval(self.session.interval, self._look_for_more)
        self._replan()

    async def on_unmount(self) -> None:
        """Forget a plan that was not confirmed, however the screen came to its end."""
        await super().on_unmount()
        await self._discard()

    def _replan(self) -> None:
        self.stage = Stage.READING
        self._read = self._more = 0
        self.set_focus(None)
        self.run_worker(self._prepare(), group="plan", exclusive=True)
        self.show()

    async def _prepare(self) -> None:
        await self._discard()
        try:
            plan = self._plan = await retrying.prepare(
                self.hub,
                self.queue,
                self._chosen.refs(self.hub),
                self._chosen.words,
                self.journal,
                force=self._force,
                watch=self._watch,
            )
            self._only = await self._read_only_one(plan) if plan.preview.total == 1 else None
        except HubError as error:
            self.fail(error)
            return
        self.ask()
        self._focus_field()

    async def _read_only_one(self, plan: Plan) -> tuple[Planned, Task | None]:
        [planned] = [one async for chunk in plan.batch.planned() for one in chunk]
        found = await self.hub.tasks.changes([planned.ref.task_id])
        return planned, next(iter(found.tasks), None)

    def _focus_field(self) -> None:
        if self.asks_for_number:
            field = self.query_one(NumberField)
            field.value = ""
            self.set_focus(field)

    def _watch(self, read: int) -> None:
        self._read = read
        self.show()

    async def _discard(self) -> None:
        if self._plan is not None and self.stage is not Stage.RUNNING and self._progress is None:
            plan, self._plan = self._plan, None
            await plan.discard()

    def _look_for_more(self) -> None:
        known = self._plan.preview.total if self._plan is not None else MOST_RECOUNTED
        wanted = self.stage is Stage.ASKING and known < MOST_RECOUNTED
        if wanted and not self._recounting and not self.session.paused:
            self._recounting = True
            self.run_worker(self._recount(known), group="recount")

    async def _recount(self, known: int) -> None:
        """Count how many match by now; that it cannot be counted is no matter for the retry."""
        assert self._chosen.filter is not None
        try:
            found = await self.hub.tasks.count_tasks(self._chosen.filter, cap=MOST_RECOUNTED)
        except HubError:
            return
        finally:
            self._recounting = False
        if found.kind != "about":
            self._more = max(found.value - known, 0)
            self.show()

    @property
    def asks_for_number(self) -> bool:
        """Whether the number of tasks has to be typed."""
        return self._plan is not None and self._plan.preview.included > BY_KEY

    def body(self, width: int) -> list[Line]:
        """Return the preview, and later the report."""
        if self.stage is Stage.READING:
            return [Line([Piece(f"looking at the tasks and at asynq…  {self._read:,}", "dim")])]
        if self.stage not in (Stage.ASKING, Stage.RUNNING) or self._plan is None:
            return super().body(width)
        view = self.session.view
        if self._only is not None:
            lines = one_task_lines(*self._only, view, width, forced=self._force)
            return [*lines, *elsewhere_lines(self._plan.preview, width)]
        return preview_lines(self._plan.preview, view.now(), width, self.app.size.height)

    def question(self, width: int) -> list[Line]:
        """Return what is asked."""
        if self.stage is Stage.LISTING:
            shown = Piece(f"{self.table.showing} that are skipped   ", "accent")
            return [Line([shown, *keys_line(("esc", "back to the preview")).pieces])]
        if self.stage is not Stage.ASKING or self._plan is None:
            return super().question(width)
        preview = self._plan.preview
        hints = []
        if preview.reasons and self._only is None:
            hints.append(("l", "lists what is skipped"))
        if self._force or any(preview.reasons[reason] for reason in FORCIBLE):
            hints.append(("F", "does not force" if self._force else "forces what is on its way"))
        if preview.included:
            lines = [self._how(width)] if preview.included > 1 else []
            lines.append(Line([*self._asked(preview.included), Piece("   "), *_esc("cancels")]))
        else:
            lines = [Line([*self._nothing(), Piece("   "), *_esc("closes")])]
        return [*([keys_line(*hints)] if hints else []), *lines]

    def _how(self, width: int) -> Line:
        rate = RATES[self._rate_step]
        pieces = [
            Piece("rate ", "dim"),
            Piece("unlimited" if rate is None else f"{rate:,g}/s"),
            Piece("   "),
            *keys_line(("-", "slower"), ("+", "faster")).pieces,
        ]
        if self._more:
            statuses = self._chosen.filter.statuses if self._chosen.filter is not None else ()
            verb = "failed" if set(statuses) <= set(FAILED_STATUSES) else "match by now"
            since = " since this preview and are" if width >= _WIDE and verb == "failed" else ","
            pieces.append(Piece(f"{self._more:,} more {verb}{since} not included", "warn"))
        return Line(pieces)

    def _asked(self, included: int) -> list[Piece]:
        if not self.asks_for_number:
            what = "it" if included == 1 else f"these {included}"
            return [Piece("y", "key"), Piece(f" retries {what}", "strong")]
        if self.query_one(NumberField).value == str(included):
            return [Piece("Enter to retry them", "fail")]
        if self._wrong:
            return [Piece(f"That is not their number: type {included} to retry them", "warn")]
        return [Piece(f"Type {included} to retry them", "strong")]

    def _nothing(self) -> list[Piece]:
        if self._only is not None and self._only[0].ref.status == SUCCESS:
            replay = key_name(self.session, "tasks.replay")
            return [Piece("It has succeeded: "), Piece(replay, "key"), Piece(" replays a copy")]
        return [Piece("There is nothing to retry.", "strong")]

    def on_input_changed(self) -> None:
        """Show whether the number is right so far."""
        self._wrong = False
        self.show()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Go on when the number was typed exactly; otherwise stay, and say so."""
        event.stop()
        if self._plan is None or self.stage is not Stage.ASKING or not self.reading.seen:
            return
        if event.value == str(self._plan.preview.included):
            self._confirmed(self._plan)
        else:
            self._wrong = bool(event.value)
            self.show()

    def action_confirm(self) -> None:
        """Go on, where one key is enough and what it confirms could be read."""
        plan = self._plan
        if self.stage is not Stage.ASKING or plan is None or not self.reading.read:
            return
        if 0 < plan.preview.included <= BY_KEY:
            self._confirmed(plan)

    def _confirmed(self, plan: Plan) -> None:
        rate = RATES[self._rate_step]
        work = retrying.run(self.hub, self.queue, plan, self.journal, stop=self.stop, rate=rate)
        self.begin(work, plan.batch.folder)

    def action_force(self) -> None:
        """Plan anew, with or without what is likely on its way."""
        if self.stage is not Stage.ASKING or self._plan is None:
            return
        if self._force or any(self._plan.preview.reasons[reason] for reason in FORCIBLE):
            self._force = not self._force
            self._replan()

    def action_rate(self, steps: int) -> None:
        """Choose how many tasks a second."""
        if self.stage is Stage.ASKING:
            self._rate_step = max(0, min(self._rate_step + steps, len(RATES) - 1))
            self.show()

    async def action_list(self) -> None:
        """List what is skipped."""
        if self.stage is not Stage.ASKING or self._plan is None or not self._plan.preview.reasons:
            return
        skipped: list[TaskOutcome] = []
        async for chunk in skipped_in(self._plan.batch.folder):
            skipped += chunk
            if len(skipped) >= MOST_LISTED:
                break
        self.table.show(skipped[:MOST_LISTED], sum(self._plan.preview.reasons.values()))
        self.stage = Stage.LISTING
        self.set_focus(None)
        self.show()

    def action_back(self) -> None:
        """Leave the list, stop what runs, or close the screen."""
        if self.stage is Stage.LISTING:
            self.stage = Stage.ASKING
            self.show()
            self._focus_field()
        else:
            super().action_back()


def _esc(words: str) -> Sequence[Piece]:
    return keys_line(("esc", words)).pieces
