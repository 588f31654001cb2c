"""The rows that Asynq-Hub leaves: how a task begins, and what each report of its worker adds.

The columns that the hub leaves NULL are not named: last_error, last_worker_name and trace_id of a
task, and of an attempt duration_ms, worker_name and the ids.
"""

from __future__ import annotations

from asynqhub_tui.backends.sqlite.rows import insert
from asynqhub_tui.demo.life import Ended, Life, Started
from asynqhub_tui.models import FAIL, PENDING, RUNNING, SUCCESS

TASK_COLUMNS = (
    "task_id",
    "worker_name",
    "queue",
    "priority",
    "status",
    "last_attempt",
    "created_at",
    "updated_at",
    "payload",
)
INSERT_TASK = insert("task", TASK_COLUMNS)
TaskRow = tuple[str, str, str, int, str, int, int, int, str]

ATTEMPT_COLUMNS = ("task_id", "attempt", "status", "started_at", "finished_at", "error")
INSERT_ATTEMPT = insert("task_attempt", ATTEMPT_COLUMNS)
AttemptRow = tuple[str, int, str, int, int | None, str | None]


def task_row(life: Life) -> TaskRow:
    """Return the row that the hub makes for a new task."""
    return (
        life.task_id,
        life.worker_name,
        life.queue,
        life.priority,
        PENDING,
        0,
        life.created,
        life.created,
        life.payload,
    )


def attempt_row(report: Started | Ended) -> AttemptRow:
    """Return the row that the hub appends for a report."""
    if isinstance(report, Started):
        return (report.task_id, report.attempt, RUNNING, report.at, None, None)
    return (
        report.task_id,
        report.attempt,
        outcome(report.error),
        report.started,
        report.at,
        report.error,
    )


def outcome(error: str | None) -> str:
    """Return the status that the end of an attempt gives to it and to its task."""
    return SUCCESS if error is None else FAIL
