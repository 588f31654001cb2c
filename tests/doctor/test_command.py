"""`asynqhub-tui doctor`: what it writes, what it returns, what does not reach the terminal."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from asynqhub_tui import cli
from asynqhub_tui.asynq import keys
from asynqhub_tui.backends.sqlite import create
from tests.contract.builders import make_task, make_worker
from tests.contract.engines import Postgres
from tests.doctor.conftest import execute
from tests.e2e.command import Command
from tests.servers import PASSWORD, PostgresServer, free_port
from tests.valkey import ValkeyServer

Run = Callable[..., tuple[int, str, str]]

HOSTILE = "odd \x1b[31m\x07[red] name"

LEVELS = ("problem", "warning", "note", "ok")


class Environ(dict[str, str]):
    """The environment of a run in this process."""


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """The program as it is installed."""
    return Command(tmp_path)


@pytest.fixture
def environ() -> Environ:
    """What is set beside the usual."""
    return Environ()


@pytest.fixture
def run(
    environ: Environ,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Run the program in this process, which is much quicker, in a folder without .env."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        with monkeypatch.context() as patch:
            for name, value in environ.items():
                patch.setenv(name, value)
            code = cli.run(["doctor", *arguments])
        captured = capsys.readouterr()
        assert PASSWORD not in captured.out + captured.err
        return code, captured.out, captured.err

    return run


@pytest.fixture
def loaded(dsn: str, environ: Environ) -> str:
    """An installation with a worker and a task, which the command looks at."""
    Postgres(dsn).load([make_worker()], [make_task()])
    environ["POSTGRES_DSN"] = dsn
    return dsn


def levels(out: str) -> list[str]:
    """Return the level of each finding, in the order of what was written."""
    return re.findall(rf"^({'|'.join(LEVELS)}) +\w+: ", out, re.MULTILINE)


def test_the_worst_comes_first_and_fits_the_width(loaded: str, command: Command) -> None:
    execute(loaded, "DROP INDEX idx_task_queue_updated_at")
    execute(loaded, "ALTER TABLE task_attempt DROP CONSTRAINT task_attempt_pkey")
    command.environ |= {"COLUMNS": "80", "POSTGRES_DSN": loaded}
    code, out, notes = command.run("doctor")
    assert (code, notes) == (cli.REFUSED, "")
    found = levels(out)
    assert found == sorted(found, key=LEVELS.index)
    assert set(found) == set(LEVELS)
    lines = out.splitlines()
    assert lines[0] == "problem  postgres: The hub's unique index task_attempt (id) is missing."
    prose = [line for line in lines if not line.startswith(" " * 11)]
    assert max(map(len, prose)) <= 80
    statement = "CREATE INDEX CONCURRENTLY ON public.task (queue, updated_at DESC);"
    assert f"{' ' * 11}{statement}" in lines
    assert re.fullmatch(r"1 problem, \d+ warnings?, \d+ notes?, \d+ ok\.", lines[-1])


def test_json(loaded: str, command: Command) -> None:
    command.environ["POSTGRES_DSN"] = loaded
    code, out, _ = command.run("doctor", "--json")
    assert code == cli.OK
    found = json.loads(out)
    assert all(
        list(one) == ["about", "check", "level", "title", "detail", "commands"] for one in found
    )
    assert {one["level"] for one in found} <= set(LEVELS)
    assert {"about": "redis", "check": "redis"}.items() <= found[-1].items() or any(
        one["about"] == "redis" and "--redis" in one["detail"] for one in found
    )


@pytest.mark.parametrize("how", [[], ["--json"]])
def test_hostile_texts_do_not_reach_the_terminal(
    postgres_server: PostgresServer,
    loaded: str,
    run: Run,
    environ: Environ,
    valkey_server: ValkeyServer,
    how: list[str],
) -> None:
    quoted = '"' + HOSTILE + '"'
    execute(loaded, f"CREATE ROLE {quoted} LOGIN PASSWORD 's3cr'")
    execute(loaded, f"GRANT SELECT ON task TO {quoted}")
    address = valkey_server.fresh()
    with valkey_server.client_of(address) as redis:
        redis.sadd(keys.QUEUES, HOSTILE)
        redis.set(keys.paused(HOSTILE), 1)
    database = loaded.rpartition("/")[2]
    user = HOSTILE.replace(" ", "%20").replace("\x1b", "%1B").replace("\x07", "%07")
    user = user.replace("[", "%5B").replace("]", "%5D")
    environ |= {
        "POSTGRES_DSN": postgres_server.dsn(database, user=user, password="s3cr"),
        "REDIS_ADDR": address,
    }
    try:
        _, out, notes = run(*how)
    finally:
        execute(loaded, f"DROP OWNED BY {quoted}", f"DROP ROLE {quoted}")
    assert "odd " in out
    assert "[red]" in out
    assert not set("\x1b\x07") & set(out + notes)
    assert "s3cr" not in out + notes


def test_exit_codes(loaded: str, run: Run, environ: Environ, valkey_server: ValkeyServer) -> None:
    away = f"127.0.0.1:{free_port()}"
    assert run("--dsn", f"postgres://u:s3cr@{away}/d")[0] == cli.UNAVAILABLE
    environ["REDIS_ADDR"] = away
    code, out, _ = run()
    assert code == cli.UNAVAILABLE
    assert out.startswith(f"problem  redis: Nothing listens at {away}/0.")
    environ["REDIS_ADDR"] = "no address"
    code, out, _ = run()
    assert code == cli.REFUSED
    assert "cannot be used" in out
    del environ["REDIS_ADDR"]
    execute(loaded, "ALTER TABLE task DROP COLUMN trace_id")
    code, out, _ = run()
    assert code == cli.SCHEMA
    assert "no column task.trace_id" in out.splitlines()[0]


def test_workers_of_the_store_are_held_against_the_queue(
    loaded: str, run: Run, environ: Environ, valkey_server: ValkeyServer
) -> None:
    elsewhere = make_worker("worker-9", redis_addr="redis://:hunter2@10.0.0.5:6379/0")
    Postgres(loaded).load([elsewhere])
    environ["REDIS_ADDR"] = valkey_server.fresh()
    found = json.loads(run("--json")[1])
    assert any("worker-9 (redis://:***@10.0.0.5:6379/0)" in (one["detail"] or "") for one in found)


def test_the_demo_and_a_file(run: Run, tmp_path: Path) -> None:
    code, out, _ = run()
    assert code == cli.OK
    assert levels(out) == ["note"]
    create(tmp_path / "hub.db")
    code, out, _ = run("--dsn", str(tmp_path / "hub.db"))
    assert code == cli.OK
    assert levels(out) == ["note", "ok", "ok", "ok", "ok"]
