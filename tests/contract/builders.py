"""Rows for tests, with defaults and fixed times."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from asynqhub_tui.models import PENDING, RUNNING, Attempt, QueueGroup, Task, WorkerConfig

WORKER = "worker-1"

QUEUE = "worker-1:web:default"

THEN = datetime(2025, 1, 15, 12, 30, 15, 123456, tzinfo=UTC)
"""A time long ago, at which nothing can be running."""


def ago(**span: float) -> datetime:
    """Return the time that lies this long before now; the keywords are those of timedelta."""
    return datetime.now(UTC) - timedelta(**span)


def make_worker(
    name: str = WORKER, groups: Iterable[str] = ("web",), **fields: Any
) -> WorkerConfig:
    """Return a worker whose groups have the queues critical, default and low."""
    priorities = {"critical": 6, "default": 3, "low": 1}
    return WorkerConfig(
        worker_name=name,
        queue_groups=tuple(
            QueueGroup(name=group, concurrency=4, priorities=priorities) for group in groups
        ),
        **fields,
    )


def make_task(task_id: str = "t1", *, at: datetime = THEN, **fields: Any) -> Task:
    """Return a task that was created at `at`, and not updated since."""
    defaults: dict[str, Any] = {
        "worker_name": WORKER,
        "queue": QUEUE,
        "status": PENDING,
        "payload": "{}",
        "created_at": at,
        "updated_at": at,
    }
    return Task(task_id=task_id, **(defaults | fields))


def make_attempt(
    task_id: str = "t1",
    attempt: int = 1,
    status: str = RUNNING,
    *,
    at: datetime = THEN,
    **fields: Any,
) -> Attempt:
    """Return one row of an attempt that started at `at`."""
    return Attempt(task_id=task_id, attempt=attempt, status=status, started_at=at, **fields)


def both_rows(
    task_id: str, attempt: int, status: str, *, at: datetime, took: timedelta, **fields: Any
) -> list[Attempt]:
    """Return the two rows that an attempt leaves: `running`, and how it ended `took` later."""
    return [
        make_attempt(task_id, attempt, at=at),
        make_attempt(task_id, attempt, status, at=at, finished_at=at + took, **fields),
    ]


def ids(tasks: Iterable[Task]) -> list[str]:
    """Return the ids of tasks, in their order."""
    return [task.task_id for task in tasks]


def without_payload(task: Task) -> Task:
    """Return a task as a list gives it."""
    return task.model_copy(update={"payload": None})


def numbered(number: int, **fields: Any) -> Sequence[Task]:
    """Return tasks t0000, t0001 ... a second apart, the last the newest."""
    return [
        make_task(f"t{index:04}", at=THEN + timedelta(seconds=index), **fields)
        for index in range(number)
    ]
