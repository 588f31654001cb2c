"""Between rows and models: columns, and values both ways."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
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

LISTED = (
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
)
"""What a list reads of a task: all but the payload."""

TASK_COLUMNS = (*LISTED, "payload")

REF_COLUMNS = ("task_id", "worker_name", "queue", "status", "last_attempt", "updated_at")

ATTEMPT_COLUMNS = AttemptRow._fields

OWNER_COLUMNS = ("task_created_at", "task_worker_name", "task_queue")
"""What an attempt's row knows of its task."""

STAMP_COLUMNS = ("version", "is_deleted")


def names(columns: Iterable[str], alias: str = "") -> str:
    """Write columns for a SELECT or INSERT, each behind the table's alias where there is one."""
    return ", ".join(f"{alias}.{column}" if alias else column for column in columns)


def micros(at: datetime) -> int:
    """Return a time as microseconds since 1970."""
    return (at - _EPOCH) // _MICROSECOND


class _Clock:
    """Gives versions: microseconds since 1970, none of them twice."""

    def __init__(self) -> None:
        self._last = 0

    def __call__(self) -> int:
        self._last = max(self._last + 1, time.time_ns() // 1000)
        return self._last


next_version = _Clock()
"""Return a version above all that this process has given so far, and not below the time."""


def worker_values(worker: WorkerConfig, now: datetime) -> list[Any]:
    """Return the values of WORKER_COLUMNS; `now` stands in for times that are not set."""
    groups = [group.model_dump(mode="json") for group in worker.queue_groups]
    return [
        worker.worker_name,
        worker.base_url or "",
        worker.redis_addr or "",
        json.dumps(groups, ensure_ascii=False),
        worker.default_retry_count,
        worker.default_timeout,
        worker.default_delay,
        worker.is_enabled,
        worker.last_heartbeat_at,
        worker.created_at or now,
        worker.updated_at or now,
    ]


def task_values(task: Task) -> list[Any]:
    """Return the values of TASK_COLUMNS."""
    return [
        task.task_id,
        task.worker_name,
        task.queue,
        task.priority,
        task.status,
        task.last_attempt,
        task.last_error or "",
        task.last_worker_name or "",
        task.trace_id or "",
        task.created_at,
        task.updated_at,
        task.payload,
    ]


def attempt_values(attempt: Attempt) -> list[Any]:
    """Return the values of ATTEMPT_COLUMNS."""
    return [
        attempt.task_id,
        attempt.attempt,
        attempt.status,
        attempt.started_at,
        attempt.finished_at,
        attempt.duration_ms,
        attempt.error or "",
        attempt.worker_name or "",
        attempt.asynq_task_id or "",
        attempt.trace_id or "",
        attempt.span_id or "",
    ]


def worker_from(row: Row) -> WorkerConfig:
    """Read a row of WORKER_COLUMNS."""
    return WorkerConfig(**dict(zip(WORKER_COLUMNS, row, strict=True)))


def task_from(row: Row, attempts: Latest | None) -> Task:
    """Read a row of TASK_COLUMNS, with or without the payload."""
    newest, failed = attempts or Latest()
    fields = dict(zip(TASK_COLUMNS, row, strict=False))
    return Task(**fields, newest_attempt=newest, failed_attempt=failed)


def attempt_row(row: Row) -> AttemptRow:
    """Read a row of ATTEMPT_COLUMNS."""
    return AttemptRow(*row)


def ref_from(row: Row) -> TaskRef:
    """Read a row of REF_COLUMNS."""
    return TaskRef(**dict(zip(REF_COLUMNS, row, strict=True)))
