"""The journal: who changed what, where from, and what came of it, as JSON lines.

An action is written before it begins (phase `intent`) and once it has ended (phase `outcome`),
under one id. An action that cannot be journalled is not done. Every entry is pure ASCII, so that
no name in it acts on the terminal that shows the file.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import json
import os
import pwd
import socket
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from platformdirs import user_state_path

from asynqhub_tui.actions.durable import sync_folder
from asynqhub_tui.actions.outcome import Outcome
from asynqhub_tui.repository import HubError, HubInfo, Refused, Unavailable

STATE_VARIABLE = "ASYNQHUB_TUI_STATE"
"""Names another folder for the journal and the restore files."""

_FILE = "journal.jsonl"

Detail = str | int | bool | None
Details = Mapping[str, Detail]


def utc_now() -> datetime:
    """Return the time of this machine's clock."""
    return datetime.now(UTC)


def state_folder(environ: Mapping[str, str]) -> Path:
    """Return the folder that holds the journal and the restore files; it may not exist yet."""
    other = environ.get(STATE_VARIABLE)
    return Path(other) if other else user_state_path("asynqhub-tui")


def journal_path(environ: Mapping[str, str]) -> Path:
    """Return the user's journal; it may not exist yet."""
    return state_folder(environ) / _FILE


class Journal:
    """The journal of this user, for actions on one installation.

    Any number of processes may write to the same file.
    """

    def __init__(
        self,
        info: HubInfo,
        folder: Path,
        environ: Mapping[str, str],
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        """`environ` tells where the operator comes from (SSH_CONNECTION)."""
        self.info = info
        self.path = folder / _FILE
        self.now = clock
        self.operator = _operator()
        self._who = {
            "operator": self.operator,
            "origin": (environ.get("SSH_CONNECTION", "").split() or ["local"])[0],
            "host": socket.gethostname(),
            "installation": {"backend": info.backend, "place": info.place},
        }

    @classmethod
    def of(cls, info: HubInfo) -> Journal:
        """Return the journal in the user's state folder."""
        return cls(info, state_folder(os.environ), os.environ)

    def action(self, name: str, target: str, details: Details) -> Record:
        """Return the record of an action, to be entered with `async with` around the action.

        `details` belong to its intent.
        """
        id = uuid.uuid4().hex
        entry = {**self._who, "id": id, "action": name, "target": target}
        return Record(self, id, entry, details)

    async def write(
        self, entry: Mapping[str, object], phase: str, outcome: Outcome | None, details: Details
    ) -> None:
        """Append one entry; cancelling it does not leave half of one. Raises OSError."""
        at = self.now().astimezone(UTC).isoformat(timespec="microseconds")
        whole = {"time": at, **entry, "phase": phase, "outcome": outcome, "details": dict(details)}
        line = json.dumps(whole).encode("ascii")
        writing = asyncio.ensure_future(asyncio.to_thread(_append, self.path, line))
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            await asyncio.wait({writing})
            raise


class Record:
    """An action under way, entered in the journal before and after.

    Entering it writes the intent, and raises Refused where that fails. Leaving it writes what came
    of the action: `outcome` and `details` as the body has set them, `cancelled` where the body was
    cancelled or its generator closed, and the error where it raised one. `unwritten` says, in a
    sentence, why the outcome is not in the journal.
    """

    def __init__(
        self, journal: Journal, id: str, entry: Mapping[str, object], details: Details
    ) -> None:
        self.id = id
        self.outcome = Outcome.DONE
        self.details: dict[str, Detail] = {}
        self.unwritten: str | None = None
        self._journal = journal
        self._entry = entry
        self._intent = details

    def failed(self, error: HubError) -> None:
        """Take the outcome from an error of the store."""
        self.outcome = Outcome.FAILED if isinstance(error, Unavailable) else Outcome.REFUSED
        self.details["error"] = str(error)

    async def __aenter__(self) -> Record:
        try:
            await self._journal.write(self._entry, "intent", None, self._intent)
        except OSError as error:
            raise Refused(
                f"The journal {self._journal.path} cannot be written ({_reason(error)}), so"
                " nothing was done.",
                hint=f"Free it, or name another folder in {STATE_VARIABLE}.",
            ) from error
        except asyncio.CancelledError:
            await self._conclude(Outcome.CANCELLED)
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, (asyncio.CancelledError, GeneratorExit)):
            self.outcome = Outcome.CANCELLED
        elif isinstance(error, HubError):
            self.failed(error)
        elif error is not None:
            self.outcome = Outcome.FAILED
            self.details["error"] = type(error).__name__
        await self._conclude(self.outcome)

    async def _conclude(self, outcome: Outcome) -> None:
        try:
            await self._journal.write(self._entry, "outcome", outcome, self.details)
        except OSError as error:
            self.unwritten = (
                f"What came of it could not be written to the journal {self._journal.path}"
                f" ({_reason(error)})."
            )


def _append(path: Path, line: bytes) -> None:
    """Append a line and see it on the disk. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    file = os.open(path, flags, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        size = os.fstat(file).st_size
        # A crash may have left half a line: it stays alone, and costs no entry but its own.
        torn = size > 0 and os.pread(file, 1, size - 1) != b"\n"
        whole = (b"\n" if torn else b"") + line + b"\n"
        if os.write(file, whole) != len(whole):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(file)
    finally:
        os.close(file)
    if size == 0:
        sync_folder(path.parent)


def _operator() -> str:
    """Return the user's name as the system knows it: the environment could say any."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user without an entry
        return str(os.getuid())


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
