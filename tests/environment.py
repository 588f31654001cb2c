"""The environment in which tests run: the same on every machine.

Imported before any other plugin of pytest (`-p tests.environment`), because one of them imports
Textual, which reads its variables on import.
"""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

_FOREIGN = ("TEXTUAL_", "ASYNQHUB_TUI_", "REDIS_", "PG", "XDG_")
"""Beginnings of variables that change how the dashboard looks, or what it opens."""

_ALSO_FOREIGN = {
    "CLICKHOUSE_DSN",
    "CLICOLOR",
    "COLORTERM",
    "COLUMNS",
    "ESCDELAY",
    "FORCE_COLOR",
    "LINES",
    "NO_COLOR",
    "POSTGRES_DSN",
    "SSH_CLIENT",
    "SSH_CONNECTION",
    "SSH_TTY",
    "STY",
    "TMUX",
}

_OF_THE_TESTS = "TEXTUAL_SNAPSHOT_"
"""What pytest-textual-snapshot hands to the processes of xdist."""

_FIXED = {"TERM": "xterm-256color", "TZ": "UTC0"}

_MEMORY = Path("/dev/shm")
_ENOUGH = 4_000_000_000
"""Bytes that must be free there: the servers of all processes write some hundred megabytes."""


def _is_foreign(name: str) -> bool:
    if name.startswith(_OF_THE_TESTS):
        return False
    return name in _ALSO_FOREIGN or name.startswith(_FOREIGN)


def _takes_files(folder: Path) -> bool:
    try:
        return os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > _ENOUGH
    except OSError:
        return False


def _prepare() -> None:
    """Remove what comes from the developer's shell, and give the session empty user folders."""
    for name in list(os.environ):
        if _is_foreign(name):
            del os.environ[name]
    os.environ.update(_FIXED)
    # What is compiled is kept: hundreds of tests start a process, which would compile it again.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    gc.set_threshold(0)  # nothing collects by itself: see tests.garbage
    time.tzset()
    if "TMPDIR" not in os.environ and _takes_files(_MEMORY):
        os.environ["TMPDIR"] = tempfile.tempdir = str(_MEMORY)  # a disk takes a tenth longer
    home = Path(tempfile.mkdtemp(prefix="hub-home-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    for kind in ("CONFIG", "DATA", "STATE", "CACHE"):
        os.environ[f"XDG_{kind}_HOME"] = str(home / kind.lower())


_prepare()
