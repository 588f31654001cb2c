"""All batches of this user: which there are, which were interrupted, which may go."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from asynqhub_tui.actions.retry import disk
from asynqhub_tui.actions.retry.batch import is_held
from asynqhub_tui.actions.retry.disk import on_disk
from asynqhub_tui.actions.retry.records import End, Head, Summary

KEPT = timedelta(days=30)
"""How long a batch is kept after it was planned."""

_UNCONFIRMED = timedelta(days=1)
"""How long a plan that nobody works on is kept: it may only just have been begun."""


async def list_batches(batches: Path) -> list[Summary]:
    """Return all confirmed batches, the newest first. Raises Refused."""
    found = await on_disk(batches, lambda: list(_summaries(batches)))
    return sorted(found, key=lambda one: one.head.confirmed_at, reverse=True)


async def find_batch(batches: Path, batch_id: str) -> Summary | None:
    """Return a confirmed batch; None where there is no such one. Raises Refused."""
    return await on_disk(batches, _summary, batches / Path(batch_id).name)


async def interrupted(batches: Path, place: str, now: datetime) -> list[Summary]:
    """Return, newest first, the batches of an installation that ended without anybody's wish.

    `place` is where that installation's data lies. Raises Refused.
    """
    return [
        one
        for one in await list_batches(batches)
        if one.end is None and one.head.place == place and one.resumable(now)
    ]


async def tidy(batches: Path, now: datetime) -> None:
    """Remove plans that nobody has confirmed or works on, and batches of long ago."""
    await on_disk(batches, _tidy, batches, now)


def _summaries(batches: Path) -> Iterator[Summary]:
    for folder in _folders(batches):
        summary = _summary(folder)
        if summary is not None:
            yield summary


def _summary(folder: Path) -> Summary | None:
    head = disk.read(folder / "head.json", Head)
    if head is None:
        return None
    # Asked first: a batch that ends in between has then its end.
    running = is_held(folder)
    return Summary(head=head, end=disk.read(folder / "end.json", End), running=running)


def _tidy(batches: Path, now: datetime) -> None:
    for folder in _folders(batches):
        head = disk.read(folder / "head.json", Head)
        begun = datetime.fromtimestamp(folder.stat().st_mtime, UTC)
        old = now - begun > _UNCONFIRMED if head is None else now - head.planned_at > KEPT
        if old and not is_held(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _folders(batches: Path) -> list[Path]:
    return [one for one in batches.iterdir() if one.is_dir()] if batches.is_dir() else []
