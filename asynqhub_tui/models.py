"""What an Asynq-Hub installation consists of: tasks, attempts, workers and their statistics.

The field names are those of Asynq-Hub's own rows. Every text may hold anything that a writer put
into the database; nothing here is safe to print before `text.one_line` or `text.block`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_serializer

PENDING = "pending"
RUNNING = "running"
SUCCESS = "success"
FAIL = "fail"
DEAD = "dead"

STATUSES = (PENDING, RUNNING, SUCCESS, FAIL, DEAD)
"""Every status that Asynq-Hub knows; a row may hold another one."""

FAILED_STATUSES = (FAIL, DEAD)
"""What the screens call failed."""

OVERDUE = "overdue"
"""Not a status of a row: the state of a task whose newest attempt never reported its end."""

STATES = (*STATUSES, OVERDUE)
"""What a filter may ask for and find on any installation."""

OVERDUE_GRACE = timedelta(seconds=10)
"""How long after its timeout an open attempt still counts as running: its report may be on the
way, and the clocks of worker and reader differ."""

NO_TIMEOUT = timedelta(minutes=30)
"""asynq's default timeout, which holds where a worker sets none (`defaultTimeout`, asynq v0.25)."""

MAX_PAYLOAD_BYTES = 2 * 1024 * 1024
"""The largest payload that Asynq-Hub accepts."""


def _none_if_empty(value: object) -> object:
    return None if value == "" else value


