"""Which file a DSN means, and whether there is one."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote

from asynqhub_tui.dsn import mask
from asynqhub_tui.repository import Refused

MEMORY = ":memory:"

_SCHEME = "sqlite:///"


def file_of(dsn: str) -> Path | None:
    """Return the file that a DSN names: a path, or `sqlite:///` and a path; None for `:memory:`.

    As elsewhere, `sqlite:///hub.db` lies in the working folder and `sqlite:////srv/hub.db` does
    not; `~` is the home folder. Raises Refused for what is no such DSN.
    """
    name = unquote(dsn.removeprefix(_SCHEME)) if dsn.startswith(_SCHEME) else dsn
    if name == MEMORY:
        return None
    if not name or "\0" in name or "://" in name or name.startswith("sqlite:"):
        raise Refused(
            f"“{mask(dsn)}” names no SQLite file.",
            hint="Write a path, or sqlite:/// and a path.",
        )
    return Path(name).expanduser().absolute()


def shown(path: Path) -> str:
    """Return the path as a person would write it, with `~` for the home folder."""
    try:
        return str(Path("~") / path.relative_to(Path.home()))
    except (ValueError, RuntimeError):  # it lies elsewhere; there is no home
        return str(path)


def check_readable(path: Path) -> None:
    """Raise Refused where `path` is no file that we may read; SQLite itself says less of it."""
    place = shown(path)
    try:
        if path.is_dir():
            raise Refused(f"{place} is a folder, not a SQLite file.", hint="Check the path.")
        if not path.exists():
            raise Refused(f"There is no SQLite file {place}.", hint="Check the path.")
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise Refused(f"{place} cannot be opened: {reason}.", hint="Check the path.") from error
    if not os.access(path, os.R_OK):
        raise Refused(f"The SQLite file {place} may not be read.", hint="Check its permissions.")
