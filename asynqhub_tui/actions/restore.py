"""Restore files: a worker's row as it was before it was deleted, and the way back."""

from __future__ import annotations

import asyncio
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from asynqhub_tui.actions.durable import write_whole
from asynqhub_tui.actions.journal import Journal, state_folder
from asynqhub_tui.actions.outcome import Outcome, Report
from asynqhub_tui.actions.writing import check_original, check_writable, concluded
from asynqhub_tui.models import Model, UtcDatetime, WorkerConfig
from asynqhub_tui.repository import Hub, HubError, HubInfo, NotFound, Refused

_MOST_BYTES = 1024 * 1024
"""More than any worker's row takes; a larger file is something else."""


class RestoreFile(Model):
    """What a restore file holds: the row, and when and from where it was taken.

    A worker's tasks are not in it.
    """

    kind: Literal["asynqhub-tui worker"]
    saved_at: UtcDatetime
    backend: str
    place: str
    worker: WorkerConfig


def default_folder() -> Path:
    """Return the folder of the user's restore files; it may not exist yet."""
    return state_folder(os.environ) / "restore"


def path_for(folder: Path, worker_name: str, now: datetime) -> Path:
    """Return where the row of a worker is saved at `now`."""
    safe = re.sub(r"[^A-Za-z0-9_-]", "_", worker_name)[:64]
    return folder / f"{now.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}-{safe}.json"


async def save(path: Path, worker: WorkerConfig, info: HubInfo, now: datetime) -> None:
    """Write a restore file: whole or not at all, on the disk when this returns, for the user only.

    Raises Refused where that fails.
    """
    content = RestoreFile(
        kind="asynqhub-tui worker",
        saved_at=now,
        backend=info.backend,
        place=info.place,
        worker=worker,
    )
    try:
        await asyncio.to_thread(_write, path, content.model_dump_json(indent=2))
    except OSError as error:
        raise Refused(
            f"The restore file {path} cannot be written ({error.strerror or error}), so nothing"
            " was deleted.",
            hint="Check the folder's permissions and space.",
        ) from error


async def load(path: Path) -> RestoreFile:
    """Read a restore file. Raises NotFound, and Refused where it is none."""
    try:
        text = await asyncio.to_thread(_read, path)
        return RestoreFile.model_validate_json(text)
    except FileNotFoundError as error:
        raise NotFound(f"There is no file {path}.", hint="Check the path.") from error
    except OSError as error:
        raise Refused(
            f"{path} cannot be read ({error.strerror or error}).", hint="Check its permissions."
        ) from error
    except (ValidationError, UnicodeDecodeError) as error:
        raise Refused(
            f"{path} is no restore file of a worker.", hint="Deleting a worker names its file."
        ) from error


async def restore_worker(hub: Hub, path: Path, journal: Journal) -> Report:
    """Put a deleted worker's row back as the file has it; its tasks do not come back.

    A worker that is there is left alone, and the report says so. Raises NotFound and Refused where
    the file cannot be used, or the action may not begin.
    """
    check_writable(hub)
    check_original(hub)
    saved = await load(path)
    name = saved.worker.worker_name
    intent = {"restore_file": str(path), "saved_from": f"{saved.backend} {saved.place}"}
    async with journal.action("restore_worker", name, intent) as record:
        try:
            await _check_absent(hub, name)
            await hub.workers.upsert(saved.worker)
        except HubError as error:
            record.failed(error)
            report = Report(record.outcome, (str(error),))
        else:
            at = f"{saved.saved_at:%Y-%m-%d %H:%M:%S} UTC"
            report = Report(Outcome.DONE, (f"The worker {name} is back as it was at {at}.",))
    return concluded(report, record)


async def _check_absent(hub: Hub, name: str) -> None:
    try:
        await hub.workers.get(name)
    except NotFound:
        return
    raise Refused(
        f"There is a worker {name} already; it was left as it is.",
        hint="A running hub may have registered it again.",
    )


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(path, text)


def _read(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        return file.read(_MOST_BYTES)