def _utc(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


OptionalText = Annotated[str | None, BeforeValidator(_none_if_empty)]
"""An optional text of a row: the empty string and NULL are the same."""

UtcDatetime = Annotated[datetime, AfterValidator(_utc)]
"""A time of a row, always aware and in UTC."""


class Model(BaseModel):
    """A frozen value."""

    model_config = ConfigDict(frozen=True)


class Attempt(Model):
    """One execution of a task: its `running` row and its final row, folded into one.

    `(attempt, started_at)` identifies it within its task: attempt numbers repeat after a rerun.
    `status` is `running` as long as there is no final row. `duration_ms` is what the row says or,
    where it says nothing, the time from `started_at` to `finished_at`.
    """

    task_id: str
    attempt: int
    status: str
    started_at: UtcDatetime
    finished_at: UtcDatetime | None = None
    duration_ms: int | None = None
    error: OptionalText = None
    worker_name: OptionalText = None
    asynq_task_id: OptionalText = None
    trace_id: OptionalText = None
    span_id: OptionalText = None

    @property
    def open(self) -> bool:
        """Whether its end has not been reported."""
        return self.status == RUNNING


def last_failed(attempts: Iterable[Attempt]) -> Attempt | None:
    """Return the one whose error stands among `attempts`, given the newest first.

    That is the newest that ended with an error, unless a later one succeeded.
    """
    for attempt in attempts:
        if attempt.status == SUCCESS:
            break
        if attempt.error:
            return attempt
    return None


class Task(Model):
    """A task's row, with what a list must know of its newest attempts.

    `payload` is JSON text exactly as the store gives it, and None where it was not read: lists
    never read it. `priority` is 1 low, 2 default, 3 critical. `queue` is the full name,
    `worker:group:priority`. `failed_attempt` is the attempt whose error stands, as `last_failed`
    tells, looked for among the newest attempts only: while a rerun goes on, it is an older one than
    `newest_attempt`.
    """

    task_id: str
    worker_name: str
    queue: str
    priority: int = 0
    payload: str | None = None
    status: str
    last_attempt: int = 0
    last_error: OptionalText = None
    last_worker_name: OptionalText = None
    trace_id: OptionalText = None
    created_at: UtcDatetime
    updated_at: UtcDatetime
    newest_attempt: Attempt | None = None
    failed_attempt: Attempt | None = None

    def state(self, now: datetime, timeout: timedelta) -> str:
        """What the task does at `now`: its row's status, or `running` or `overdue`.

        Asynq-Hub never sets a row to `running`: a task runs while its newest attempt is open, and
        is overdue once that has been open for longer than `timeout` allows. A row that says
        success is believed: it was reported.
        """
        newest = self.newest_attempt
        if newest is not None and newest.open and self.status != SUCCESS:
            since = newest.started_at
        elif self.status == RUNNING:
            since = self.updated_at
        else:
            return self.status
        return OVERDUE if now - since > timeout + OVERDUE_GRACE else RUNNING

    @property
    def ref(self) -> TaskRef:
        """This version of it."""
        return TaskRef(
            task_id=self.task_id,
            worker_name=self.worker_name,
            queue=self.queue,
            status=self.status,
            last_attempt=self.last_attempt,
            updated_at=self.updated_at,
        )

    @property
    def error(self) -> str | None:
        """The error to show: of the attempt whose error stands, else the row's own.

        A task that succeeded shows none but its newest attempt's.
        """
        failed = self.failed_attempt
        if self.status == SUCCESS and (failed is None or self.error_is_old):
            return None
        return failed.error if failed is not None else self.last_error

    @property
    def error_is_old(self) -> bool:
        """Whether an attempt has begun since the one whose error stands."""
        failed, newest = self.failed_attempt, self.newest_attempt
        return (
            failed is not None
            and newest is not None
            and (failed.attempt, failed.started_at) != (newest.attempt, newest.started_at)
        )

    @property
    def duration_ms(self) -> int | None:
        """How long the newest attempt took, in milliseconds; None while it runs."""
        return self.newest_attempt.duration_ms if self.newest_attempt is not None else None


class TaskRef(Model):
    """What identifies one version of a task, to act on later, and where it belongs."""

    task_id: str
    worker_name: str
    queue: str
    status: str
    last_attempt: int
    updated_at: UtcDatetime


class QueueGroup(Model):
    """A group of queues of a worker; `priorities` maps a priority's name to its weight.

    What else the row says of a group is kept, so that writing the worker back loses nothing.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    name: str
    concurrency: int = 0
    priorities: Mapping[str, int] = Field(default_factory=dict)


def parse_queue_groups(value: object) -> tuple[QueueGroup, ...]:
    """Read a row's `queue_groups`, JSON text or already decoded, leaving out what is no group."""
    if isinstance(value, (str, bytes)):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return ()
    if not isinstance(value, (list, tuple)):
        return ()
    return tuple(group for item in value if (group := _queue_group(item)) is not None)


def _queue_group(item: object) -> QueueGroup | None:
    if isinstance(item, QueueGroup):
        return item
    if not isinstance(item, dict) or not isinstance(item.get("name"), str):
        return None
    priorities = item.get("priorities")
    weights = priorities.items() if isinstance(priorities, dict) else ()
    known = {
        "concurrency": _int(item.get("concurrency")),
        "priorities": {str(name): _int(weight) for name, weight in weights},
    }
    return QueueGroup.model_validate({**item, **known})


def _int(value: Any) -> int:
    return int(value) if isinstance(value, (int, float)) and math.isfinite(value) else 0


class WorkerConfig(Model):
    """A worker's row: where it is, which queues it consumes, how its tasks are retried.

    `default_timeout` and `default_delay` are seconds.
    """

    worker_name: str
    base_url: OptionalText = None
    redis_addr: OptionalText = None
    queue_groups: Annotated[tuple[QueueGroup, ...], BeforeValidator(parse_queue_groups)] = ()
    default_retry_count: int = 3
    default_timeout: int = 30
    default_delay: int = 0
    is_enabled: bool = True
    last_heartbeat_at: UtcDatetime | None = None
    created_at: UtcDatetime | None = None
    updated_at: UtcDatetime | None = None

    @property
    def timeout(self) -> timedelta:
        """How long one attempt may take."""
        return timedelta(seconds=self.default_timeout) if self.default_timeout > 0 else NO_TIMEOUT

    @property
    def max_attempts(self) -> int:
        """How often asynq starts a task before it gives up: the first run and the retries."""
        return max(self.default_retry_count, 0) + 1

    def queues(self, group: str | None = None) -> tuple[str, ...]:
        """The full names of its queues, or of one group's, in the order of the configuration."""
        return tuple(
            f"{self.worker_name}:{one.name}:{priority}"
            for one in self.queue_groups
            if group is None or one.name == group
            for priority in one.priorities
        )


class Window(StrEnum):
    """The span of time that statistics look back over."""

    HOUR = "1h"
    DAY = "24h"
    WEEK = "7d"
    ALL = "all"

    @property
    def length(self) -> timedelta | None:
        """How long it is; None for all time."""
        return {"1h": timedelta(hours=1), "24h": timedelta(days=1), "7d": timedelta(days=7)}.get(
            self.value
        )


class Count(Model):
    """A number of rows, and how far it can be trusted: exact, a lower bound, or an estimate."""

    value: int
    kind: Literal["exact", "at_least", "about"] = "exact"

    @property
    def exact(self) -> bool:
        """Whether `value` is the number itself."""
        return self.kind == "exact"

    @classmethod
    def capped(cls, value: int, cap: int) -> Count:
        """What counting at most `cap + 1` rows has shown."""
        return cls(value=cap, kind="at_least") if value > cap else cls(value=value)

    @classmethod
    def total(cls, counts: Iterable[Count]) -> Count:
        """The sum of `counts`, as certain as the least certain of them."""
        parts = list(counts)
        kinds = {part.kind for part in parts}
        value = sum(part.value for part in parts)
        if "at_least" in kinds:
            return cls(value=value, kind="at_least")
        return cls(value=value, kind="about" if "about" in kinds else "exact")


def finished_rate(success: int, failed: int, dead: int) -> float | None:
    """Return the percentage of successes among finished tasks; None where there are none."""
    finished = success + failed + dead
    return 100 * success / finished if finished else None


class QueueStats(Model):
    """One queue's share of a worker's statistics; the tasks are those created in the window."""

    queue: str
    total: int = 0
    success: int = 0
    failed: int = 0
    dead: int = 0
    avg_duration_ms: float | None = None


class WorkerStats(Model):
    """A worker's figures.

    The first five count tasks created in `window`, `failed_tasks` those with status `fail`.
    `pending_tasks`, `running_tasks` and `overdue_tasks` are of now, whatever the window, and do
    not overlap; `now_exact` is False where they were counted up to a cap. `success_rate` is the
    percentage of successes among all tasks of the window, None where there are none.
    `avg_duration_ms` is over the successful attempts that started in the window.
    """

    worker_name: str
    window: Window = Window.ALL
    total_tasks: int = 0
    success_tasks: int = 0
    failed_tasks: int = 0
    dead_tasks: int = 0
    success_rate: float | None = None
    pending_tasks: int = 0
    running_tasks: int = 0
    overdue_tasks: int = 0
    now_exact: bool = True
    avg_duration_ms: float | None = None
    queues: tuple[QueueStats, ...] = ()

    @property
    def finished_rate(self) -> float | None:
        """The percentage of successes among the finished tasks of the window.

        What the screens call OK%: tasks that wait or run have not gone wrong.
        """
        return finished_rate(self.success_tasks, self.failed_tasks, self.dead_tasks)


class TimeSeriesStats(Model):
    """One hour of attempts, by the hour of their start, in UTC.

    `total` counts attempts, each once, the open ones too; `failed` those that ended in `fail` or
    `dead`; `avg_duration` is in milliseconds over the successes.
    """

    hour: UtcDatetime
    total: int = 0
    success: int = 0
    failed: int = 0
    avg_duration: float | None = None

    @field_serializer("hour")
    def _serialize_hour(self, hour: datetime) -> str:
        return hour.strftime("%Y-%m-%d %H:00")


class StatusCounts(Model):
    """How many tasks a filter finds, by status, and how many of all are running or overdue now.

    A task that runs is also counted under its row's status, which is usually `pending`.
    """

    by_status: Mapping[str, Count] = Field(default_factory=dict)
    running: Count = Count(value=0)
    overdue: Count = Count(value=0)


class WorkerUsage(Model):
    """What hangs on a worker's row, for the preview before it is deleted.

    `unfinished` counts its rows with status `pending` or `running`; `running` those whose newest
    attempt is open and not past its timeout. `last_attempt_at` is the start of the newest attempt
    among the worker's 200 newest tasks.
    """

    tasks: Count
    attempts: Count
    unfinished: Count
    running: Count
    last_attempt_at: UtcDatetime | None = None


class PurgeProgress(Model):
    """How far a purge has come: rows deleted so far."""

    tasks: int = 0
    attempts: int = 0
