"""What a batch writes down besides its plan."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from asynqhub_tui.actions.retry.decision import Reason
from asynqhub_tui.models import Model, UtcDatetime
from asynqhub_tui.queue import CLAIM_DAYS

RESUME_WITHIN = timedelta(days=CLAIM_DAYS - 1)
"""How long after its plan a batch may be resumed: the claims that stop a second run expire."""


class Head(Model):
    """What was confirmed. `selection` says in words which tasks were chosen.

    `rate` is the most tasks per second, None without a limit.
    """

    batch: str
    planned_at: UtcDatetime
    confirmed_at: UtcDatetime
    operator: str
    backend: str
    place: str
    queue: str
    selection: str
    total: int
    included: int
    rate: float | None = None


class Kind(StrEnum):
    """What has come of a task."""

    RESUMED = "resumed"
    ENQUEUED = "enqueued"
    SKIPPED = "skipped"
    FAILED = "failed"


class TaskOutcome(Model):
    """One task's outcome; `detail` says more where `reason` does not.

    `marked` tells whether its row was set to pending: it is not where its worker was quicker.
    """

    task_id: str
    kind: Kind
    reason: Reason | None = None
    detail: str | None = None
    marked: bool = False


class Ending(StrEnum):
    """How the execution of a batch ended."""

    DONE = "done"
    CANCELLED = "cancelled"
    """Ended by the operator."""
    STOPPED = "stopped"
    """The store or the queue was away for too long, or takes no writes."""


class End(Model):
    """The last thing that is written of a batch; one that is resumed writes it again.

    `counts` are those of all its outcomes, `sentence` says why it was stopped. `under_way` is how
    many tasks were with the queue, or between queue and store, when it stopped: nothing was written
    of them, though asynq may run them.
    """

    ended_at: UtcDatetime
    ending: Ending
    counts: Mapping[Kind, int]
    sentence: str | None = None
    under_way: int = 0


class Summary(Model):
    """A batch as a list shows it; `running` while a process works on it."""

    head: Head
    end: End | None
    running: bool

    @property
    def state(self) -> str:
        """How it ended; without an end it is running, or was interrupted."""
        if self.end is not None:
            return str(self.end.ending)
        return "running" if self.running else "interrupted"

    def resumable(self, now: datetime) -> bool:
        """Whether something may be left of it that nobody works on, and its claims still hold."""
        over = self.end is not None and self.end.ending is Ending.DONE
        return not over and not self.running and now - self.head.planned_at < RESUME_WITHIN
