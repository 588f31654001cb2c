"""How things are shown: the clock, the time format, and what is known of the workers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo

from asynqhub_tui.figures import TimeFormat, ago, clock, full_moment, moment
from asynqhub_tui.models import (
    NO_TIMEOUT,
    OVERDUE_GRACE,
    RUNNING,
    Attempt,
    Task,
    WorkerConfig,
)

NO_REPORT = "no report"
"""What an attempt is whose end nobody reported, although its time is over."""


def utc_now() -> datetime:
    """Return the time of this machine's clock."""
    return datetime.now(UTC)


class View:
    """What every widget needs to turn rows into text."""

    def __init__(
        self,
        *,
        clock: Callable[[], datetime] = utc_now,
        times: TimeFormat = TimeFormat.RELATIVE,
    ) -> None:
        self.clock = clock
        self.times = times
        self.workers: Mapping[str, WorkerConfig] = {}

    def now(self) -> datetime:
        """Return the present time."""
        return self.clock()

    @property
    def zone(self) -> tzinfo | None:
        """The zone of times of day; None is the local one."""
        return UTC if self.times is TimeFormat.UTC else None

    def state(self, task: Task) -> str:
        """Return what a task does now."""
        worker = self.workers.get(task.worker_name)
        return task.state(self.now(), worker.timeout if worker else NO_TIMEOUT)

    def attempt_state(self, attempt: Attempt, worker_name: str, *, newest: bool) -> str:
        """Return what became of an attempt of a worker's task: only the newest can still run."""
        if not attempt.open:
            return attempt.status
        in_time = self.now() - attempt.started_at <= self.timeout(worker_name) + OVERDUE_GRACE
        return RUNNING if newest and in_time else NO_REPORT

    def timeout(self, worker_name: str) -> timedelta:
        """Return how long an attempt of a worker may take."""
        worker = self.workers.get(worker_name)
        return worker.timeout if worker else NO_TIMEOUT

    def max_attempts(self, task: Task) -> int | None:
        """Return how often asynq starts a task before it gives up, where the worker is known."""
        worker = self.workers.get(task.worker_name)
        return worker.max_attempts if worker else None

    def moment(self, at: datetime | None) -> str:
        """Return a time in a column's width."""
        return moment(at, self.now(), self.times)

    def brief_moment(self, at: datetime) -> str:
        """Return a time of day, or date and time, and how long ago that was."""
        return f"{clock(at, self.zone, self.now())} ({ago(at, self.now())})"

    def full_moment(self, at: datetime | None) -> str:
        """Return a time where there is room for it."""
        return full_moment(at, self.now(), self.times)
