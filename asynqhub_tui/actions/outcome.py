"""What an action tells when it has ended."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path


class Outcome(StrEnum):
    """How an action ended."""

    DONE = "done"
    UNCHANGED = "unchanged"
    """It was as wanted already."""
    REFUSED = "refused"
    """A rule forbids it, or there is no such thing; nothing was changed."""
    FAILED = "failed"
    """The store could not be reached or did not answer: it may have happened or not."""
    CANCELLED = "cancelled"


class Offer(StrEnum):
    """What can be done instead."""

    DISABLE = "disable"
    PURGE = "purge"


@dataclass(frozen=True, slots=True)
class Report:
    """What came of an action.

    `sentences` say it in words, and what to do next; they may quote names from the database.
    `restore_file` is set where one was written.
    """

    outcome: Outcome
    sentences: tuple[str, ...]
    offers: tuple[Offer, ...] = ()
    restore_file: Path | None = None

    @property
    def done(self) -> bool:
        """Whether things are now as they were wanted."""
        return self.outcome in (Outcome.DONE, Outcome.UNCHANGED)

    def after(self, *sentences: str) -> Report:
        """Return the report with what was done before, in words, ahead of its own."""
        return replace(self, sentences=(*sentences, *self.sentences))
