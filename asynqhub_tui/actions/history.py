"""The journal, read back: each action with what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from asynqhub_tui.models import Model, UtcDatetime
from asynqhub_tui.repository import Refused


class _Installation(Model):
    backend: str
    place: str


class _Line(Model):
    time: UtcDatetime
    id: str
    operator: str
    origin: str
    action: str
    target: str
    installation: _Installation
    phase: str
    outcome: str | None = None
    details: Mapping[str, str | int | bool | None]


class Entry(Model):
    """An action: who wanted what, where and when, and what came of it.

    `outcome` and `ended_at` are None while it is under way, and for ever where the program ended
    in mid-action. `details` are those of the intent, and behind them those of the outcome.
    """

    id: str
    began_at: UtcDatetime
    ended_at: UtcDatetime | None
    operator: str
    origin: str
    action: str
    target: str
    backend: str
    place: str
    outcome: str | None
    details: Mapping[str, str | int | bool | None]


async def read(path: Path, *, limit: int | None = None) -> list[Entry]:
    """Return the newest `limit` actions of a journal, the newest first.

    A line that is none, such as one that a crash cut short, is passed over. Raises Refused where
    the file cannot be read.
    """
    try:
        return await asyncio.to_thread(_read, path, limit)
    except OSError as error:
        raise Refused(
            f"The journal {path} cannot be read ({error.strerror or error}).",
            hint="Check its permissions.",
        ) from error


def _read(path: Path, limit: int | None) -> list[Entry]:
    found: dict[str, Entry] = {}
    if not path.exists():
        return []
    with path.open(encoding="ascii", errors="replace") as file:
        for text in file:
            try:
                line = _Line.model_validate_json(text)
            except ValidationError:
                continue
            found[line.id] = _joined(found.get(line.id), line)
    newest = sorted(found.values(), key=_began, reverse=True)
    return newest[:limit]


def _began(entry: Entry) -> datetime:
    return entry.began_at


def _joined(before: Entry | None, line: _Line) -> Entry:
    ended = line.phase == "outcome"
    return Entry(
        id=line.id,
        began_at=before.began_at if before else line.time,
        ended_at=line.time if ended else None,
        operator=line.operator,
        origin=line.origin,
        action=line.action,
        target=line.target,
        backend=line.installation.backend,
        place=line.installation.place,
        outcome=line.outcome,
        details={**(before.details if before else {}), **line.details},
    )
