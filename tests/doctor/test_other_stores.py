"""The check-up of ClickHouse, and of SQLite files and the demo."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client
from pydantic import SecretStr

from asynqhub_tui.backends import Target, open_copy
from asynqhub_tui.backends.clickhouse import checkup
from asynqhub_tui.backends.sqlite import create
from asynqhub_tui.checkup import Level
from asynqhub_tui.replication import Moment, Position, Table
from asynqhub_tui.repository import Refused, SchemaMismatch, Unavailable
from tests.chdb_store import ChdbStore
from tests.clickhouse import ClickHouseServer
from tests.contract.builders import make_task, make_worker, numbered
from tests.contract.engines import ClickHouse, Sqlite, insert_rows
from tests.doctor.findings import look_at
from tests.servers import free_port

Made = tuple[str, Client]


@pytest.fixture
def made(clickhouse_server: ClickHouseServer) -> Iterator[Made]:
    """An installation without rows, and a client on it."""
    with clickhouse_server.installation() as made:
        yield made


async def test_a_healthy_clickhouse(made: Made) -> None:
    """The user of the test server may do everything: that is a note."""
    ClickHouse(*made).load([make_worker()], [make_task()])
    found = await look_at("clickhouse", made[0])
    assert found.worse_than(Level.NOTE) == []
    assert [one.check for one in found.all if one.level is Level.NOTE] == ["rights"]
    assert {one.check for one in found.all} == {
        *("schema", "parts", "versions", "copy", "rights", "version"),
    }


async def test_it_takes_a_folder_of_the_embedded_engine(chdb_store: ChdbStore) -> None:
    with chdb_store.installation() as (dsn, _):
        found = await look_at("clickhouse", dsn)
    assert found.worse_than(Level.OK) == []
    found = await look_at("clickhouse", f"chdb://{chdb_store.folder}/none")
    assert found.one("connection").failure is Refused


async def test_tables_that_differ(clickhouse_server: ClickHouseServer) -> None:
    dsn = clickhouse_server.create_database()
    schema = (await look_at("clickhouse", dsn)).one("schema")
    assert schema.failure is SchemaMismatch
    assert "the table worker is missing" in schema.title
    assert schema.commands == ("asynqhub-tui schema --apply",)
    clickhouse_server.drop_database(dsn)


async def test_no_such_database_and_no_server(clickhouse_server: ClickHouseServer) -> None:
    found = await look_at("clickhouse", clickhouse_server.dsn("nothing"))
    assert found.one("schema").failure is SchemaMismatch
    found = await look_at("clickhouse", f"clickhouse://u:s3cr@127.0.0.1:{free_port()}/hub")
    assert found.one("connection").failure is Unavailable
    assert (await look_at("clickhouse", None)).one("connection").failure is Refused


async def test_many_parts_and_older_versions(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup, "_MANY_PARTS", 2)
    dsn, client = made
    client.command("SYSTEM STOP MERGES task")
    for seconds in range(4):
        at = datetime.now(UTC) + timedelta(seconds=seconds)
        ClickHouse(dsn, client).load(tasks=[make_task(updated_at=at)])
    found = await look_at("clickhouse", dsn)
    parts = found.one("parts")
    assert parts.title == "The partition 202501 of task has 4 parts that are not merged."
    assert found.one("versions").title.startswith("75 % of the newest rows of task are older")
    client.command("SYSTEM START MERGES task")
    client.command(parts.commands[0])
    found = await look_at("clickhouse", dsn)
    assert found.ok("parts")
    assert found.ok("versions")


def position(age: timedelta | None) -> str:
    """Return what a copy keeps of a source called db1, copied that long ago; None is not yet."""
    done = None
    if age is not None:
        at = round((datetime.now(UTC) - age).timestamp() * 1_000_000)
        done = Moment(at=at, task=1, attempt=1, running={})
    return Position(place="db1", identity="x", done=done).model_dump_json()


@pytest.mark.parametrize(
    ("age", "level", "title"),
    [
        (timedelta(minutes=5), Level.OK, "It is a copy of db1, of 5m ago."),
        (timedelta(hours=3), Level.WARNING, "It is a copy of db1, of 3h ago."),
        (None, Level.WARNING, "It is an incomplete copy of db1: its first round has not ended."),
    ],
)
async def test_how_old_a_copy_is(
    made: Made, age: timedelta | None, level: Level, title: str
) -> None:
    dsn, client = made
    insert_rows(client, "sync", ("name", "position", "version"), [["copy", position(age), 1]])
    (found,) = [one for one in (await look_at("clickhouse", dsn)).all if one.check == "copy"]
    assert (found.level, found.title) == (level, title)


async def test_a_healthy_file_and_its_indexes(tmp_path: Path) -> None:
    path = tmp_path / "hub.db"
    create(path)
    found = await look_at("sqlite", str(path))
    assert found.worse_than(Level.OK) == []
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP INDEX task_created")
        missing = (await look_at("sqlite", str(path))).one("indexes")
        connection.execute(missing.commands[0])
    assert (await look_at("sqlite", str(path))).ok("indexes")


async def test_a_snapshot_and_its_age(tmp_path: Path) -> None:
    path = tmp_path / "copy.db"
    copy = await open_copy(Target("sqlite", SecretStr(str(path))))
    await copy.write(Table.TASK, [], position(timedelta(days=2)))
    await copy.close()
    found = (await look_at("sqlite", str(path))).one("copy")
    assert found.level is Level.NOTE
    assert found.commands == (f"asynqhub-tui sync --to {path}",)


async def test_files_that_are_none(tmp_path: Path) -> None:
    found = await look_at("sqlite", str(tmp_path / "none.db"))
    assert found.one("connection").failure is Refused
    (tmp_path / "text.db").write_text("this is no database, only a text" * 40)
    found = await look_at("sqlite", str(tmp_path / "text.db"))
    assert found.one("schema").failure is SchemaMismatch


async def test_a_damaged_file(tmp_path: Path) -> None:
    path = tmp_path / "hub.db"
    create(path)
    Sqlite(str(path)).load([make_worker()], numbered(400))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        row = connection.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'task_created'"
        ).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    with path.open("r+b") as file:
        file.seek((row[0] - 1) * size)
        file.write(b"\xff" * size)
    assert (await look_at("sqlite", str(path))).one("damage").level is not Level.OK


@pytest.mark.parametrize(("backend", "dsn"), [("demo", None), ("clickhouse", "chdb://demo")])
async def test_the_demo(backend: str, dsn: str | None) -> None:
    found = await look_at(backend, dsn)
    assert [one.check for one in found.all] == ["demo"]
