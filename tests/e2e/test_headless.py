"""The commands without a screen, on a real SQLite file: what they print and how they exit."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import SecretStr
from rich.cells import cell_len

from asynqhub_tui import cli
from asynqhub_tui.backends import Target
from asynqhub_tui.backends.sqlite import create, open_hub
from asynqhub_tui.models import Attempt, QueueGroup, Task, WorkerConfig
from tests import forked

NOW = datetime.now(UTC)
"""When the store of the test was filled."""
BIG = '{"n": 12345678901234567890123, "price": 10.10, "who": "任务 😀", "csi": "\x9b31m"}'
ESCAPES = "\x1b[31mboom\x1b[0m [map[url:x]]\nsecond line"


def task(task_id: str, worker: str, status: str, minutes: float, payload: str = "{}") -> Task:
    at = NOW - timedelta(minutes=minutes)
    return Task(
        task_id=task_id,
        worker_name=worker,
        queue=f"{worker}:main:default",
        priority=2,
        payload=payload,
        status=status,
        last_attempt=1,
        created_at=at,
        updated_at=at,
    )


def attempt(
    row: Task, status: str, *, ms: int = 1500, number: int = 1, error: str | None = None
) -> Attempt:
    done = status != "running"
    return Attempt(
        task_id=row.task_id,
        attempt=number,
        status=status,
        started_at=row.created_at,
        finished_at=row.created_at + timedelta(milliseconds=ms) if done else None,
        error=error,
    )


async def fill(path: Path) -> None:
    mail = WorkerConfig(
        worker_name="mail",
        redis_addr="redis://:hunter2@cache:6379/0",
        queue_groups=(QueueGroup(name="main", concurrency=4, priorities={"default": 3}),),
        default_timeout=60,
        last_heartbeat_at=NOW,
    )
    good = task("5a690001", "mail", "success", 30, BIG)
    bad = task("5a690002", "mail", "fail", 20)
    dead = task("beef0001", "images", "dead", 15, "not json \x1b[2J")
    runs = task("beef0002", "images", "pending", 0.1)
    late = task("beef0003", "images", "pending", 90)
    waits = task("任务-1", "images", "pending", 1)
    async with await open_hub(Target("sqlite", SecretStr(str(path)))) as hub:
        await hub.workers.upsert(mail)
        await hub.workers.upsert(WorkerConfig(worker_name="images", is_enabled=False))
        for row in (good, bad, dead, runs, late, waits):
            await hub.tasks.upsert_task(row)
        for row, status, error in (
            (good, "success", None),
            (bad, "fail", ESCAPES),
            (dead, "dead", "故意失败"),
        ):
            await hub.tasks.insert_attempt(attempt(row, "running"))
            await hub.tasks.insert_attempt(attempt(row, status, error=error))
        await hub.tasks.insert_attempt(attempt(runs, "running"))
        await hub.tasks.insert_attempt(attempt(late, "running"))


@pytest.fixture
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one task in every state, as they are now."""
    global NOW
    NOW = (datetime.now(UTC) - timedelta(seconds=1)).replace(microsecond=123000)  # not to come
    path = tmp_path_factory.mktemp("store") / "hub.db"
    create(path)
    asyncio.run(fill(path))
    return path


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the machine's own reaches a test."""
    for name in [*os.environ]:
        if name.startswith("ASYNQHUB_TUI_") or name in ("POSTGRES_DSN", "COLUMNS"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


Out = Callable[..., str]


@pytest.fixture
def out(store: Path, capsys: pytest.CaptureFixture[str]) -> Out:
    """Run a command on the store, demand its exit code and return its standard output."""

    def out(*argv: str, code: int = cli.OK) -> str:
        got = cli.run([*argv, "--dsn", str(store)])
        printed = capsys.readouterr()
        assert got == code, printed.err
        return printed.out

    return out


def program(*argv: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return forked.run("asynqhub_tui", *argv, folder=Path.cwd(), environ=os.environ | variables)


def ids(listing: str) -> list[str]:
    return [one["task_id"] for one in json.loads(listing)]


def test_tasks_come_newest_first_with_what_they_do_now(out: Out) -> None:
    tasks = json.loads(out("tasks", "--order", "created", "--json"))
    states = {one["task_id"]: one["state"] for one in tasks}
    assert list(states) == [
        "beef0002", "任务-1", "beef0001", "5a690002", "5a690001", "beef0003"
    ]  # fmt: skip
    assert list(states.values()) == [
        "running",
        "pending",
        "dead",
        "retries left",
        "success",
        "overdue",
    ]


def test_a_listed_task_has_the_names_of_its_row(out: Out) -> None:
    (one,) = json.loads(out("tasks", "5a690002", "--json"))
    assert one.pop("error") == ESCAPES
    assert one.pop("created_at") == (NOW - timedelta(minutes=20)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert one.pop("updated_at").endswith("Z")
    assert one == {
        "task_id": "5a690002",
        "worker_name": "mail",
        "queue": "mail:main:default",
        "priority": 2,
        "status": "fail",
        "last_attempt": 1,
        "last_error": None,
        "last_worker_name": None,
        "trace_id": None,
        "state": "retries left",
        "error_is_old": False,
        "duration_ms": 1500,
    }


@pytest.mark.parametrize(
    ("argv", "found"),
    [
        (["5a69"], {"5a690001", "5a690002"}),
        (["status:failed"], {"5a690002", "beef0001"}),
        (["--status", "failed", "--worker", "mail"], {"5a690002"}),
        (["--status", "fail", "--status", "success"], {"5a690001", "5a690002"}),
        (["status:fail", "--status", "success,dead"], {"5a690001", "5a690002", "beef0001"}),
        (["--queue", "mail:main:default"], {"5a690001", "5a690002"}),
        (["--queue", "main"], {"5a690001", "5a690002"}),
        (["--since", "10m"], {"beef0002", "任务-1"}),
        (["--status", "overdue"], {"beef0003"}),
        (["worker:mail", "since:25m"], {"5a690002"}),
        (["worker:nobody"], set()),
    ],
)
def test_filters(out: Out, argv: list[str], found: set[str]) -> None:
    assert set(ids(out("tasks", *argv, "--json"))) == found


def test_limits_may_exceed_a_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "many.db"
    create(path)

    async def many() -> None:
        async with await open_hub(Target("sqlite", SecretStr(str(path)))) as hub:
            await hub.workers.upsert(WorkerConfig(worker_name="w"))
            for number in range(450):
                await hub.tasks.upsert_task(task(f"t{number:03}", "w", "success", number))

    asyncio.run(many())
    for limit in ("449", "450", "1000"):
        assert cli.run(["tasks", "--dsn", str(path), "--limit", limit, "--json"]) == 0
        printed = capsys.readouterr()
        want = [f"t{number:03}" for number in range(min(450, int(limit)))]
        assert (ids(printed.out), printed.err) == (want, "")
    assert cli.run(["tasks", "--dsn", str(path), "--json"]) == 0
    printed = capsys.readouterr()
    assert len(ids(printed.out)) == 50
    assert "newest 50 of more" in printed.err


def test_a_search_that_stops_early_says_so_and_goes_on_where_it_is_bounded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], store: Path
) -> None:
    monkeypatch.setattr("asynqhub_tui.backends.sqlite.selection.SCAN_ROWS", 2)
    argv = ["tasks", "--status", "overdue", "--dsn", str(store), "--json"]
    assert cli.run(argv) == 0
    printed = capsys.readouterr()
    assert ids(printed.out) == []
    assert "searched back to" in printed.err
    assert "--since says how far" in printed.err
    assert cli.run([*argv, "--since", "1d"]) == 0
    printed = capsys.readouterr()
    assert (ids(printed.out), printed.err) == (["beef0003"], "")


def test_columns_line_up_in_cells_and_hold_no_escape_sequence(out: Out) -> None:
    head, *rows = out("tasks").splitlines()
    assert len(rows) == 6
    start = head.index("WORKER")
    for row in rows:
        worker = next(name for name in ("mail", "images") if f" {name} " in row)
        assert cell_len(row[: row.index(f" {worker} ") + 1]) == start
        assert row.isprintable()
    (failed,) = (row for row in rows if row.startswith("retries left"))
    assert failed.endswith("␛[31mboom␛[0m [map[url:x]]")


def test_nothing_found_is_an_empty_array_and_a_bare_header(out: Out) -> None:
    assert out("tasks", "worker:nobody", "--json") == "[]\n"
    assert out("tasks", "worker:nobody").splitlines() == [
        "STATE  TASK  WORKER  QUEUE  ATTEMPT  TOOK  UPDATED  ERROR"
    ]


def test_a_payload_keeps_every_digit(out: Out) -> None:
    text = out("task", "5a690001", "--json")
    assert BIG.replace("\x9b", "\\u009b") in text
    one = json.loads(text, parse_float=Decimal)
    assert one["payload"]["n"] == 12345678901234567890123
    assert str(one["payload"]["price"]) == "10.10"
    assert one["payload"]["csi"] == "\x9b31m"


def test_a_task_has_its_attempts_folded(out: Out) -> None:
    one = json.loads(out("task", "5a690002", "--json"))
    (only,) = one["attempts"]
    assert (only["attempt"], only["status"], only["duration_ms"]) == (1, "fail", 1500)
    assert only["started_at"] == one["created_at"]


def test_a_payload_that_is_no_json_is_a_string(out: Out) -> None:
    one = json.loads(out("task", "beef0001", "--json"))
    assert one["payload"] == "not json \x1b[2J"
    assert "\x1b" not in out("task", "beef0001")


def test_a_task_in_full_shows_error_attempts_and_payload(out: Out) -> None:
    text = out("task", "5a690002", "--times", "utc")
    assert "attempt   1/4" in text
    assert "  second line\n" in text
    assert f"{NOW - timedelta(minutes=20):%Y-%m-%d %H:%M:%S} UTC (20m ago)" in text
    assert text.endswith("payload\n  {}\n")


def test_while_a_task_runs_again_its_last_error_is_told_as_an_old_one(
    store: Path, out: Out
) -> None:
    with sqlite3.connect(store) as rows:
        rows.execute(
            """INSERT INTO task_attempt (task_id, attempt, status, started_at)
            SELECT task_id, 2, 'running', started_at + 60000000 FROM task_attempt
            WHERE status = 'dead'"""
        )
    listed = out("tasks", "beef0001")
    assert listed.rstrip().endswith("was: 故意失败")
    text = out("task", "beef0001")
    began = f"{NOW - timedelta(minutes=15):%Y-%m-%d %H:%M:%S}"
    assert f"\nerror of attempt 1, started {began} UTC\n  故意失败\n" in text
    assert re.search(r"\n +2 +(running|no report) ", text)
    [one] = json.loads(out("tasks", "beef0001", "--json"))
    assert (one["error"], one["error_is_old"]) == ("故意失败", True)


def test_an_attempt_without_a_report_is_told_as_such(out: Out) -> None:
    assert re.search(r"\n +1 +no report ", out("task", "beef0003"))


def test_workers(out: Out) -> None:
    images, mail = json.loads(out("workers", "--window", "all", "--json"))
    assert (images["worker_name"], images["is_enabled"]) == ("images", False)
    assert images["stats"]["overdue_tasks"] == 1
    assert mail["redis_addr"] == "redis://:***@cache:6379/0"
    assert mail["queue_groups"] == [
        {"name": "main", "concurrency": 4, "priorities": {"default": 3}}
    ]
    assert (mail["stats"]["success_tasks"], mail["stats"]["success_rate"]) == (1, 50.0)
    head, first, second = out("workers").splitlines()
    assert head.split()[:4] == ["WORKER", "STATE", "HEARTBEAT", "TOTAL"]
    assert first.split()[:2] == ["images", "disabled"]
    assert second.split()[-3:] == ["0", "50.0", "1.5s"]


def test_one_worker(out: Out) -> None:
    one = json.loads(out("worker", "mail", "--hours", "3", "--json"))
    assert one["stats"]["queues"][0]["queue"] == "mail:main:default"
    assert len(one["time_series"]) == 3
    assert one["time_series"][-1]["hour"] == datetime.now(UTC).strftime("%Y-%m-%d %H:00")
    text = out("worker", "mail", "--hours", "2")
    assert "hunter2" not in text
    assert "main: 4 at once, default 3" in text
    assert text.splitlines()[-1].startswith(datetime.now(UTC).strftime("%Y-%m-%d %H:00"))


def test_the_overview_fits_its_width(
    out: Out, monkeypatch: pytest.MonkeyPatch, store: Path
) -> None:
    for width in ("60", "80", "132"):
        monkeypatch.setenv("COLUMNS", width)
        text = out("--read-only")
        assert text.isprintable() or all(line.isprintable() for line in text.splitlines())
        assert max(map(cell_len, text.splitlines())) <= int(width)
    head, place, *_, newest, oldest = text.splitlines()
    assert str(store) in place
    assert "READ-ONLY" in head
    assert (
        "status  pending 3  running 0  success 1  fail 1  dead 1\nnow     running 1  overdue 1"
        in text
    )
    assert "5a690002" in newest or "beef0001" in newest
    assert {row.split("  ")[0] for row in (newest, oldest)} == {"retries left", "dead"}
    assert "boom" in text
    assert "second line" not in text


def test_the_overview_has_a_line_for_every_worker(out: Out) -> None:
    lines = out().splitlines()
    head = next(line for line in lines if line.startswith("WORKER"))
    (mail,) = (line for line in lines if line.startswith("mail "))
    assert dict(zip(head.split()[1:8], mail.split()[1:8], strict=True)) == {
        "PEND": "0",
        "RUN": "0",
        "OK": "1",
        "FAIL": "1",
        "DEAD": "0",
        "OK%": "50.0",
        "AVG": "1.5s",
    }
    assert set(mail.split()[8]) <= set("▁▂▃▄▅▆▇█")
    assert "█" in mail


def test_settings_stand_before_and_after_a_command(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["--dsn", str(store), "tasks", "--json"]) == 0
    before = capsys.readouterr().out
    assert cli.run(["tasks", "--dsn", str(store), "--json"]) == 0
    assert capsys.readouterr().out == before


@pytest.mark.parametrize(
    ("argv", "code", "complaint"),
    [
        (["task", "no-such-task"], 1, "There is no task no-such-task."),
        (["worker", "nobody"], 1, "There is no worker nobody."),
        (["tasks", "colour:red"], 2, "There is no filter “colour:”"),
        (["tasks", "worker:a", "--worker", "b"], 2, "--worker and “worker:” are both there."),
        (["tasks", "--since", "soon"], 2, "“since:soon” is no time"),
        (["tasks", "--limit", "0"], 2, "argument --limit: 0 is not a number above 0."),
        (["tasks", "--limit", "x"], 2, "argument --limit: x is not a number above 0."),
        (["worker", "mail", "--hours", "169"], 2, "169 is not a number from 1 to 168."),
        (["tusks"], 2, "invalid choice: 'tusks'"),
        (["tasks", "--jso"], 2, "unrecognized arguments: --jso."),
        (["--interval", "0"], 2, "--interval: 0 is not 0.5 to 60 seconds."),
    ],
)
def test_complaints_are_plain_lines_and_have_a_code(
    store: Path,
    capsys: pytest.CaptureFixture[str],
    argv: list[str],
    code: int,
    complaint: str,
) -> None:
    assert cli.run(["--dsn", str(store), *argv]) == code
    printed = capsys.readouterr()
    assert complaint in printed.err
    assert printed.out == ""
    lines = printed.err.splitlines()
    assert 1 <= len(lines) <= 2
    assert all(line.startswith("asynqhub-tui: ") for line in lines)


def test_a_store_that_is_not_asynq_hubs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty.db").touch()
    assert cli.run(["tasks", "--dsn", "empty.db"]) == cli.SCHEMA
    assert "asynqhub-tui: " in capsys.readouterr().err
    assert cli.run(["tasks", "--dsn", "missing.db"]) == cli.REFUSED
    assert "There is no SQLite file" in capsys.readouterr().err


def test_nothing_answers() -> None:
    done = program("tasks", POSTGRES_DSN="postgres://u:pw9@127.0.0.1:9/x")
    assert (done.returncode, done.stdout) == (cli.UNAVAILABLE, "")
    assert "Traceback" not in done.stderr
    assert "pw9" not in done.stderr
    assert "The DSN is from POSTGRES_DSN in the environment." in done.stderr


def test_an_unexpected_fault_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], store: Path
) -> None:
    def fail(*_: object) -> None:
        raise KeyError("postgres://u:s3cret@h")

    monkeypatch.setattr("asynqhub_tui.settings.load", fail)
    assert cli.run(["tasks", "--dsn", str(store)]) == cli.FAULT
    error = capsys.readouterr().err
    assert "KeyError" in error
    assert "ASYNQHUB_TUI_DEBUG=1" in error
    assert "s3cret" not in error
    assert "Traceback" not in error
    monkeypatch.setenv("ASYNQHUB_TUI_DEBUG", "1")
    assert cli.run(["tasks", "--dsn", str(store)]) == cli.FAULT
    assert "Traceback" in capsys.readouterr().err


