"""The contract between the dashboard and a store.

`TaskRepository` and `WorkerRepository` are Asynq-Hub's own two interfaces, sixteen methods, in
Python's spelling. What a screen needs beyond them stands in small Protocols of its own. A backend
implements all of them; nothing above this module knows which backend it is.

Every method raises `Unavailable` when the store cannot be reached or does not answer in time, and
`SchemaMismatch` when a table or column is not what the backend expects. Further errors are named
by each method. Cancelling a call cancels the query on the server.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from asynqhub_tui.models import (
    Attempt,
    Count,
    PurgeProgress,
    StatusCounts,
    Task,
    TaskRef,
    TimeSeriesStats,
    Window,
    WorkerConfig,
    WorkerStats,
    WorkerUsage,
)

LIST_LIMIT = (1, 200, 50)
"""Least, most and default `limit` of list_tasks and list_attempts (Asynq-Hub's bounds)."""

FAILED_LIMIT = (1, 1000, 100)
"""The same for list_failed_tasks."""

HOURS = (1, 168, 24)
"""The same for the hours of a time series."""

POLL_CAP = 1_000
"""How far a count goes on a poll."""

DEMAND_CAP = 10_000
"""How far a count goes when a person asked for it."""


def bounded(value: int | None, bounds: tuple[int, int, int]) -> int:
    """`value` where it lies within `bounds`, the default of `bounds` otherwise, as Asynq-Hub."""
    least, most, default = bounds
    return value if value is not None and least <= value <= most else default


class HubError(Exception):
    """Something that a store refused or could not do: one sentence, and what to do about it."""

    def __init__(self, what: str, *, hint: str = "") -> None:
        super().__init__(what, hint)
        self.what = what
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.what} {self.hint}".strip()


class NotFound(HubError):
    """There is no such task or worker."""


class Refused(HubError):
    """A rule of the store forbids it; nothing was changed."""


class Unavailable(HubError):
    """The store cannot be reached or did not answer in time; the same call may succeed later."""


class SchemaMismatch(HubError):
    """A table or column is missing, or of another type than expected."""


class Order(StrEnum):
    """What a list is ordered by; the newest comes first."""

    CREATED = "created"
    UPDATED = "updated"


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Which tasks to show; all that is set must hold.

    `statuses` matches rows by any of them, save that the words `running` and `overdue` go by what
    a task does, as Task.state tells, whatever its row says. `queue` is a full queue name, or the
    name of a queue group, which stands for all queues of that group in the configuration of any
    worker. `task_id` is an id or the beginning of one. `since` is the earliest time of creation.
    """

    worker_name: str | None = None
    statuses: tuple[str, ...] = ()
    queue: str | None = None
    task_id: str | None = None
    since: datetime | None = None

    @property
    def order(self) -> Order:
        """The order in which a store finds these tasks cheaply.

        By update where a status or a queue is asked of no particular worker; by creation
        otherwise, as Asynq-Hub lists them.
        """
        by_index = (self.statuses or self.queue) and not self.worker_name and not self.task_id
        return Order.UPDATED if by_index else Order.CREATED

    def __bool__(self) -> bool:
        return bool(self.worker_name or self.statuses or self.queue or self.task_id or self.since)


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place between two rows of a list; made by a backend and only meaningful to it.

    `at` is the time of the row it stands at in the list's order, `tie` what tells rows of the same
    time apart.
    """

    order: Order
    at: datetime
    tie: int | str


@dataclass(frozen=True, slots=True)
class Page:
    """A stretch of a list, newest first.

    `first` and `last` are the cursors of its ends (of the stretch that was searched, which may
    reach further than the rows found). `more` tells whether the list goes on in the direction
    that was asked for. `searched_to` is set where the search stopped early for cost: the time, in
    the list's order, down (or up) to which it looked.
    """

    tasks: tuple[Task, ...]
    order: Order
    first: Cursor | None = None
    last: Cursor | None = None
    more: bool = False
    searched_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """What a poll brings for tasks that are on the screen.

    `tasks` holds those whose row or attempts may have changed; one that did not may be among
    them. `missing` are ids that the store no longer has. `mark` goes into the next call.
    """

    tasks: tuple[Task, ...]
    missing: frozenset[str] = frozenset()
    mark: object | None = None


