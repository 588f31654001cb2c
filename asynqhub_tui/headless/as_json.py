"""JSON of tasks, attempts and workers.

The names are those of Asynq-Hub's rows. Times are ISO 8601 in UTC with microseconds and `Z`; what
is not known is null. Only `hour` of a time series is written as Asynq-Hub does, `YYYY-MM-DD HH:00`
in UTC. The text is valid UTF-8: a character that a terminal could act on, and half a surrogate
pair, is escaped.
"""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from asynqhub_tui.dsn import mask
from asynqhub_tui.models import Attempt, Task, TimeSeriesStats, WorkerConfig, WorkerStats
from asynqhub_tui.text import json_text

Fields = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Verbatim:
    """JSON text to be written as it stands: its numbers keep every digit."""

    text: str


def task(row: Task, state: str) -> dict[str, object]:
    """Return a listed task.

    `state` is what it does now, as far as its rows tell: the row's `status`, `running` or
    `overdue`, and for `fail` either `exhausted` or `retries left`, where its worker is known.
    `error` is the error that stands, `error_is_old` tells whether an attempt has begun since, and
    `duration_ms` is of the newest attempt.
    """
    fields = row.model_dump(exclude={"payload", "newest_attempt", "failed_attempt"})
    return {
        **fields,
        "state": state,
        "error": row.error,
        "error_is_old": row.error is not None and row.error_is_old,
        "duration_ms": row.duration_ms,
    }


def task_in_full(row: Task, state: str, attempts: Sequence[Attempt]) -> dict[str, object]:
    """Return a task with its payload and its attempts, newest first.

    The payload is the store's JSON text itself, or a string where that is no JSON.
    """
    return {
        **task(row, state),
        "payload": _payload(row.payload),
        "attempts": [attempt.model_dump(exclude={"task_id"}) for attempt in attempts],
    }


def worker(row: WorkerConfig, stats: WorkerStats) -> dict[str, object]:
    """Return a worker's configuration and figures; a password in an address is masked."""
    fields = row.model_dump()
    for name in ("base_url", "redis_addr"):
        fields[name] = mask(fields[name]) if fields[name] else None
    return {**fields, "stats": stats.model_dump(exclude={"worker_name"})}


def worker_in_full(
    row: WorkerConfig, stats: WorkerStats, series: Sequence[TimeSeriesStats]
) -> dict[str, object]:
    """Return a worker with its time series, oldest hour first."""
    return {**worker(row, stats), "time_series": [hour.model_dump() for hour in series]}


def write(value: Fields) -> None:
    """Write one object on a line."""
    sys.stdout.write(f"{text(value)}\n")


def write_array(values: Iterable[Fields]) -> None:
    """Write an array with one object a line."""
    lines = ",\n".join(map(text, values))
    sys.stdout.write(f"[\n{lines}\n]\n" if lines else "[]\n")


async def write_with_list(head: Fields, name: str, values: AsyncIterable[Fields]) -> None:
    """Write an object whose last member is an array, one of its objects a line, as they come."""
    sys.stdout.write(f"{text(head)[:-1]}, {json.dumps(name)}: [")
    separator = "\n"
    async for value in values:
        sys.stdout.write(f"{separator}{text(value)}")
        separator = ",\n"
    sys.stdout.write("\n]}\n" if separator != "\n" else "]}\n")


def text(fields: Fields) -> str:
    """Return the JSON text of an object."""
    members = (f"{json.dumps(name)}: {_value(value)}" for name, value in fields.items())
    return json_text("{" + ", ".join(members) + "}")


def _value(value: object) -> str:
    if isinstance(value, Verbatim):
        return value.text
    return json.dumps(value, ensure_ascii=False, default=_default)


def _default(value: object) -> str:
    if isinstance(value, datetime):
        at = value.astimezone(UTC).replace(tzinfo=None)
        return at.isoformat(timespec="microseconds") + "Z"
    raise TypeError(f"no JSON for {type(value).__name__}")


def _payload(payload: str | None) -> Verbatim | str | None:
    return Verbatim(payload) if payload is not None and _is_json(payload) else payload


def _is_json(payload: str) -> bool:
    try:  # numbers stay text: a long one costs nothing, and NaN is none
        json.loads(payload, parse_int=str, parse_float=str, parse_constant=_not_json)
    except (ValueError, RecursionError):
        return False
    return True


def _not_json(constant: str) -> object:
    raise ValueError(constant)
