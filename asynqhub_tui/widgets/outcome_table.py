"""The outcomes of a batch, one a row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from asynqhub_tui.actions.retry.records import Kind, TaskOutcome
from asynqhub_tui.actions.retry.saving import why
from asynqhub_tui.text import fit_ends, one_line
from asynqhub_tui.widgets.table import Column, Table

LOOKS = {
    Kind.FAILED: ("✗", "fail"),
    Kind.SKIPPED: ("○", "warn"),
    Kind.ENQUEUED: ("✓", "success"),
    Kind.RESUMED: ("✓", "success"),
}
"""Sign and tone of each kind of outcome, the most important first."""


class OutcomeTable(Table[TaskOutcome]):
    """Shows all outcomes, or those of one kind."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._all: Sequence[TaskOutcome] = ()
        self._rows: Sequence[TaskOutcome] = ()
        self.only: Kind | None = None

    def show(self, outcomes: Sequence[TaskOutcome]) -> None:
        """Show these outcomes, the most important kinds first."""
        places = {kind: place for place, kind in enumerate(LOOKS)}
        self._all = sorted(outcomes, key=lambda one: places[one.kind])
        self.only = None
        self._choose()

    def next_kind(self) -> None:
        """Show the outcomes of the next kind that there is, or all again."""
        there = Counter(one.kind for one in self._all)
        steps = [None, *(kind for kind in LOOKS if there[kind])]
        self.only = steps[(steps.index(self.only) + 1) % len(steps)]
        self._choose()

    def _choose(self) -> None:
        self._rows = [one for one in self._all if self.only in (None, one.kind)]
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

    def empty_text(self) -> str:
        """What stands in an empty table."""
        return "nothing to list"


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