class TaskRepository(Protocol):
    """Asynq-Hub's TaskRepository."""

    async def upsert_task(self, task: Task) -> None:
        """Create the task, or update it by its id.

        An update leaves `worker_name` and `created_at` as they were and sets `updated_at` to now.
        The attempts that it names are ignored. Raises Refused for an empty id, for a payload that
        is missing, and for an unknown worker.
        """

    async def update_task_status(
        self,
        task_id: str,
        status: str,
        last_attempt: int,
        last_error: str | None,
        last_worker_name: str | None,
    ) -> None:
        """Set these fields, and `updated_at` to now; an unknown id changes nothing."""

    async def get_task(self, task_id: str) -> Task:
        """Return the task with its payload. Raises NotFound."""

    async def list_tasks(
        self,
        filter: TaskFilter,
        *,
        limit: int | None = None,
        after: Cursor | None = None,
        before: Cursor | None = None,
        offset: int = 0,
        order: Order | None = None,
        from_end: bool = False,
    ) -> Page:
        """Return up to `limit` (1 to 200, otherwise 50) tasks, newest first, without payloads.

        `after` continues below a cursor, `before` returns the rows just above one; at most one of
        the two, and both carry the order. `from_end` returns the oldest rows of the list.
        `offset` skips rows, for callers that want it; no screen does. The order is `order`, or the
        cursor's, or `filter.order`.
        """

    async def count_tasks(self, filter: TaskFilter, *, cap: int = POLL_CAP) -> Count:
        """Count the tasks that match: exact up to `cap`, a lower bound or an estimate above."""

    async def insert_attempt(self, attempt: Attempt) -> None:
        """Append one row as it stands. Raises Refused for an unknown task."""

    async def list_attempts(self, task_id: str, limit: int | None = None) -> Sequence[Attempt]:
        """Return up to `limit` (1 to 200, otherwise 50) folded attempts, newest start first.

        An unknown id has none.
        """

    async def get_worker_stats(self, worker_name: str, window: Window = Window.ALL) -> WorkerStats:
        """Return one worker's figures; all zero for an unknown name.

        Unlike Asynq-Hub it fills every per-queue figure, counts `dead`, derives durations that the
        rows leave out, and counts as running what has an open newest attempt.
        """

    async def get_worker_time_series_stats(
        self, worker_name: str, hours: int | None = None
    ) -> Sequence[TimeSeriesStats]:
        """Return one entry per hour, oldest first, for the last `hours` (1 to 168, otherwise 24).

        The last entry is the current hour; an hour without attempts is there with zeros. Unlike
        Asynq-Hub it counts each attempt once.
        """

    async def list_failed_tasks(
        self, worker_name: str | None = None, limit: int | None = None
    ) -> Sequence[Task]:
        """Return up to `limit` (1 to 1000, otherwise 100) tasks with status `fail`, newest first.

        Newest in the order that TaskFilter.order names: by update for all workers, by creation for
        one.
        """


class WorkerRepository(Protocol):
    """Asynq-Hub's WorkerRepository."""

    async def upsert(self, worker: WorkerConfig) -> None:
        """Create the worker, or update it by its name, and set `updated_at` to now.

        `created_at` of an existing worker stays. Raises Refused for an empty name.
        """

    async def get(self, worker_name: str) -> WorkerConfig:
        """Return the worker. Raises NotFound."""

    async def list(self) -> Sequence[WorkerConfig]:
        """Return all workers by name."""

    async def delete(self, worker_name: str) -> None:
        """Remove the worker's row. Raises NotFound, and Refused while it has tasks."""

    async def update_heartbeat(self, worker_name: str, at: datetime) -> None:
        """Set `last_heartbeat_at` to `at` and `updated_at` to now; an unknown name changes
        nothing.
        """

    async def list_offline_workers(self, seconds: float) -> Sequence[WorkerConfig]:
        """Return, by name, the workers without a heartbeat within the last `seconds`."""


