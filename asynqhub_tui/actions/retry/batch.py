"""A batch on the disk: what was planned, what has come of it, and who is at work on it.

One folder for each, `batches/ID` in the user's state folder:

| file | holds |
| --- | --- |
| chosen.jsonl | while it is planned: the tasks that were chosen, frozen |
| plan.jsonl | one decision a line, on the disk before anything is run |
| head.json | what was confirmed; without it nobody has confirmed |
| outcomes.jsonl | one outcome a line, on the disk after every chunk |
| end.json | how it ended; a batch without it is running, or was interrupted |
| lock | locked by the process that works on it |
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import secrets
import shutil
import threading
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Self

from asynqhub_tui.actions.durable import sync_folder, write_whole
from asynqhub_tui.actions.retry import disk
from asynqhub_tui.actions.retry.decision import Decision, Planned
from asynqhub_tui.actions.retry.disk import on_disk
from asynqhub_tui.actions.retry.records import End, Head, Kind, TaskOutcome
from asynqhub_tui.models import TaskRef
from asynqhub_tui.repository import NotFound, Refused

CHUNK = 500
"""How many tasks are read, executed and written at a time."""


def folder_of(state_folder: Path) -> Path:
    """Return the folder of all batches; it may not exist yet."""
    return state_folder / "batches"


class Batch:
    """One batch, held by this process: nobody else can work on it until it is closed.

    Every method raises Refused where the disk does not let us.
    """

    def __init__(self, folder: Path, lock: int) -> None:
        self.folder = folder
        self.id = folder.name
        self._lock = lock
        self._closing = threading.Lock()
        self._outcomes: BinaryIO | None = None

    @classmethod
    async def begin(cls, batches: Path, now: datetime) -> Self:
        """Make the folder of a new batch, for its plan."""
        return cls(*await on_disk(batches, _begin, batches, now))

    @classmethod
    async def take(cls, batches: Path, batch_id: str) -> Self:
        """Take up a batch. Raises NotFound, and Refused while another process works on it."""
        folder = batches / Path(batch_id).name
        return cls(folder, await on_disk(folder, _take, folder))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def freeze(self, chunks: AsyncIterable[Sequence[TaskRef]]) -> None:
        """Write down the chosen tasks as they come."""
        await _write(self.folder / "chosen.jsonl", chunks)

    async def frozen(self) -> AsyncGenerator[list[TaskRef], None]:
        """Yield the chosen tasks, up to CHUNK at a time."""
        path = self.folder / "chosen.jsonl"
        refs = disk.entries(path, TaskRef)
        while chunk := await on_disk(path, lambda: list(islice(refs, CHUNK))):
            yield chunk

    async def write_plan(self, chunks: AsyncIterable[Sequence[Planned]]) -> None:
        """Write the plan as it comes, see it on the disk, and forget what was frozen for it."""
        await _write(self.folder / "plan.jsonl", chunks)
        await asyncio.to_thread((self.folder / "chosen.jsonl").unlink, missing_ok=True)

    async def confirm(self, head: Head) -> None:
        """Write down that the plan was confirmed: from now on it can be resumed."""
        path = self.folder / "head.json"
        await on_disk(path, write_whole, path, head.model_dump_json(indent=2))

    async def head(self) -> Head:
        """Read what was confirmed. Raises NotFound where nobody has."""
        head = await on_disk(self.folder, disk.read, self.folder / "head.json", Head)
        if head is None:
            raise NotFound(f"The batch {self.id} was never confirmed.")
        return head

    async def left(self) -> AsyncGenerator[list[Planned], None]:
        """Yield what is to be executed and has no outcome yet, up to CHUNK tasks at a time."""
        done = {one.task_id async for chunk in self.outcomes() for one in chunk}
        path = self.folder / "plan.jsonl"
        included = (
            one
            for one in disk.entries(path, Planned)
            if one.decision is not Decision.SKIP and one.ref.task_id not in done
        )
        while chunk := await on_disk(path, lambda: list(islice(included, CHUNK))):
            yield chunk

    async def planned(self) -> AsyncGenerator[list[Planned], None]:
        """Yield all decisions, up to CHUNK at a time."""
        path = self.folder / "plan.jsonl"
        decisions = disk.entries(path, Planned)
        while chunk := await on_disk(path, lambda: list(islice(decisions, CHUNK))):
            yield chunk

    def outcomes(self) -> AsyncGenerator[list[TaskOutcome], None]:
        """Yield the outcomes so far, up to CHUNK at a time."""
        return outcomes_in(self.folder)

    async def write_outcomes(self, outcomes: Iterable[TaskOutcome]) -> None:
        """Append outcomes, and see them on the disk."""
        path = self.folder / "outcomes.jsonl"
        if self._outcomes is None:
            self._outcomes = await disk.opened(path, disk.open_to_append)
        await on_disk(path, disk.write, self._outcomes, _lines(outcomes))

    async def end(self, end: End) -> None:
        """Write down how it ended."""
        path = self.folder / "end.json"
        await on_disk(path, write_whole, path, end.model_dump_json(indent=2))

    async def reopen(self) -> None:
        """Forget how it ended: it goes on, and may be interrupted again."""
        path = self.folder / "end.json"
        await on_disk(path, path.unlink, missing_ok=True)

    async def discard(self) -> None:
        """Remove a plan that nobody has confirmed, and let go of it."""
        await asyncio.to_thread(shutil.rmtree, self.folder, ignore_errors=True)
        await self.close()

    async def close(self) -> None:
        """Let go of it. A second call does nothing."""
        try:
            await asyncio.to_thread(self._close)
        except asyncio.CancelledError:
            self._close()  # the program ends, and no thread may come to it any more
            raise

    def _close(self) -> None:
        with self._closing:
            if self._outcomes is not None:
                self._outcomes.close()
                self._outcomes = None
            if self._lock >= 0:
                os.close(self._lock)
                self._lock = -1


async def outcomes_in(folder: Path) -> AsyncGenerator[list[TaskOutcome], None]:
    """Yield the outcomes in the folder of a batch, whoever works on it."""
    path = folder / "outcomes.jsonl"
    found = disk.entries(path, TaskOutcome)
    while chunk := await on_disk(path, lambda: list(islice(found, CHUNK))):
        yield chunk


def skipped(folder: Path) -> Iterator[TaskOutcome]:
    """Read what the plan of a batch leaves out, as outcomes. Raises OSError."""
    for one in disk.entries(folder / "plan.jsonl", Planned):
        if one.decision is Decision.SKIP:
            task_id, reason = one.ref.task_id, one.reason
            yield TaskOutcome(task_id=task_id, kind=Kind.SKIPPED, reason=reason)


async def skipped_in(folder: Path) -> AsyncGenerator[list[TaskOutcome], None]:
    """Yield what the plan of a batch leaves out, up to CHUNK at a time."""
    found = skipped(folder)
    while chunk := await on_disk(folder, lambda: list(islice(found, CHUNK))):
        yield chunk


def is_held(folder: Path) -> bool:
    """Return whether a process works on the batch in this folder. Raises OSError."""
    lock = _lock(folder)
    if lock is None:
        return True
    os.close(lock)
    return False


async def _write(path: Path, chunks: AsyncIterable[Sequence[Planned | TaskRef]]) -> None:
    file = await disk.opened(path, disk.create)
    try:
        async for chunk in chunks:
            await on_disk(path, file.write, _lines(chunk))
        await on_disk(path, disk.sync, file)
    finally:
        await asyncio.to_thread(file.close)


def _begin(batches: Path, now: datetime) -> tuple[Path, int]:
    batches.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = batches / f"{now.astimezone(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
    folder.mkdir(mode=0o700)
    sync_folder(batches)
    lock = _lock(folder)
    if lock is None:
        raise Refused(f"Another process has taken the new batch {folder.name}.")
    return folder, lock


def _take(folder: Path) -> int:
    if not (folder / "plan.jsonl").is_file():
        raise NotFound(f"There is no batch {folder.name}.", hint="`journal list` names them.")
    lock = _lock(folder)
    if lock is None:
        raise Refused(f"Another process works on the batch {folder.name}.")
    return lock


def _lock(folder: Path) -> int | None:
    """Lock the folder for as long as the file stays open; None where another process has it."""
    file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    except BaseException:
        os.close(file)
        raise
    return file


def _lines(records: Iterable[Planned | TaskOutcome | TaskRef]) -> bytes:
    return "".join(f"{one.model_dump_json(exclude_none=True)}\n" for one in records).encode()
