"""The sample in ClickHouse's embedded engine, by the installed program: it is one to a process."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.e2e.terminal import PROGRAM

OPTIONS = ("--backend", "clickhouse", "--dsn", "chdb://demo")


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program in a folder of its own, without a terminal."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    return subprocess.run(
        [PROGRAM, *arguments],
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_one_frame_of_it(tmp_path: Path) -> None:
    done = run(tmp_path, *OPTIONS)
    assert (done.returncode, done.stderr) == (0, "")
    assert "asynqhub-tui: demo" in done.stdout
    assert "demo (chDB" in done.stdout
    assert "mail-worker" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("read_only", [(), ("--read-only",)])
def test_it_answers_and_can_be_changed(tmp_path: Path, read_only: tuple[str, ...]) -> None:
    done = run(tmp_path, "workers", "--json", *OPTIONS)
    names = [one["worker_name"] for one in json.loads(done.stdout)]
    assert len(names) == 6
    done = run(tmp_path, "delete-worker", names[0], "--disable", "--yes", *read_only, *OPTIONS)
    assert "This is the embedded demo" in done.stderr
    assert done.returncode == (4 if read_only else 0), done.stderr
