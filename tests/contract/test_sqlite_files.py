"""What the SQLite backend says of files that it cannot open, and how it names those it can."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from pydantic import SecretStr

from asynqhub_tui.backends import Target, open_hub
from asynqhub_tui.backends.sqlite import connection, create, create_schema
from asynqhub_tui.backends.sqlite.schema import TABLES
from asynqhub_tui.repository import HubError, Refused, SchemaMismatch, TaskFilter, Unavailable
from tests.contract.builders import ids, make_task, make_worker


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file without tasks."""
    path = tmp_path / "hub.db"
    create(path)
    return path


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait for another program's lock."""
    monkeypatch.setattr(connection, "BUSY_TIMEOUT", 0.05)


def target(dsn: object, *, read_only: bool = False) -> Target:
    """Return what opens a file."""
    return Target("sqlite", SecretStr(str(dsn)), read_only)


async def refusal(dsn: object, kind: type[HubError], *, read_only: bool = False) -> str:
    """Return the sentence with which a file is not opened."""
    with pytest.raises(kind) as caught:
        await open_hub(target(dsn, read_only=read_only))
    assert caught.value.hint
    return str(caught.value)


@pytest.mark.parametrize("read_only", [False, True])
async def test_a_missing_file_is_named_and_not_made(tmp_path: Path, read_only: bool) -> None:
    path = tmp_path / "missing.db"
    said = await refusal(path, Refused, read_only=read_only)
    assert f"There is no SQLite file {path}." in said
    assert not path.exists()


async def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert f"{tmp_path} is a folder" in await refusal(tmp_path, Refused)


async def test_a_path_that_cannot_be_followed(tmp_path: Path) -> None:
    assert "too long" in await refusal(tmp_path / ("x" * 300), Refused)
    (tmp_path / "file").touch()
    assert "There is no SQLite file" in await refusal(tmp_path / "file" / "hub.db", Refused)


@pytest.mark.parametrize("content", [b"this is no database" * 100, b"{}\n"])
async def test_a_file_of_another_kind(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    assert f"{path} is not a SQLite file." in await refusal(path, SchemaMismatch)
    assert path.read_bytes() == content


async def test_an_empty_file_has_no_tables(tmp_path: Path) -> None:
    path = tmp_path / "empty.db"
    path.touch()
    assert "the table worker is missing" in await refusal(path, SchemaMismatch)
    assert path.read_bytes() == b""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("DROP TABLE task_attempt", "the table task_attempt is missing"),
        ("ALTER TABLE task DROP COLUMN trace_id", "the column task.trace_id is missing"),
        ("ALTER TABLE worker RENAME COLUMN is_enabled TO enabled", "worker.is_enabled is missing"),
    ],
)
async def test_what_is_missing_is_named(path: Path, change: str, said: str) -> None:
    with closing(sqlite3.connect(path)) as raw:
        raw.execute(change)
    message = await refusal(path, SchemaMismatch)
    assert said in message
    assert str(path) in message


async def test_a_column_of_another_type_is_named(path: Path) -> None:
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("DROP TABLE task_attempt")
        raw.execute("ALTER TABLE task DROP COLUMN trace_id")
        raw.execute("ALTER TABLE task ADD COLUMN trace_id INTEGER")
    said = await refusal(path, SchemaMismatch)
    assert "the column task.trace_id is INTEGER and not TEXT" in said


async def test_further_columns_and_missing_indexes_do_no_harm(path: Path) -> None:
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("ALTER TABLE task ADD COLUMN note TEXT")
        raw.execute("DROP INDEX task_created")
        raw.execute("DROP INDEX attempt_newest")
    async with await open_hub(target(path)) as hub:
        await hub.workers.upsert(make_worker())
        await hub.tasks.upsert_task(make_task())
        assert ids((await hub.tasks.list_tasks(TaskFilter())).tasks) == ["t1"]


async def test_a_table_that_goes_while_it_is_open(path: Path) -> None:
    async with await open_hub(target(path)) as hub:
        with closing(sqlite3.connect(path)) as raw:
            raw.execute("DROP TABLE task_attempt")
        with pytest.raises(SchemaMismatch, match="task_attempt"):
            await hub.tasks.list_tasks(TaskFilter())


@pytest.fixture
def damaged(path: Path) -> Path:
    """A SQLite file of which only the header is left."""
    content = path.read_bytes()
    path.write_bytes(content[:100] + b"\xff" * (len(content) - 100))
    return path


