"""`schema`: what it prints is what it creates, and what it creates can be opened."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from asynqhub_tui import cli
from asynqhub_tui.backends.clickhouse.schema import TABLES, statements
from tests.chdb_store import ChdbStore
from tests.clickhouse import ClickHouseServer


@pytest.fixture(autouse=True)
def bare_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Work in a folder without .env."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def dsn(clickhouse_server: ClickHouseServer) -> Iterator[str]:
    """The address of a database that is not there yet."""
    name = "new-hub"
    yield clickhouse_server.dsn(name)
    with clickhouse_server.client() as client:
        client.command(f"DROP DATABASE IF EXISTS `{name}`")


def said(capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    """Return what was written to standard output, and to standard error."""
    captured = capsys.readouterr()
    return captured.out, captured.err


def test_it_prints_what_clickhouse_client_takes(
    clickhouse_server: ClickHouseServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["schema"]) == cli.OK
    out, err = said(capsys)
    assert err == ""
    printed = [one.strip() for one in out.split(";") if one.strip()]
    assert printed == statements()
    database = clickhouse_server.create_database()
    with clickhouse_server.client_of(database) as client:
        for statement in printed:
            client.command(statement)
    assert cli.run(["tasks", "--dsn", database]) == cli.OK
    clickhouse_server.drop_database(database)


def test_it_creates_database_and_tables_once(dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["tasks", "--dsn", dsn]) == cli.SCHEMA
    assert "`asynqhub-tui schema --apply` creates what is missing" in said(capsys)[1]
    for _ in range(2):
        assert cli.run(["schema", "--apply", "--dsn", dsn]) == cli.OK
        assert said(capsys) == ("", "asynqhub-tui: The tables are there.\n")
    assert cli.run(["workers", "--json", "--dsn", dsn]) == cli.OK
    assert said(capsys)[0] == "[]\n"


def test_what_differs_is_named_and_left_as_it_is(
    clickhouse_server: ClickHouseServer, dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["schema", "--apply", "--dsn", dsn]) == cli.OK
    with clickhouse_server.client(urlsplit(dsn).path[1:]) as client:
        client.command("ALTER TABLE task MODIFY COLUMN priority Int64")
        client.command("DROP TABLE task_attempt")
    said(capsys)
    assert cli.run(["schema", "--apply", "--dsn", dsn]) == cli.SCHEMA
    err = said(capsys)[1]
    assert "The column task.priority is Int64 and not Int32." in err
    assert "task_attempt" not in err, "what was missing is there now"
    assert "is left as it is" in err


def test_it_makes_a_folder_of_the_embedded_engine(
    chdb_store: ChdbStore, capsys: pytest.CaptureFixture[str]
) -> None:
    dsn = f"chdb://{chdb_store.folder}?database=made_by_schema"
    assert cli.run(["schema", "--apply", "--dsn", dsn]) == cli.OK
    assert cli.run(["tasks", "--json", "--dsn", dsn]) == cli.OK
    assert said(capsys)[0] == "[]\n"


def test_on_a_cluster_rows_are_replicated_and_spread_by_their_task(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.run(["schema", "--cluster", "my`cluster"]) == cli.OK
    written = said(capsys)[0]
    assert written.count("ON CLUSTER `my\\`cluster`") == len(TABLES) + 2
    for table in ("task", "task_attempt"):
        assert f"CREATE TABLE IF NOT EXISTS {table}_local ON CLUSTER" in written
        assert re.search(
            rf"EXISTS {table} ON CLUSTER \S+ AS {table}_local\nENGINE = Distributed\(.*,"
            rf" currentDatabase\(\), {table}_local, cityHash64\(task_id\)\)",
            written,
        )
    assert written.count("ReplicatedReplacingMergeTree(") == len(TABLES)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--apply"], "set CLICKHOUSE_DSN, or give --dsn"),
        (["--apply", "--dsn", "postgres://h/d"], "Those of PostgreSQL are the hub's own"),
    ],
)
def test_without_a_clickhouse_it_creates_nothing(
    capsys: pytest.CaptureFixture[str], argv: list[str], message: str
) -> None:
    assert cli.run(["schema", *argv]) == cli.USAGE
    assert message in said(capsys)[1]


def test_read_only_creates_nothing(dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["schema", "--apply", "--read-only", "--dsn", dsn]) == cli.REFUSED
    assert "is open read-only" in said(capsys)[1]
