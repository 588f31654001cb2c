"""The program without a terminal, in a folder of its own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests import forked
from tests.e2e.terminal import PROGRAM
from tests.servers import PASSWORD


class Command:
    """The program in a folder of its own, with nothing set but what a test sets."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        kept = ("PATH", "LANG", "LC_ALL", "TMPDIR")
        self.environ = {name: os.environ[name] for name in kept if name in os.environ}
        self.environ |= {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start it, and do not wait."""
        return subprocess.Popen(
            [PROGRAM, *arguments],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Return its exit code, its output and its notes; a password is in neither."""
        done = forked.run(
            "asynqhub_tui", *arguments, folder=self.folder, environ=self.environ, timeout=120
        )
        assert PASSWORD not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout, done.stderr
