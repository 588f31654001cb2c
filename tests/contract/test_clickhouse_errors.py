"""What can go wrong with a ClickHouse: one sentence that names what, where and what to do."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from asynqhub_tui import cli
from asynqhub_tui.backends import Target, open_hub
from asynqhub_tui.backends.clickhouse.database import READ_TIMEOUT
from asynqhub_tui.repository import (
    Hub,
    HubError,
    NotFound,
    Refused,
    SchemaMismatch,
    TaskFilter,
    Unavailable,
)
from tests.chdb_store import ChdbStore
from tests.clickhouse import ClickHouseServer
from tests.contract.builders import make_task, make_worker
from tests.contract.engines import ClickHouseHttp
from tests.servers import PASSWORD, free_port


@pytest.fixture
def engine(clickhouse_server: ClickHouseServer) -> Iterator[ClickHouseHttp]:
    """An installation with the worker `worker-1` and the task `t1`."""
    with ClickHouseHttp.alone(clickhouse_server) as made:
        made.load([make_worker()], [make_task()])
        yield made
        clickhouse_server.fault("off")


@pytest.fixture
async def hub(engine: ClickHouseHttp) -> AsyncIterator[Hub]:
    """The same, open."""
    async with await open_hub(engine.target()) as opened:
        yield opened


def execute(engine: ClickHouseHttp, *statements: str) -> None:
    """Run statements behind the backend."""
    for statement in statements:
        engine.client.command(statement)


async def refusal(dsn: str | None) -> HubError:
    """Return why an installation cannot be opened, and check how it is said."""
    with pytest.raises(HubError) as caught:
        await open_hub(Target("clickhouse", None if dsn is None else SecretStr(dsn)))
    return checked(caught.value)


def checked(error: HubError) -> HubError:
    """Check that an error is one sentence and what to do, without a secret."""
    assert error.what.endswith(".")
    assert "\n" not in error.what
    assert error.hint
    for secret in (PASSWORD, "s3cr", "wrong-secret", "%40t"):
        assert secret not in str(error)
    return error


async def test_without_an_address() -> None:
    assert isinstance(await refusal(None), Refused)


async def test_a_wrong_password(engine: ClickHouseHttp) -> None:
    error = await refusal(engine.dsn.replace("%40t", "wrong-secret"))
    assert isinstance(error, Refused)
    assert "does not accept the user or the password" in error.what
    assert engine.dsn.rpartition("@")[2] in error.what


async def test_a_closed_port(engine: ClickHouseHttp) -> None:
    port = free_port()
    error = await refusal(f"clickhouse://u:s3cret@127.0.0.1:{port}/hub")
    assert isinstance(error, Unavailable)
    assert error.what == f"Nothing listens at 127.0.0.1:{port}/hub."


async def test_an_unknown_host() -> None:
    error = await refusal("clickhouse://u:s3cret@no-such-host.invalid/hub")
    assert isinstance(error, Unavailable)
    assert error.what == "The host of no-such-host.invalid:8123/hub is unknown."


async def test_a_port_that_speaks_no_tls(clickhouse_server: ClickHouseServer) -> None:
    error = await refusal(f"clickhouses://u:s3cret@127.0.0.1:{clickhouse_server.port}/hub")
    assert isinstance(error, Unavailable)
    assert "do not agree on TLS" in error.what


async def test_a_database_that_is_not_there(engine: ClickHouseHttp) -> None:
    error = await refusal(f"{engine.dsn}x")
    assert isinstance(error, SchemaMismatch)
    assert "no such database" in error.what
    assert "schema --apply" in error.hint


async def test_a_database_without_tables(clickhouse_server: ClickHouseServer) -> None:
    error = await refusal(clickhouse_server.create_database())
    assert isinstance(error, SchemaMismatch)
    assert "the table worker is missing, and 4 more" in error.what
    assert "schema --apply" in error.hint


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("DROP TABLE task_attempt", "the table task_attempt is missing"),
        ("ALTER TABLE task DROP COLUMN trace_id", "the column task.trace_id is missing"),
        (
            "ALTER TABLE task MODIFY COLUMN priority Int64",
            "the column task.priority is Int64 and not Int32",
        ),
    ],
    ids=["table", "column", "type"],
)
async def test_tables_that_differ_are_named(
    engine: ClickHouseHttp, statement: str, said: str
) -> None:
    execute(engine, statement)
    error = await refusal(engine.dsn)
    assert isinstance(error, SchemaMismatch)
    assert said in error.what


async def test_a_table_of_another_engine_is_named(clickhouse_server: ClickHouseServer) -> None:
    with ClickHouseHttp.alone(clickhouse_server) as engine:
        execute(
            engine,
            "CREATE TABLE plain AS worker ENGINE = MergeTree ORDER BY worker_name",
            "EXCHANGE TABLES plain AND worker",
        )
        error = await refusal(engine.dsn)
    assert "the table worker is a MergeTree and not a ReplacingMergeTree" in error.what


async def test_a_table_that_goes_in_mid_session(engine: ClickHouseHttp, hub: Hub) -> None:
    execute(engine, "DROP TABLE task_attempt")
    with pytest.raises(SchemaMismatch) as caught:
        await hub.tasks.get_task("t1")
    assert "task_attempt" in checked(caught.value).what


async def test_an_answer_that_breaks_off(
    clickhouse_server: ClickHouseServer, engine: ClickHouseHttp, hub: Hub
) -> None:
    clickhouse_server.fault("drop", match="FROM task FINAL")
    with pytest.raises(Unavailable) as caught:
        await hub.tasks.get_task("t1")
    assert "was lost" in checked(caught.value).what
    assert (await hub.tasks.get_task("t1")).task_id == "t1"


async def test_an_exception_in_the_middle_of_an_answer(
    clickhouse_server: ClickHouseServer, engine: ClickHouseHttp, hub: Hub
) -> None:
    clickhouse_server.fault("exception", match="FROM task FINAL")
    with pytest.raises(Unavailable) as caught:
        await hub.tasks.get_task("t1")
    assert "the fault that a test asked for" in checked(caught.value).what
    assert (await hub.tasks.get_task("t1")).task_id == "t1"


async def test_an_answer_that_never_comes(
    clickhouse_server: ClickHouseServer, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call ends in its time; the next one has a connection of its own."""
    monkeypatch.setattr("asynqhub_tui.backends.clickhouse.lane._GRACE", 0.5 - READ_TIMEOUT)
    clickhouse_server.fault("stall", match="FROM task FINAL")
    with pytest.raises(Unavailable) as caught:
        await hub.tasks.get_task("t1")
    assert "did not answer in time" in checked(caught.value).what
    monkeypatch.undo()
    assert (await hub.tasks.get_task("t1")).task_id == "t1"