async def test_a_damaged_file_is_told_from_a_foreign_one(damaged: Path) -> None:
    assert "is damaged" in await refusal(damaged, SchemaMismatch)


@pytest.fixture
def locked(path: Path) -> Iterator[Path]:
    """A file that another program holds for itself."""
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("INSERT INTO worker VALUES (1,'w','','','[]',0,0,0,1,NULL,0,0)")
        other.commit()
        yield path


@pytest.mark.usefixtures("impatient")
async def test_a_locked_file_may_be_free_later(locked: Path) -> None:
    assert "Another program holds" in await refusal(locked, Unavailable)


@pytest.mark.usefixtures("impatient")
async def test_a_write_while_another_program_writes_may_work_later(path: Path) -> None:
    async with await open_hub(target(path)) as hub:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(Unavailable, match="Another program holds"):
                await hub.workers.upsert(make_worker())
            assert list(await hub.workers.list()) == []  # readers do not wait for a writer
            other.execute("ROLLBACK")
        await hub.workers.upsert(make_worker())
        assert len(await hub.workers.list()) == 1


async def test_a_file_is_named_in_several_ways(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = path.parent
    odd = home / "a b%20c#d?e.db"
    shutil.copy(path, odd)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(home)
    shown = {
        str(path): "~/hub.db",
        "~/hub.db": "~/hub.db",
        "hub.db": "~/hub.db",
        "sqlite:///hub.db": "~/hub.db",
        f"sqlite:///{path}": "~/hub.db",
        "sqlite:///~/hub.db": "~/hub.db",
        str(odd): "~/a b%20c#d?e.db",
    }
    for dsn, place in shown.items():
        async with await open_hub(target(dsn)) as hub:
            assert hub.info.place == place
            assert hub.info.version == f"SQLite {sqlite3.sqlite_version}"
            assert (await hub.tasks.list_tasks(TaskFilter())).tasks == ()
    monkeypatch.setenv("HOME", str(home / "elsewhere"))
    async with await open_hub(target(path)) as hub:
        assert hub.info.place == str(path)


@pytest.mark.parametrize("dsn", ["", "sqlite://hub.db", "sqlite:hub.db", "a\0b", "sqlite:///"])
async def test_what_names_no_file(dsn: str) -> None:
    assert "names no SQLite file" in await refusal(dsn, Refused)


async def test_another_store_s_dsn_is_not_shown_with_its_password() -> None:
    said = await refusal("postgres://u:s3cret@h/db", Refused)
    assert "names no SQLite file" in said
    assert "s3cret" not in said


async def test_without_a_dsn_it_asks_for_one() -> None:
    with pytest.raises(Refused, match="No SQLite file"):
        await open_hub(Target("sqlite"))


@pytest.mark.parametrize("dsn", [":memory:", "sqlite:///:memory:"])
async def test_memory_is_a_store_of_its_own(dsn: str) -> None:
    async with await open_hub(target(dsn)) as one, await open_hub(target(dsn)) as other:
        assert one.info.place == ":memory:"
        await one.workers.upsert(make_worker())
        await one.tasks.upsert_task(make_task())
        assert ids((await one.tasks.list_tasks(TaskFilter())).tasks) == ["t1"]
        assert list(await other.workers.list()) == []


async def test_what_is_written_is_there_after_closing(path: Path) -> None:
    async with await open_hub(target(path)) as hub:
        await hub.workers.upsert(make_worker())
        await hub.tasks.upsert_task(make_task())
    async with await open_hub(target(path, read_only=True)) as hub:
        assert ids((await hub.tasks.list_tasks(TaskFilter())).tasks) == ["t1"]


async def test_two_programs_see_each_other_s_rows(path: Path) -> None:
    async with await open_hub(target(path)) as one, await open_hub(target(path)) as other:
        await one.workers.upsert(make_worker())
        await one.tasks.upsert_task(make_task())
        assert ids((await other.tasks.list_tasks(TaskFilter())).tasks) == ["t1"]


def test_creating_an_installation_again_keeps_its_rows(path: Path) -> None:
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("INSERT INTO worker VALUES (1,'w','','','[]',0,0,0,1,NULL,0,0)")
        raw.commit()
    create(path)
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("SELECT count(*) FROM worker").fetchone() == (1,)
        assert raw.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_schema_can_be_made_in_any_connection() -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as raw:
        create_schema(raw)
        tables = raw.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        assert {name for (name,) in tables} >= TABLES.keys()
