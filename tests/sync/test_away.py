"""A source that goes away, and one that is no primary."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.command import Command
from tests.servers import PostgresServer
from tests.sync.hub import SourceHub


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """A PostgreSQL of the test's own."""
    with PostgresServer() as own:
        yield own


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path)


def test_it_follows_on_when_the_source_is_back(server: PostgresServer, command: Command) -> None:
    origin = SourceHub(server.create_database())
    origin.fill(5)
    command.environ["POSTGRES_DSN"] = origin.dsn
    process = command.start("sync", "--to", "live.db", "--follow", "--interval", "0.5")
    assert process.stderr is not None
    notes = iter(process.stderr.readline, "")
    assert any("rows written" in note for note in notes)
    server.stop()
    assert any("Next try in" in note for note in notes)
    server.start()
    origin.enqueue("new", "mailer")
    while command.run("task", "new", "--dsn", "live.db")[0] != 0:
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    _, rest = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "Traceback" not in rest


def test_who_copies_once_is_told_and_can_go_on(server: PostgresServer, command: Command) -> None:
    origin = SourceHub(server.create_database())
    origin.fill(5)
    command.environ["POSTGRES_DSN"] = origin.dsn
    server.stop()
    code, _, notes = command.run("sync", "--to", "copy.db")
    assert code == 3
    assert f"127.0.0.1:{server.port}" in notes
    server.start()
    assert command.run("sync", "--to", "copy.db")[0] == 0


def test_a_standby_is_refused(server: PostgresServer, command: Command) -> None:
    command.environ["POSTGRES_DSN"] = server.create_database()
    server.become_standby()
    code, _, notes = command.run("sync", "--to", "copy.db")
    assert code == 4
    assert "is a standby" in notes
    assert "Name the primary" in notes
    assert command.run("tasks")[0] == 0  # to look at it is no trouble