async def test_a_call_that_is_left_leaves_a_free_lane(
    clickhouse_server: ClickHouseServer, hub: Hub
) -> None:
    clickhouse_server.fault("stall", match="FROM task FINAL")
    work = asyncio.create_task(hub.tasks.get_task("t1"))
    async with asyncio.timeout(20):
        while await asyncio.to_thread(clickhouse_server.fault_to_come):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    tasks = [hub.tasks.get_task("t1") for _ in range(3)]
    assert [task.task_id for task in await asyncio.gather(*tasks)] == ["t1"] * 3


async def test_a_statement_that_takes_too_long(hub: Hub) -> None:
    database = hub.tasks._database  # type: ignore[attr-defined]
    with pytest.raises(Unavailable) as caught:
        await database.fetch(
            "SELECT sum(sleepEachRow(0.1)) FROM numbers(300) SETTINGS max_block_size = 1", seconds=1
        )
    assert "in the time it was given" in checked(caught.value).what


async def test_a_server_that_restarts_is_found_again() -> None:
    with ClickHouseServer() as server, ClickHouseHttp.alone(server) as engine:
        engine.load([make_worker()], [make_task()])
        async with await open_hub(engine.target()) as hub:
            assert await hub.tasks.get_task("t1")
            server.stop()
            with pytest.raises(Unavailable) as caught:
                await hub.tasks.get_task("t1")
            assert "Nothing listens" in checked(caught.value).what
            with pytest.raises(Unavailable):
                await hub.tasks.update_task_status("t1", "fail", 1, None, None)
            server.start()
            assert (await hub.tasks.get_task("t1")).status == "pending"
            await hub.tasks.update_task_status("t1", "fail", 1, None, None)
            assert (await hub.tasks.get_task("t1")).status == "fail"


async def test_half_a_character_is_refused(hub: Hub) -> None:
    for write in (
        hub.tasks.upsert_task(make_task(payload='"\ud800"')),
        hub.tasks.update_task_status("t1", "fail", 1, "\udfff", None),
    ):
        with pytest.raises(Refused) as caught:
            await write
        assert "a character that is none" in str(caught.value)
    assert (await hub.tasks.get_task("t1")).status == "pending"


async def test_a_number_that_is_too_large_is_refused(hub: Hub) -> None:
    with pytest.raises(Refused):
        await hub.tasks.upsert_task(make_task(priority=2**40))


async def test_calls_on_a_closed_store(engine: ClickHouseHttp) -> None:
    hub = await open_hub(engine.target())
    await hub.close()
    with pytest.raises(Unavailable, match="was closed"):
        await hub.tasks.list_tasks(TaskFilter())
    with pytest.raises(Unavailable, match="was closed"):
        await hub.workers.upsert(make_worker())


async def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    error = await refusal(f"chdb://{tmp_path}/nowhere")
    assert isinstance(error, Refused)
    assert "There is no folder" in error.what
    assert not (tmp_path / "nowhere").exists()


async def test_another_folder_than_the_one_that_is_open(
    chdb_store: ChdbStore, tmp_path: Path
) -> None:
    """The engine opens one folder a process, and a folder is open in one process."""
    error = await refusal(f"chdb://{tmp_path}")
    assert isinstance(error, Unavailable)
    assert "open" in error.what


def test_the_embedded_engine_may_not_be_installed(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['chdb'] = None\n"
        "from asynqhub_tui import cli\n"
        f"sys.exit(cli.run(['tasks', '--dsn', 'chdb://{tmp_path}']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == cli.REFUSED
    assert "is not installed." in done.stderr
    assert "pip install 'asynqhub-tui[chdb]'" in done.stderr


async def test_an_unknown_task_is_no_error_of_the_store(hub: Hub) -> None:
    with pytest.raises(NotFound):
        await hub.tasks.get_task("nobody")
