"""Files of JSON lines, read and written on a thread; what goes wrong is said in words."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, ParamSpec, TypeVar

from pydantic import BaseModel, ValidationError

from asynqhub_tui.actions.journal import STATE_VARIABLE
from asynqhub_tui.repository import Refused

P = ParamSpec("P")
T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)


async def on_disk(path: Path, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do `work` on a thread. Raises Refused, which names `path`, where the disk does not let us."""
    try:
        return await asyncio.to_thread(work, *args, **kwargs)
    except OSError as error:
        raise Refused(
            f"{path} cannot be used ({error.strerror or error}).",
            hint=f"Free it, or name another folder in {STATE_VARIABLE}.",
        ) from error


async def opened(path: Path, how: Callable[[Path], BinaryIO]) -> BinaryIO:
    """Open a file by `create` or `open_to_append`. Raises as `on_disk`.

    A caller that is cancelled meanwhile leaves none open that nobody knows of.
    """
    opening = asyncio.ensure_future(on_disk(path, how, path))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_close)
        raise


def _close(opening: asyncio.Future[BinaryIO]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


def create(path: Path) -> BinaryIO:
    """Open a new file for the user alone."""
    return os.fdopen(
        os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb"
    )


def open_to_append(path: Path) -> BinaryIO:
    """Open a file for more lines; half a line at its end, as a crash leaves it, stays alone."""
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
    file = os.fdopen(os.open(path, flags, 0o600), "r+b", buffering=0)
    size = os.fstat(file.fileno()).st_size
    if size and os.pread(file.fileno(), 1, size - 1) != b"\n":
        write(file, b"\n")
    return file


def write(file: BinaryIO, lines: bytes) -> None:
    """Append lines, and see them on the disk."""
    if file.write(lines) != len(lines):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    sync(file)


def sync(file: BinaryIO) -> None:
    """See what was written on the disk."""
    file.flush()
    os.fsync(file.fileno())


def read(path: Path, kind: type[M]) -> M | None:
    """Read a file that holds one record; None where there is none, or another thing."""
    try:
        return kind.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def entries(path: Path, kind: type[M]) -> Iterator[M]:
    """Read records line by line, without those that are no record; none where there is no file."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        for line in file:
            try:
                yield kind.model_validate_json(line)
            except ValidationError:  # half a line, as a crash leaves it
                continue
