"""`delete-worker` on real SQLite files, with and without somebody to ask."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from asynqhub_tui import cli
from asynqhub_tui.backends import Target
from asynqhub_tui.backends.sqlite import create, open_hub
from asynqhub_tui.models import Task, WorkerConfig


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A worker with three tasks and one without any."""
    path = tmp_path / "hub.db"
    create(path)

    async def fill() -> None:
        async with await open_hub(Target("sqlite", SecretStr(str(path)))) as hub:
            for name in ("busy", "idle"):
                await hub.workers.upsert(WorkerConfig(worker_name=name))
            for number in range(3):
                now = datetime.now(UTC)
                await hub.tasks.upsert_task(
                    Task(
                        task_id=f"t{number}",
                        worker_name="busy",
                        queue="busy:q:default",
                        payload="{}",
                        status="success",
                        created_at=now,
                        updated_at=now,
                    )
                )

    asyncio.run(fill())
    monkeypatch.setenv("ASYNQHUB_TUI_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return path


def workers(store: Path) -> dict[str, bool]:
    """Return whether each worker of the store is enabled."""

    async def read() -> dict[str, bool]:
        async with await open_hub(Target("sqlite", SecretStr(str(store)))) as hub:
            return {one.worker_name: one.is_enabled for one in await hub.workers.list()}

    return asyncio.run(read())


def journalled(store: Path) -> list[tuple[str, str, str | None]]:
    """Return action, phase and outcome of each entry of the journal."""
    lines = (store.parent / "state" / "journal.jsonl").read_text("utf-8").splitlines()
    entries = map(json.loads, lines)
    return [(one["action"], one["phase"], one["outcome"]) for one in entries]


def delete(store: Path, *argv: str) -> int:
    return cli.run(["delete-worker", *argv, "--dsn", str(store)])


def test_a_worker_without_tasks_is_deleted_and_saved(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert delete(store, "idle", "--yes", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["worker_name"], said["action"], said["outcome"]) == ("idle", "delete", "done")
    saved = json.loads(Path(said["restore_file"]).read_text("utf-8"))
    assert saved["worker"]["worker_name"] == "idle"
    assert workers(store) == {"busy": True}
    assert journalled(store) == [
        ("delete_worker", "intent", None),
        ("delete_worker", "outcome", "done"),
    ]


def test_a_worker_with_tasks_is_refused_with_what_helps(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert delete(store, "busy", "--yes") == cli.REFUSED
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "--purge" in printed.err
    assert "--disable" in printed.err
    assert "busy" in workers(store)


def test_purging_comes_before_deleting(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert delete(store, "busy", "--purge", "--yes") == 0
    assert "Deleted 3 tasks and 0 attempt rows." in capsys.readouterr().out
    assert workers(store) == {"idle": True}
    assert [action for action, phase, _ in journalled(store) if phase == "intent"] == [
        "purge_worker",
        "delete_worker",
    ]


def test_disabling_keeps_it(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert delete(store, "busy", "--disable", "--yes") == 0
    assert workers(store) == {"busy": False, "idle": True}
    assert delete(store, "busy", "--disable", "--yes", "--json") == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (said["outcome"], said["restore_file"], said["purged"]) == ("unchanged", None, None)


def test_purging_and_disabling_exclude_each_other(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert delete(store, "busy", "--disable", "--purge", "--yes") == cli.USAGE
    assert "not allowed with argument" in capsys.readouterr().err
    assert workers(store) == {"busy": True, "idle": True}


def test_nothing_is_done_when_nobody_can_be_asked(store: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "asynqhub_tui", "delete-worker", "idle", "--dsn", str(store)],
        input="idle\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (cli.USAGE, "")
    assert "Add --yes" in done.stderr
    assert "idle" in workers(store)


def test_nothing_is_done_read_only(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert delete(store, "idle", "--yes", "--read-only") == cli.REFUSED
    assert "read-only" in capsys.readouterr().err
    assert "idle" in workers(store)
    assert not (store.parent / "state").exists()


def test_an_unknown_worker(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert delete(store, "nobody", "--yes") == cli.NOT_FOUND
    assert capsys.readouterr().err.startswith("asynqhub-tui: There is no worker nobody.")


class Asked:
    """The program at a pseudo terminal, up to its question, or to its end where it asks none."""

    def __init__(self, store: Path, name: str) -> None:
        self.master, slave = pty.openpty()
        command = [sys.executable, "-m", "asynqhub_tui", "delete-worker", name, "--dsn", str(store)]
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # Whoever runs the tests in the background may have had it ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        os.close(slave)
        assert self.process.stderr
        self.preview = ""
        while not self.preview.endswith("Type the worker's name to delete it: "):
            char = self.process.stderr.read(1)
            if not char:
                break
            self.preview += char

    def answer(self, typed: bytes) -> tuple[int, str, str]:
        os.write(self.master, typed)
        return self.end()

    def end(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=60)
        os.close(self.master)
        return self.process.returncode, out, err


def test_the_name_is_to_be_typed(store: Path) -> None:
    asked = Asked(store, "idle")
    assert "tasks         0\n" in asked.preview
    assert "A running hub registers the worker again" in asked.preview
    code, out, _ = asked.answer(b"idle\n")
    assert (code, "The worker idle is deleted." in out) == (0, True)
    assert workers(store) == {"busy": True}


def test_no_name_is_asked_for_what_the_store_would_refuse(store: Path) -> None:
    asked = Asked(store, "busy")
    code, out, err = asked.end()
    assert (code, out) == (cli.REFUSED, "")
    said = asked.preview + err
    assert "tasks         3" in said
    assert "so nothing was done" in said
    assert "--disable" in said
    assert "--purge" in said
    assert "Type the worker's name" not in said
    assert "busy" in workers(store)


@pytest.mark.parametrize("typed", [b"y\n", b"\n", b"idle \n", b"\x04"])
def test_anything_else_does_nothing(store: Path, typed: bytes) -> None:
    code, out, err = Asked(store, "idle").answer(typed)
    assert (code, out) == (cli.REFUSED, "")
    assert "so nothing was done" in err
    assert "idle" in workers(store)


def test_ctrl_c_at_the_question_does_nothing(store: Path) -> None:
    asked = Asked(store, "idle")
    asked.process.send_signal(signal.SIGINT)
    code, _, err = asked.end()
    assert (code, err) == (cli.INTERRUPTED, "")
    assert "idle" in workers(store)


def test_a_deleted_worker_comes_back_from_its_restore_file(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dsn = ["--dsn", str(store)]
    assert cli.run(["delete-worker", "idle", "--yes", "--json", *dsn]) == cli.OK
    file = json.loads(capsys.readouterr().out)["restore_file"]
    assert workers(store) == {"busy": True}

    assert cli.run(["restore-worker", file, *dsn]) == cli.OK
    assert workers(store) == {"busy": True, "idle": True}
    assert "idle is back" in capsys.readouterr().out

    assert cli.run(["restore-worker", file, *dsn]) == cli.REFUSED
    assert "already" in capsys.readouterr().err
    assert cli.run(["restore-worker", f"{file}.gone", *dsn]) == cli.NOT_FOUND
