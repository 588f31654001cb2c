"""Between rows and models: SQL's columns, and values both ways."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from asynqhub_tui.backends.folding import AttemptRow, Latest
from asynqhub_tui.models import Attempt, Task, TaskRef, WorkerConfig

Row = tuple[Any, ...]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

WORKER_COLUMNS = (
    "worker_name",
    "base_url",
    "redis_addr",
    "queue_groups",
    "default_retry_count",
    "default_timeout",
    "default_delay",
    "is_enabled",
    "last_heartbeat_at",
    "created_at",
    "updated_at",
)

TASK_COLUMNS = (
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
"""The payload comes last, so that lists can leave it out."""

REF_COLUMNS = ("task_id", "worker_name", "queue", "status", "last_attempt", "updated_at")

ATTEMPT_COLUMNS = AttemptRow._fields


def names(columns: Sequence[str], alias: str = "") -> str:
    """Write columns for a SELECT or INSERT, each behind the table's alias where there is one."""
    return ", ".join(f"{alias}.{column}" if alias else column for column in columns)


def insert(table: str, columns: Sequence[str]) -> str:
    """Write the INSERT of one row, its values to be bound in the order of `columns`."""
    marks = ", ".join("?" * len(columns))
    return f"INSERT INTO {table} ({names(columns)}) VALUES ({marks})"


def micros(at: datetime) -> int:
    """Return a time as the tables hold it; one without a zone counts as UTC."""
    return ((at if at.tzinfo is not None else at.replace(tzinfo=UTC)) - _EPOCH) // _MICROSECOND


def optional_micros(at: datetime | None) -> int | None:
    """Return `micros(at)`, or None."""
    return None if at is None else micros(at)


def moment(value: int) -> datetime:
    """Return the time that a column holds."""
    return _EPOCH + timedelta(microseconds=value)


def optional_moment(value: int | None) -> datetime | None:
    """Return `moment(value)`, or None."""
    return None if value is None else moment(value)


def span(length: timedelta) -> int:
    """Return a length of time in microseconds."""
    return length // _MICROSECOND


def worker_values(worker: WorkerConfig, now: datetime) -> Row:
    """Return the values of WORKER_COLUMNS; `now` stands in for times that are not set."""
    groups = [group.model_dump(mode="json") for group in worker.queue_groups]
    return (
        worker.worker_name,
        worker.base_url,
        worker.redis_addr,
        json.dumps(groups, ensure_ascii=False),
        worker.default_retry_count,
        worker.default_timeout,
        worker.default_delay,
        int(worker.is_enabled),
        optional_micros(worker.last_heartbeat_at),
        micros(worker.created_at or now),
        micros(worker.updated_at or now),
    )


def task_values(task: Task) -> Row:
    """Return the values of TASK_COLUMNS."""
    return (
        task.task_id,
        task.worker_name,
        task.queue,
        task.priority,
        task.status,
        task.last_attempt,
        task.last_error,
        task.last_worker_name,
        task.trace_id,
        micros(task.created_at),
        micros(task.updated_at),
        task.payload,
    )


def attempt_values(attempt: Attempt) -> Row:
    """Return the values of ATTEMPT_COLUMNS."""
    return (
        attempt.task_id,
        attempt.attempt,
        attempt.status,
        micros(attempt.started_at),
        optional_micros(attempt.finished_at),
        attempt.duration_ms,
        attempt.error,
        attempt.worker_name,
        attempt.asynq_task_id,
        attempt.trace_id,
        attempt.span_id,
    )


def worker_from(row: Row) -> WorkerConfig:
    """Read a row of WORKER_COLUMNS."""
    fields = dict(zip(WORKER_COLUMNS, row, strict=True))
    for column in ("last_heartbeat_at", "created_at", "updated_at"):
        fields[column] = optional_moment(fields[column])
    return WorkerConfig(**fields)


def task_from(row: Row, attempts: Latest | None) -> Task:
    """Read a row of TASK_COLUMNS, with or without the payload."""
    fields = dict(zip(TASK_COLUMNS, row, strict=False))
    fields["created_at"] = moment(fields["created_at"])
    fields["updated_at"] = moment(fields["updated_at"])
    newest, failed = attempts or Latest()
    return Task(**fields, newest_attempt=newest, failed_attempt=failed)


def attempt_row(row: Row) -> AttemptRow:
    """Read a row of ATTEMPT_COLUMNS."""
    read = AttemptRow(*row)
    return read._replace(started_at=moment(row[3]), finished_at=optional_moment(row[4]))


def ref_from(row: Row) -> TaskRef:
    """Read a row of REF_COLUMNS."""
    fields = dict(zip(REF_COLUMNS, row, strict=True))
    return TaskRef(**{**fields, "updated_at": moment(fields["updated_at"])})
