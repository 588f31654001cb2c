"""The filter as a person types it, and back: `status:fail worker:worker-1 since:1h 5a69`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from asynqhub_tui.models import FAILED_STATUSES
from asynqhub_tui.repository import TaskFilter

KEYS = ("status", "worker", "queue", "since", "id")
"""The words that may stand before a colon."""

FAILED = "failed"
"""The one word for both statuses of a failed task."""

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_LENGTH = re.compile(r"(\d{1,6})([smhdw])")
_WORD = re.compile(r'(?:[^\s"]|"[^"]*"?)+')
_T = TypeVar("_T")


class QueryError(ValueError):
    """What was typed is no filter; the message says what would be."""


def parse(text: str, now: datetime) -> TaskFilter:
    """Read a filter.

    Words are separated by blanks; what holds a blank itself stands in double quotes. `status:`
    takes one or several statuses separated by commas, and `failed` for fail and dead; `queue:` a
    full queue name or a queue group; `since:` a length such as 30m, 1h or 7d, or a date
    (2026-11-23), or a time in UTC (2026-11-23T14:00). A word without a colon is a task id or the
    beginning of one. Raises QueryError.
    """
    worker = queue = task_id = None
    statuses: list[str] = []
    since = None
    for word in _WORD.findall(text):
        key, colon, value = word.partition(":")
        if not colon:
            key, value = "id", word
        if key not in KEYS:
            raise QueryError(f"There is no filter “{key}:”; there are {_listed(KEYS)}.")
        value = value.replace('"', "")
        if not value:
            raise QueryError(f"“{key}:” needs a value.")
        if key == "status":
            statuses += parse_statuses(value)
        elif key == "worker":
            worker = _once(key, worker, value)
        elif key == "queue":
            queue = _once(key, queue, value)
        elif key == "since":
            since = _once(key, since, parse_since(value, now))
        else:
            task_id = _once(key, task_id, value)
    return TaskFilter(
        worker_name=worker,
        statuses=tuple(dict.fromkeys(statuses)),
        queue=queue,
        task_id=task_id,
        since=since,
    )


def parse_statuses(value: str) -> tuple[str, ...]:
    """Read one or several statuses separated by commas. Raises QueryError."""
    found = [one for one in value.split(",") if one]
    if not found:
        raise QueryError("“status:” needs a value.")
    return tuple(
        status for one in found for status in (FAILED_STATUSES if one == FAILED else (one,))
    )


def parse_since(value: str, now: datetime) -> datetime:
    """Read a length before `now`, a date or a time in UTC. Raises QueryError.

    A length leads to a whole second, which `render` writes in full.
    """
    try:
        if match := _LENGTH.fullmatch(value):
            length = timedelta(seconds=int(match[1]) * _UNITS[match[2]])
            return now.replace(microsecond=0) - length
        at = datetime.fromisoformat(value)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise QueryError(
            f"“since:{value}” is no time; write 30m, 1h, 7d or 2026-11-23T14:00 (UTC)."
        ) from None


def render(filter: TaskFilter) -> str:
    """Write a filter as `parse` reads it; the inverse of `parse`, with `since` as a time."""
    words = []
    if filter.statuses:
        both = filter.statuses == FAILED_STATUSES
        words.append(_word("status", FAILED if both else ",".join(filter.statuses)))
    if filter.worker_name:
        words.append(_word("worker", filter.worker_name))
    if filter.queue:
        words.append(_word("queue", filter.queue))
    if filter.since:
        words.append(f"since:{filter.since.astimezone(UTC).replace(tzinfo=None).isoformat()}")
    if filter.task_id:
        plain = not re.search(r'[:\s"]', filter.task_id)
        words.append(filter.task_id if plain else _word("id", filter.task_id))
    return " ".join(words)


def _word(key: str, value: str) -> str:
    return f'{key}:"{value}"' if re.search(r"\s", value) else f"{key}:{value}"


def _once(key: str, before: _T | None, value: _T) -> _T:
    if before is not None:
        raise QueryError(f"“{key}:” stands twice.")
    return value


def _listed(words: tuple[str, ...]) -> str:
    return ", ".join(f"{word}:" for word in words[:-1]) + f" and {words[-1]}:"
