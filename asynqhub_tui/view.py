"""How things are shown: the clock, the time format, and what is known of the workers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo

from asynqhub_tui.fate import RETRYING, Sighting, fate, worth_asking
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


MOST_SIGHTINGS = 1_000
"""Of how many tasks it is kept what asynq knew of them: far more than are ever in view."""


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
        self._sightings: dict[str, Sighting] = {}

    def now(self) -> datetime:
        """Return the present time."""
        return self.clock()

    @property
    def zone(self) -> tzinfo | None:
        """The zone of times of day; None is the local one."""
        return UTC if self.times is TimeFormat.UTC else None

    def state(self, task: Task) -> str:
        """Return what a task does now, as far as its row and asynq tell."""
        return fate(task, self._row_state(task), self.max_attempts(task), self.sighting(task))

    def _row_state(self, task: Task) -> str:
        return task.state(self.now(), self.timeout(task.worker_name))

    def see(self, task: Task, sighting: Sighting) -> None:
        """Take note of what asynq knows of a task."""
        self._sightings.pop(task.task_id, None)
        self._sightings[task.task_id] = sighting
        if len(self._sightings) > MOST_SIGHTINGS:
            del self._sightings[next(iter(self._sightings))]

    def lose_sight(self) -> None:
        """Forget what asynq knew: it does not answer any more."""
        self._sightings.clear()

    def sighting(self, task: Task) -> Sighting | None:
        """Return what asynq knew of this version of a task; None where it was not asked."""
        seen = self._sightings.get(task.task_id)
        return seen if seen is not None and seen.is_of(task) else None

    def is_open_question(self, task: Task) -> bool:
        """Whether only asynq can tell what becomes of a task."""
        return worth_asking(task, self._row_state(task), self.max_attempts(task))

    def next_attempt(self, task: Task) -> datetime | None:
        """Return when asynq retries a task that it is retrying; None of any other."""
        seen = self.sighting(task)
        held = seen.held if seen is not None else None
        return held.next_at if held is not None and self.state(task) == RETRYING else None

    def error(self, task: Task) -> str | None:
        """Return the error to show: where no attempt has reported one, that which asynq has."""
        seen = self.sighting(task)
        held = seen.held if seen is not None else None
        return task.error or (held.last_error if held is not None else None)

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
