"""What lies in Redis of one task, as the words of the contract."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta

from asynqhub_tui.asynq.messages import TaskMessage, Undecodable, decode, unix_moment
from asynqhub_tui.queue import ACTIVE, ARCHIVED, RETRY, SCHEDULED, QueuedTask

_BEGINNING = re.compile(
    rb'\{(?:"id":"[^"\\\x00-\x1f]*",)?"task_id":"([^"\\\x00-\x1f]+)","payload":'
)

_NAMES = (b'"task_id"', rb"\u005", rb"\u006", rb"\u007")


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


def task_id_of(payload: bytes) -> str | None:
    """Return the hub's task id in a payload; None in one that is not the hub's.

    Only the id is read. Where the payload begins as the hub and the SDK write it, and nothing
    after that can name the id once more, the rest, which may be megabytes, is not parsed.
    """
    beginning = _BEGINNING.match(payload)
    if beginning and not _may_name_again(payload, beginning.end()):
        return beginning[1].decode(errors="replace")
    try:
        # Numbers are dropped: Python refuses some that are valid. Go takes any bytes in a text.
        text = payload.decode(errors="replace")
        outer = json.loads(text, parse_int=_drop, parse_float=_drop)
    except (ValueError, RecursionError):
        return None
    task_id = outer.get("task_id") if isinstance(outer, dict) else None
    return task_id if isinstance(task_id, str) and task_id else None


def _may_name_again(payload: bytes, start: int) -> bool:
    """Whether the key may stand there; escaped, it has a letter of ASCII written as \\u00.."""
    return any(payload.find(name, start) >= 0 for name in _NAMES)


def _drop(number: str) -> None:
    """Stand in the place of a number."""


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