@dataclass(frozen=True, slots=True)
class Freshness:
    """What a copy, which sync has filled, tells of itself.

    `source` is the place of its source, `identity` what tells that one from others. All is here
    that the source had at `as_of`, by the source's clock; None until the first copy is complete.
    """

    source: str
    identity: str
    as_of: datetime | None


class TaskFeed(Protocol):
    """What the task screens poll."""

    async def freshness(self) -> Freshness | None:
        """Tell how old a copy is; None where the store is no copy."""

    async def changes(self, shown: Sequence[str], since: object | None = None) -> Changes:
        """Return what may have changed in the tasks with these ids since the call that gave
        `since`; all of them when `since` is None. Without payloads.
        """

    async def status_counts(
        self, filter: TaskFilter | None = None, *, cap: int = POLL_CAP
    ) -> StatusCounts:
        """Count tasks by status, each up to `cap`; statuses that Asynq-Hub does not know too."""

    def task_refs(
        self, filter: TaskFilter, *, limit: int = 1_000_000
    ) -> AsyncGenerator[Sequence[TaskRef], None]:
        """Stream what identifies each matching task, in batches, newest first."""


class FleetStats(Protocol):
    """The statistics of all workers in one call."""

    async def fleet_stats(self, window: Window) -> Mapping[str, WorkerStats]:
        """Return each worker's figures by its name; workers without tasks may be left out."""

    async def fleet_series(
        self, hours: int | None = None
    ) -> Mapping[str, Sequence[TimeSeriesStats]]:
        """Return each worker's time series by its name; workers without attempts may be left
        out. The bounds and meaning are those of get_worker_time_series_stats.
        """


class WorkerRemoval(Protocol):
    """What deleting a worker needs."""

    async def worker_usage(self, worker_name: str) -> WorkerUsage:
        """Tell what hangs on the worker: counts up to 10,000 each. Raises NotFound."""

    def purge_worker(
        self, worker_name: str, *, batch: int = 500
    ) -> AsyncGenerator[PurgeProgress, None]:
        """Delete the worker's tasks and their attempts, `batch` tasks a transaction.

        Yields the running totals after each batch. Stopping the iteration, or cancelling it,
        leaves what is deleted deleted and every remaining task whole.
        """


class TaskRetry(Protocol):
    """What a retry needs of the store; the queue does the rest."""

    def with_payloads(self, task_ids: Sequence[str]) -> AsyncGenerator[Sequence[Task], None]:
        """Stream these tasks with their payloads, a few MiB at a time, in no particular order.

        An id that the store does not have is left out, and so is the newest attempt of each.
        """

    async def mark_pending(self, refs: Sequence[TaskRef]) -> frozenset[str]:
        """Set each task to `pending`, and `updated_at` to now, that is still as `ref` has it.

        What has changed since, as `updated_at` tells, is left alone: its worker has reported.
        Returns the ids that were set.
        """


class TaskStore(TaskRepository, TaskFeed, FleetStats, WorkerRemoval, TaskRetry, Protocol):
    """All that a backend answers about tasks."""


@dataclass(frozen=True, slots=True)
class HubInfo:
    """Which installation this is, for the header: no secrets.

    `place` is where the data lies (host, port and database, or a file), `version` what the server
    says of itself, `copy_of` the place of the source where the store is a copy.
    """

    backend: str
    place: str
    version: str = ""
    demo: bool = False
    read_only: bool = False
    copy_of: str | None = None


class Original(Protocol):
    """The installation that a copy is of."""

    async def open(self) -> Hub:
        """Return it, connected. Raises as `backends.open_hub`, and Refused where it is another."""

    async def close(self) -> None:
        """Close it, where it was opened."""


class Hub(AbstractAsyncContextManager["Hub"], Protocol):
    """One open installation: its two repositories and what identifies it.

    `original` is set where the store is a copy and its source is known.
    """

    tasks: TaskStore
    workers: WorkerRepository
    info: HubInfo
    original: Original | None = None

    async def close(self) -> None:
        """Close every connection; queries under way are cancelled."""