def test_a_reader_that_has_enough_is_no_error(store: Path) -> None:
    command = f"{sys.executable} -m asynqhub_tui tasks --json --dsn {store}; echo code=$? >&2"
    done = subprocess.run(
        ["bash", "-c", f"({command}) | true"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == "code=0\n"


def test_a_full_disk_is_said_in_a_sentence(store: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "asynqhub_tui", "tasks", "--dsn", str(store)],
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == cli.OUTPUT
    said = "asynqhub-tui: Standard output cannot be written: No space left on device.\n"
    assert done.stderr == said


def test_a_status_that_no_task_has_is_named(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["tasks", "--status", "bogus", "--dsn", str(store)]) == cli.OK
    assert "No task has the status bogus. Asynq-Hub's own are pending, " in capsys.readouterr().err
    assert cli.run(["tasks", "--status", "fail", "nobody", "--dsn", str(store)]) == cli.OK
    assert capsys.readouterr().err == ""


def test_json_is_utf8_whatever_the_locale(store: Path) -> None:
    env = {**os.environ, "PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}
    command = [sys.executable, "-m", "asynqhub_tui", "--dsn", str(store)]
    listed = subprocess.run(
        [*command, "tasks", "--json"], env=env, capture_output=True, timeout=60, check=True
    )
    assert "任务-1" in listed.stdout.decode("utf-8")
    plain = subprocess.run(
        [*command, "tasks"], env=env, capture_output=True, timeout=60, check=True
    )
    assert "??-1" in plain.stdout.decode("latin-1")


def test_interrupted(tmp_path: Path) -> None:
    """Ctrl+C while the program waits: a fifo in place of .env keeps it waiting."""
    os.mkfifo(tmp_path / "config.toml")
    waiting = subprocess.Popen(
        [sys.executable, "-m", "asynqhub_tui", "tasks", "--config", "config.toml"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Where the tests run in the background, SIGINT is ignored, and stays so in a child.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    with open(tmp_path / "config.toml", "w"):  # opens once the program reads it
        waiting.send_signal(signal.SIGINT)
        out, err = waiting.communicate(timeout=60)
    assert (waiting.returncode, out, err) == (cli.INTERRUPTED, "", "")


def test_a_warning_goes_to_standard_error(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[profiles.p]\ndsn = "postgres://u:s3cret@h/d"\n', "utf-8")
    config.chmod(0o644)
    assert cli.run(["tasks", "--dsn", str(store), "--config", str(config), "--json"]) == 0
    printed = capsys.readouterr()
    assert "chmod 600" in printed.err
    assert json.loads(printed.out)
