"""The filter as a person types it, and back: `status:fail worker:worker-1 since:1h 5a69`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from asynqhub_tui.models import FAILED_STATUSES
from asynqhub_tui.repository import TaskFilter

KEYS = ("status", "worker", "queue", "since", "id")
"""The words that may stand before a colon."""

FAILED = "failed"
"""The one word for both statuses of a failed task."""

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_LENGTH = re.compile(r"(\d{1,6})([smhdw])")


class QueryError(ValueError):
    """What was typed is no filter; the message says what would be."""


def parse(text: str, now: datetime) -> TaskFilter:
    """Read a filter.

    Words are separated by blanks. `status:` takes one or several statuses separated by commas, and
    `failed` for fail and dead; `queue:` a full queue name or a queue group; `since:` a length such
    as 30m, 1h or 7d, or a date (2026-11-23), or a time in UTC (2026-11-23T14:00). A word without a
    colon is a task id or the beginning of one. Raises QueryError.
    """
    worker = queue = task_id = None
    statuses: list[str] = []
    since = None
    for word in text.split():
        key, colon, value = word.partition(":")
        if not colon:
            key, value = "id", word
        if key not in KEYS:
            raise QueryError(f"There is no filter “{key}:”; there are {_listed(KEYS)}.")
        if not value:
            raise QueryError(f"“{key}:” needs a value.")
        if key == "status":
            statuses += _statuses(value)
        elif key == "worker":
            worker = _once(key, worker, value)
        elif key == "queue":
            queue = _once(key, queue, value)
        elif key == "since":
            since = parse_since(value, now)
        else:
            task_id = _once("id", task_id, value)
    return TaskFilter(
        worker_name=worker,
        statuses=tuple(dict.fromkeys(statuses)),
        queue=queue,
        task_id=task_id,
        since=since,
    )


def parse_since(value: str, now: datetime) -> datetime:
    """Read a length before `now`, a date or a time in UTC. Raises QueryError."""
    if match := _LENGTH.fullmatch(value):
        return now - timedelta(seconds=int(match[1]) * _UNITS[match[2]])
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        raise QueryError(
            f"“since:{value}” is no time; write 30m, 1h, 7d or 2026-11-23T14:00 (UTC)."
        ) from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def render(filter: TaskFilter) -> str:
    """Write a filter as `parse` reads it; the inverse of `parse`, with `since` as a time."""
    words = []
    if filter.statuses:
        both = filter.statuses == FAILED_STATUSES
        words.append("status:" + (FAILED if both else ",".join(filter.statuses)))
    if filter.worker_name:
        words.append(f"worker:{filter.worker_name}")
    if filter.queue:
        words.append(f"queue:{filter.queue}")
    if filter.since:
        words.append(f"since:{filter.since.astimezone(UTC):%Y-%m-%dT%H:%M:%S}")
    if filter.task_id:
        words.append(f"id:{filter.task_id}" if ":" in filter.task_id else filter.task_id)
    return " ".join(words)


def _statuses(value: str) -> list[str]:
    found: list[str] = []
    for one in filter(None, value.split(",")):
        found += FAILED_STATUSES if one == FAILED else (one,)
    return found


def _once(key: str, before: str | None, value: str) -> str:
    if before is not None:
        raise QueryError(f"“{key}:” stands twice.")
    return value


def _listed(words: tuple[str, ...]) -> str:
    return ", ".join(f"{word}:" for word in words[:-1]) + f" and {words[-1]}:"
