"""What lies in Redis of one task, as the words of the contract."""

from __future__ import annotations

from datetime import datetime, timedelta

from asynqhub_tui.asynq.inspector_payloads import task_id_of
from asynqhub_tui.asynq.messages import TaskMessage, Undecodable, decode, unix_moment
from asynqhub_tui.queue import ACTIVE, ARCHIVED, RETRY, SCHEDULED, QueuedTask


def queued_task(
    queue: str, asynq_id: str, msg: bytes | None, state: bytes | None, score: bytes | None
) -> QueuedTask | None:
    """Return a task from the fields of its hash and its score in the sorted set of its state.

    An active task's score is that of its lease. Without a state there is no task, and None. A
    message that cannot be read leaves what is known without it.
    """
    if not state:
        return None
    word = state.decode(errors="replace")
    try:
        message = decode(TaskMessage, msg or b"")
    except Undecodable:
        message = TaskMessage()
    at = _score_moment(score)
    return QueuedTask(
        queue=queue,
        asynq_id=asynq_id,
        task_id=task_id_of(message.payload),
        state=word,
        retried=message.retried,
        max_retry=message.retry,
        timeout=_seconds(message.timeout),
        last_error=message.error_msg or None,
        last_failed_at=unix_moment(message.last_failed_at),
        next_at=at if word in (RETRY, SCHEDULED) else None,
        archived_at=at if word == ARCHIVED else None,
        lease_until=at if word == ACTIVE else None,
    )


def _score_moment(score: bytes | None) -> datetime | None:
    try:
        return unix_moment(int(float(score or 0)))
    except (ValueError, OverflowError):
        return None


def _seconds(count: int) -> timedelta | None:
    try:
        return timedelta(seconds=count) if count > 0 else None
    except OverflowError:
        return None
