"""The outcomes of a batch, one a row."""

from __future__ import annotations

from collections.abc import Sequence

from asynqhub_tui.actions.retry.records import Kind, TaskOutcome
from asynqhub_tui.actions.retry.saving import why
from asynqhub_tui.text import fit_ends, one_line
from asynqhub_tui.widgets.batch_words import LOOKS
from asynqhub_tui.widgets.table import Column, Table


class OutcomeTable(Table[TaskOutcome]):
    """Shows all outcomes, or those of one kind."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._all: Sequence[TaskOutcome] = ()
        self._rows: Sequence[TaskOutcome] = ()
        self._total = 0
        self._only: Kind | None = None

    def show(self, outcomes: Sequence[TaskOutcome], total: int) -> None:
        """Show these outcomes of `total`, what went wrong first, and alike ones together."""
        places = {kind: place for place, kind in enumerate(LOOKS)}
        self._all = sorted(outcomes, key=lambda one: (places[one.kind], one.reason or ""))
        self._total = total
        self._only = None
        self._choose()

    @property
    def kinds(self) -> Sequence[Kind]:
        """The kinds of outcomes that there are."""
        there = {one.kind for one in self._all}
        return [kind for kind in LOOKS if kind in there]

    @property
    def showing(self) -> str:
        """What is listed, in words."""
        if self._only is not None:
            return f"{self._only} {self.count:,}"
        if self._total > self.count:
            return f"the first {self.count:,} of {self._total:,}"
        return f"all {self.count:,}"

    def next_kind(self) -> None:
        """Show the outcomes of the next kind that there is, or all again."""
        steps = [None, *self.kinds]
        self._only = steps[(steps.index(self._only) + 1) % len(steps)]
        self._choose()

    def _choose(self) -> None:
        self._rows = [one for one in self._all if self._only in (None, one.kind)]
        self.place(0)

    @property
    def columns(self) -> Sequence[Column[TaskOutcome]]:
        """The columns."""
        return _COLUMNS

    @property
    def count(self) -> int:
        """How many rows there are."""
        return len(self._rows)

    def row(self, index: int) -> TaskOutcome:
        """Return the outcome at `index`."""
        return self._rows[index]


def _outcome(outcome: TaskOutcome, width: int) -> tuple[str, str]:
    sign, tone = LOOKS[outcome.kind]
    return f"{sign} {outcome.kind}", tone


def _task(outcome: TaskOutcome, width: int) -> tuple[str, str]:
    return fit_ends(one_line(outcome.task_id), width), ""


def _why(outcome: TaskOutcome, width: int) -> tuple[str, str]:
    return why(outcome), "dim"


_COLUMNS: Sequence[Column[TaskOutcome]] = (
    Column("OUTCOME", 10, _outcome),
    Column("TASK", 17, _task, grow=1, most=36),
    Column("WHY", 20, _why, grow=3),
)
