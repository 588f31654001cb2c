"""From attempt rows to attempts: the `running` row and the final row of one execution are one."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from asynqhub_tui.models import RUNNING, Attempt, last_failed

ROWS_LOOKED_AT = 32
"""Attempt rows of a task, the newest ones, among which the error that stands is looked for."""

_MILLISECOND = timedelta(milliseconds=1)


class AttemptRow(NamedTuple):
    """A row of `task_attempt` as it stands."""

    task_id: str
    attempt: int
    status: str
    started_at: datetime
    finished_at: datetime | None = None
    duration_ms: int | None = None
    error: str | None = None
    worker_name: str | None = None
    asynq_task_id: str | None = None
    trace_id: str | None = None
    span_id: str | None = None


class Latest(NamedTuple):
    """What a task tells of its attempts: the newest, and the one whose error stands."""

    newest: Attempt | None = None
    failed: Attempt | None = None


def latest(rows: Iterable[AttemptRow]) -> Latest:
    """Fold one task's newest rows, given in the order in which they were written."""
    attempts = fold(rows)
    return Latest(attempts[0] if attempts else None, last_failed(attempts))


def fold(rows: Iterable[AttemptRow]) -> list[Attempt]:
    """Fold one task's rows, given in the order in which they were written.

    Rows with the same attempt number and start are one attempt, whose outcome is the last-written
    row that is not `running`. What that row leaves out comes from the others. A final row without
    a `running` row is an attempt too. Returns the newest start first; attempts that started
    together go by their number.
    """
    groups: dict[tuple[int, datetime], AttemptRow] = {}
    for row in rows:
        key = (row.attempt, row.started_at)
        before = groups.get(key)
        groups[key] = row if before is None else _merged(before, row)
    folded = [_attempt(row) for row in groups.values()]
    folded.sort(key=lambda attempt: (attempt.started_at, attempt.attempt), reverse=True)
    return folded


def _merged(before: AttemptRow, after: AttemptRow) -> AttemptRow:
    late_start = after.status == RUNNING and before.status != RUNNING
    outcome, other = (before, after) if late_start else (after, before)
    return outcome._replace(
        asynq_task_id=outcome.asynq_task_id or other.asynq_task_id,
        worker_name=outcome.worker_name or other.worker_name,
        trace_id=outcome.trace_id or other.trace_id,
        span_id=outcome.span_id or other.span_id,
    )


def _attempt(row: AttemptRow) -> Attempt:
    duration = row.duration_ms
    if duration is None and row.finished_at is not None and row.status != RUNNING:
        duration = max((row.finished_at - row.started_at) // _MILLISECOND, 0)
    return Attempt(**row._replace(duration_ms=duration)._asdict())
