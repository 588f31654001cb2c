"""`asynqhub-tui sync` as it is typed."""

from __future__ import annotations

import json
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.command import Command
from tests.servers import PostgresServer
from tests.sync.hub import SourceHub


@pytest.fixture
def command(tmp_path: Path, origin: SourceHub) -> Command:
    made = Command(tmp_path)
    made.environ["POSTGRES_DSN"] = origin.dsn
    return made


def test_a_snapshot_opens_offline(command: Command, origin: SourceHub) -> None:
    origin.fill(40)
    code, out, notes = command.run("sync", "--to", "incident.db")
    assert (code, out) == (0, "")
    assert "a first copy" in notes
    assert "120 rows written" in notes
    assert [path.name for path in command.folder.glob("incident*")] == ["incident.db"]
    assert (command.folder / "incident.db").stat().st_mode & 0o777 == 0o600
    del command.environ["POSTGRES_DSN"]
    code, out, _ = command.run("tasks", "--backend", "sqlite", "--dsn", "incident.db", "--json")
    assert code == 0
    assert len(json.loads(out)) == 40
    code, out, _ = command.run("--dsn", "incident.db")
    assert code == 0
    assert "a copy of 127.0.0.1:" in out


def test_the_embedded_engine_is_filled_and_verified(command: Command, origin: SourceHub) -> None:
    origin.fill(40)
    store = f"chdb://{command.folder / 'store'}"
    command.environ["CLICKHOUSE_DSN"] = store
    code, _, notes = command.run("sync")
    assert code == 0, notes
    origin.enqueue("new", "mailer")
    code, out, notes = command.run("sync", "--verify")
    assert code == 0, notes
    assert "tasks: 41 at the source, 41 in the copy" in out
    assert "all the same" in out
    # Behind its back: no time of update tells of it.
    origin.sql("UPDATE task SET payload = '[]' WHERE task_id = 'task-7'")
    code, out, _ = command.run("sync", "--verify", "--json")
    assert code == 4
    differing = [one for one in json.loads(out)["task"] if one["differing"]]
    assert [one["task_ids"] for one in differing] == [["task-7"]]


def test_it_follows_until_it_is_told_to_stop(command: Command, origin: SourceHub) -> None:
    origin.fill(5)
    process = command.start("sync", "--to", "live.db", "--follow", "--interval", "0.5")
    assert process.stderr is not None
    assert "a first copy" in process.stderr.readline()
    assert "rows written" in process.stderr.readline()
    origin.enqueue("new", "mailer")
    while not _has(command, "new"):
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    _, notes = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "The same command goes on from here" in notes


def _has(command: Command, task_id: str) -> bool:
    return command.run("task", task_id, "--dsn", "live.db")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--to", "postgres://h/hub"], 2, "never the hub's own database"),
        (["--from", "other.db", "--to", "copy.db"], 2, "reads Asynq-Hub's own database"),
        (["--to", "copy.db", "--dsn", "x.db"], 2, "sync takes no --dsn"),
        ([], 2, "CLICKHOUSE_DSN"),
        (["--to", "copy.db", "--budget", "0"], 2, "from 1 to 100"),
        (["--to", "copy.db", "--follow", "--verify"], 2, "not allowed with"),
        (["--to", "."], 2, "does not tell its backend"),
        (["--to", "missing/folder/copy.db"], 4, "missing/folder"),
        (["--to", "copy.db", "--read-only"], 4, "copy.db is open read-only"),
        (["--from", "postgres://127.0.0.1:1/hub", "--to", "copy.db"], 3, "127.0.0.1:1"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    command: Command, arguments: list[str], code: int, words: str
) -> None:
    found, out, notes = command.run("sync", *arguments)
    assert (found, out) == (code, "")
    assert words in notes


def test_a_store_that_is_no_copy_of_it_is_left_alone(
    command: Command, origin: SourceHub, postgres_server: PostgresServer
) -> None:
    command.run("sync", "--to", "copy.db")
    other = SourceHub(postgres_server.create_database())
    code, _, notes = command.run("sync", "--from", other.dsn, "--to", "copy.db")
    assert code == 4
    assert "which is another database than" in notes
    with closing(sqlite3.connect(command.folder / "copy.db")) as connection:
        connection.execute("DROP TABLE sync")
    before = (command.folder / "copy.db").read_bytes()
    code, _, notes = command.run("sync", "--to", "copy.db")
    assert code == 4
    assert "is not empty, and no copy" in notes
    assert (command.folder / "copy.db").read_bytes() == before
    postgres_server.drop_database(other.dsn)


def test_a_profile_is_of_the_source(command: Command, origin: SourceHub) -> None:
    origin.fill(3)
    del command.environ["POSTGRES_DSN"]
    config = command.folder / "config.toml"
    config.write_text(f'[profiles.eu]\ndsn = "{origin.dsn}"\nread_only = true\n')
    config.chmod(0o600)
    options = ("--profile", "eu", "--config", str(config))
    code, _, notes = command.run("sync", "--to", "copy.db", *options)
    assert code == 0, notes
    assert "9 rows written" in notes
