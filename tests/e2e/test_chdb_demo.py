"""The sample in ClickHouse's embedded engine, by the installed program: it is one to a process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.command import Command

OPTIONS = ("--backend", "clickhouse", "--dsn", "chdb://demo")


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path)


def test_one_frame_of_it(command: Command, tmp_path: Path) -> None:
    code, out, notes = command.run(*OPTIONS)
    assert (code, notes) == (0, "")
    assert "asynqhub-tui: demo" in out
    assert "demo (chDB" in out
    assert "mail-worker" in out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("read_only", [(), ("--read-only",)])
def test_it_answers_and_can_be_changed(command: Command, read_only: tuple[str, ...]) -> None:
    _, out, _ = command.run("workers", "--json", *OPTIONS)
    names = [one["worker_name"] for one in json.loads(out)]
    assert len(names) == 6
    disable = ("delete-worker", names[0], "--disable", "--yes")
    code, _, notes = command.run(*disable, *read_only, *OPTIONS)
    assert "This is the embedded demo" in notes
    assert code == (4 if read_only else 0), notes
