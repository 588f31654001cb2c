"""What `sync` needs of the store that it reads, and of the one that it fills: the copy.

Rows travel as plain tuples in the order of TASK_FIELDS and ATTEMPT_FIELDS, times as microseconds
since 1970, so that a million of them costs little; those before 1900 or after 2299, which not every
copy can hold, are moved to that end. `id` is the source's own number of a row, given out in
ascending order; the copy keeps it.

Every method raises what `repository` says: Unavailable, Refused, SchemaMismatch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Literal, NamedTuple, Protocol

from pydantic import BaseModel, ValidationError

from asynqhub_tui.models import WorkerConfig
from asynqhub_tui.repository import Freshness, Refused

Row = tuple[Any, ...]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

TASK_FIELDS = (
    "id",
    "task_id",
    "worker_name",
    "queue",
    "priority",
    "status",
    "last_attempt",
    "last_error",
    "last_worker_name",
    "trace_id",
    "created_at",
    "updated_at",
    "payload",
)

ATTEMPT_FIELDS = (
    "id",
    "task_id",
    "asynq_task_id",
    "attempt",
    "status",
    "started_at",
    "finished_at",
    "duration_ms",
    "error",
    "worker_name",
    "trace_id",
    "span_id",
    "task_created_at",
    "task_worker_name",
    "task_queue",
)
"""An attempt's own columns, and what its task says of it."""

TASK_UPDATED = TASK_FIELDS.index("updated_at")


class Table(StrEnum):
    """The tables whose rows have an id that is kept."""

    TASK = "task"
    ATTEMPT = "task_attempt"


class Place(NamedTuple):
    """A place in the order of updates: microseconds since 1970, and the id among equal ones."""

    at: int
    id: int


class Tally(NamedTuple):
    """How many rows there are, and the sum of their ids, or of their checksums."""

    rows: int
    total: int


class Group(NamedTuple):
    """What rows are compared by: the day of the task's creation or the attempt's start, in UTC
    (`2026-11-28`), and the status.
    """

    day: str
    status: str


class Fingerprint(NamedTuple):
    """One row of a comparison: its group, and the checksum of all its fields."""

    group: Group
    checksum: int


class Moment(BaseModel):
    """What the source says of itself at one time.

    `at` is its clock; `task` and `attempt` are the highest ids that it has given out and that are
    to be seen. `running` are the transactions under way, whose rows are not to be seen yet, by any
    name that stays the same; with the time since which they run, where that is known. `deleted`
    grows with every row that is deleted, None where the source does not count.
    """

    at: int
    task: int
    attempt: int
    running: Mapping[str, int | None]
    deleted: int | None = None


class Span(NamedTuple):
    """From where on a transaction that was under way may have written: the time of its rows, in
    microseconds, and the id of its attempts, None where it was there before we were.
    """

    at: int
    attempt: int | None


class Round(BaseModel):
    """A round that has begun: what is copied, and how far that has come.

    All rows by their ids in a `full` one, else what has changed and come. It holds what the source
    had at `moment`.
    """

    moment: Moment
    full: bool
    sweeps: bool
    tasks: Place
    attempts: int
    stage: Literal["tasks", "attempts", "sweep"] = "tasks"


class Position(BaseModel):
    """What a copy keeps of its source.

    `done` is where the source stood when the last round that is complete began: all that it had
    then is here. `open` are the transactions that were under way then. `swept_at` and
    `swept_deleted` are `at` and `deleted` of the moment of the last sweep.
    """

    place: str
    identity: str
    done: Moment | None = None
    open: dict[str, Span] = {}
    swept_at: int = 0
    swept_deleted: int | None = None
    round: Round | None = None


def no_copy(place: str) -> Refused:
    """Return the error of a store that holds something else than a copy that sync has made."""
    return Refused(
        f"{place} is not empty, and no copy that sync has made.",
        hint="Choose a new file or an empty database.",
    )


def freshness_of(position: str | None) -> Freshness | None:
    """Tell how old a copy is from what it keeps; None where that is nothing.

    What cannot be read is a copy all the same, of a source that is not known.
    """
    if position is None:
        return None
    try:
        read = Position.model_validate_json(position)
    except ValidationError:
        return Freshness(source="an unknown source", identity="", as_of=None)
    at = read.done.at if read.done is not None else None
    return Freshness(
        source=read.place,
        identity=read.identity,
        as_of=_EPOCH + timedelta(microseconds=at) if at is not None else None,
    )


class Source(Protocol):
    """An installation that is read, a batch at a time, in short transactions."""

    place: str
    identity: str
    """What tells this installation from another, whatever address it is reached by."""

    async def moment(self) -> Moment:
        """Return where the source stands now."""

    async def workers(self) -> Sequence[WorkerConfig]:
        """Return all workers."""

    async def rows_by_id(self, table: Table, after: int, to: int, limit: int) -> Sequence[Row]:
        """Return up to `limit` rows with an id above `after` and up to `to`, by id.

        There may be fewer, as payloads are large; none means that there are no more.
        """

    async def changed_tasks(self, after: Place, limit: int) -> Sequence[Row]:
        """Return up to `limit` tasks that were updated after a place, by update; as rows_by_id."""

    async def rows_of(self, table: Table, ids: Sequence[int]) -> Sequence[Row]:
        """Return the rows with these ids, by id; as rows_by_id there may be fewer."""

    async def stretches(self, table: Table, width: int, to: int) -> Sequence[int]:
        """Return which stretches, as Copy.tallies numbers them, have rows with an id up to `to`."""

    async def tally(self, table: Table, after: int, to: int) -> Tally:
        """Count the rows with an id above `after` and up to `to`, and add up their ids."""

    async def ids(self, table: Table, after: int, to: int) -> Sequence[int]:
        """Return the ids in a stretch."""

    async def groups(self, table: Table, after: int, to: int) -> Mapping[Group, Tally]:
        """Add up the checksums in a stretch of ids, by group."""

    async def fingerprints(self, table: Table, after: int, to: int) -> Mapping[int, Fingerprint]:
        """Return the fingerprint of each row in a stretch, by its id."""

    async def close(self) -> None:
        """Close every connection."""


class Copy(Protocol):
    """A store that is filled. Writing what it has already changes nothing."""

    place: str

    async def position(self) -> str | None:
        """Return what `write` was last given to keep; None in a store that was never filled."""

    async def is_empty(self) -> bool:
        """Tell whether it holds no worker and no task."""

    async def write(self, table: Table, rows: Sequence[Row], position: str) -> None:
        """Write rows, and the position once they are there."""

    async def workers(self) -> Sequence[WorkerConfig]:
        """Return all workers."""

    async def write_workers(
        self, workers: Sequence[WorkerConfig], removed: Sequence[str] = ()
    ) -> None:
        """Write workers as they are, and delete those with the names in `removed`."""

    async def tallies(self, table: Table, width: int, to: int) -> Mapping[int, Tally]:
        """Count rows up to the id `to` in stretches of `width` ids, and add up their ids.

        The stretch n holds the ids above n * width, up to (n + 1) * width.
        """

    async def ids(self, table: Table, after: int, to: int) -> Sequence[int]:
        """Return the ids in a stretch."""

    async def remove(self, table: Table, ids: Sequence[int]) -> None:
        """Delete rows."""

    async def groups(self, table: Table, after: int, to: int) -> Mapping[Group, Tally]:
        """Add up the checksums in a stretch of ids, by group."""

    async def fingerprints(self, table: Table, after: int, to: int) -> Mapping[int, Fingerprint]:
        """Return the fingerprint of each row in a stretch, by its id."""

    async def close(self) -> None:
        """Close the store."""
