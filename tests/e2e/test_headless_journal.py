"""`journal` and `replay` as the installed program, and batches that were interrupted."""

from __future__ import annotations

import json
import signal
from typing import Any

import pytest

from asynqhub_tui import cli
from asynqhub_tui.asynq import keys
from asynqhub_tui.asynq.messages import TaskMessage, decode
from tests.contract.builders import QUEUE
from tests.e2e.conftest import Start
from tests.e2e.installation import Installation
from tests.e2e.terminal import Terminal
from tests.valkey import ValkeyServer

SLOWLY = ("--rate", "0.02")
"""The first task is retried at once, the second one long after the test."""


@pytest.fixture
def between(start: Start, installation: Installation) -> Terminal:
    """A batch of two tasks, of which one is done and the other has to wait."""
    installation.archived("a", "b")
    terminal = start("retry", "a", "b", "--yes", *SLOWLY, **installation.environ)
    terminal.wait_for("1 of 2")
    assert installation.pending() == 1
    return terminal


def batch_of(installation: Installation) -> str:
    """Return the id of the only batch."""
    [folder] = (installation.state / "batches").iterdir()
    return folder.name


def test_ctrl_c_stops_behind_the_tasks_under_way(
    between: Terminal, installation: Installation
) -> None:
    between.press("ctrl+c")
    assert between.wait_exit() == cli.INTERRUPTED
    batch = batch_of(installation)
    assert "Stopping behind the tasks that are under way" in between.screen
    assert "resumed  1" in between.screen
    assert f"1 not reached. `asynqhub-tui journal resume {batch}` goes on." in between.screen
    assert "1 of 2" not in between.screen
    assert installation.pending() == 1

    shown = installation.json("journal", "show", batch)
    assert (shown["batch"], shown["outcome"], shown["included"]) == (batch, "cancelled", 2)
    assert [one["outcome"] for one in shown["tasks"]] == ["resumed"]

    done = installation.json("journal", "resume", batch)
    assert (done["batch"], done["outcome"], len(done["tasks"])) == (batch, "done", 2)
    assert installation.pending() == 2


def test_sigterm_stops_it_too(between: Terminal, installation: Installation) -> None:
    between.signal(signal.SIGTERM)
    assert between.wait_exit() == 143
    assert installation.json("journal", "show", batch_of(installation))["outcome"] == "cancelled"


def test_a_batch_that_was_killed_goes_on(between: Terminal, installation: Installation) -> None:
    batch = batch_of(installation)
    running = installation.run("journal", "show", batch)
    assert "state      running" in running.stdout
    assert running.stderr == ""
    refused = installation.run("journal", "resume", batch)
    assert refused.returncode == cli.REFUSED
    assert "Another process works on the batch" in refused.stderr

    between.signal(signal.SIGKILL)
    assert between.wait_exit() == -signal.SIGKILL
    listed = installation.run("journal", "list")
    assert listed.stdout.splitlines()[1].split()[-1] == "ended"
    assert f"`asynqhub-tui journal resume {batch}` goes on." in listed.stderr
    assert installation.json("journal", "show", batch)["outcome"] == "interrupted"

    done = installation.run("journal", "resume", batch)
    assert (done.returncode, done.stdout, done.stderr) == (0, "resumed  2\n", "")
    assert installation.pending() == 2
    assert installation.run("journal", "list").stderr == ""
    assert installation.run("journal", "resume", batch).returncode == 0
    assert installation.pending() == 2


def test_a_second_ctrl_c_ends_at_once(
    start: Start, on_own_valkey: Installation, own_valkey: ValkeyServer
) -> None:
    on_own_valkey.archived("a")
    terminal = start("retry", "a", **on_own_valkey.environ)
    terminal.wait_for("Type y:")
    own_valkey.pause()
    terminal.press("y", "enter")
    terminal.wait_for("0 of 1")
    terminal.press("ctrl+c")
    terminal.wait_for("once more ends at once")
    terminal.press("ctrl+c")
    assert terminal.wait_exit() == cli.INTERRUPTED
    assert "Traceback" not in terminal.screen
    own_valkey.resume()
    done = on_own_valkey.json("journal", "resume", batch_of(on_own_valkey))
    assert [one["outcome"] for one in done["tasks"]] == ["resumed"]
    assert on_own_valkey.pending() == 1


def test_a_redis_that_goes_away_is_waited_for(
    start: Start, on_own_valkey: Installation, own_valkey: ValkeyServer
) -> None:
    on_own_valkey.exhausted("a")
    terminal = start("retry", "a", **on_own_valkey.environ)
    terminal.wait_for("Type y:")
    own_valkey.stop()
    terminal.press("y", "enter")
    terminal.wait_for("Trying again in 1 s.")
    own_valkey.start()
    assert terminal.wait_exit() == 0
    assert "enqueued  1" in terminal.screen
    assert on_own_valkey.pending() == 1


def test_a_redis_that_takes_no_writes_stops_a_batch(
    on_own_valkey: Installation, own_valkey: ValkeyServer
) -> None:
    on_own_valkey.archived("a")
    on_own_valkey.redis.config_set("maxmemory", 1)
    stopped = on_own_valkey.json("retry", "a", "--yes", code=cli.UNAVAILABLE)
    assert (stopped["outcome"], stopped["tasks"]) == ("stopped", [])
    assert stopped["message"] == "Redis is out of memory (maxmemory)."
    on_own_valkey.redis.config_set("maxmemory", 0)
    done = on_own_valkey.json("journal", "resume", stopped["batch"])
    assert (done["outcome"], done["message"], len(done["tasks"])) == ("done", None, 1)


def test_the_journal_lists_what_was_done_and_shows_it(installation: Installation) -> None:
    empty = installation.run("journal")
    assert (empty.returncode, empty.stdout) == (0, "Nothing was changed so far.\n")
    assert installation.json("journal", "list") == []
    installation.archived("a")
    installation.succeeded("s")
    batch = installation.json("retry", "a", "--yes")["batch"]
    copy = installation.json("replay", "s", "--yes")["copy"]

    replayed, retried = installation.json("journal", "list")
    assert list(retried) == [
        *("id", "began_at", "ended_at", "operator", "origin", "action", "target"),
        *("backend", "place", "outcome", "details"),
    ]
    assert (retried["action"], retried["target"], retried["outcome"]) == (
        *("retry_tasks", "a", "done"),
    )
    assert (retried["details"]["batch"], retried["details"]["resumed"]) == (batch, 1)
    assert (replayed["action"], replayed["target"]) == ("replay_task", "s")
    assert replayed["details"]["copy"] == copy
    assert len(installation.json("journal", "list", "--limit", "1")) == 1

    head, *rows = installation.run("journal", "list").stdout.splitlines()
    assert head.split() == ["WHEN", "ID", "OPERATOR", "ACTION", "TARGET", "OUTCOME"]
    assert [row.split()[1] for row in rows] == [replayed["id"], batch]
    assert installation.json("journal", "show", replayed["id"]) == replayed
    assert "replay_task" in installation.run("journal", "show", replayed["id"]).stdout
    assert "included   1 of 1" in installation.run("journal", "show", batch).stdout


@pytest.mark.parametrize("id", ["nothing", "..", "../..", "\x1b[31mx"])
def test_there_is_no_such_action_or_batch(installation: Installation, id: str) -> None:
    for verb in ("show", "resume"):
        done = installation.run("journal", verb, "--", id)
        assert (done.returncode, done.stdout) == (cli.NOT_FOUND, "")
        assert "`journal list` names them." in done.stderr
        assert "\x1b" not in done.stderr


def test_a_batch_of_another_installation_is_not_resumed(
    installation: Installation, valkey_server: ValkeyServer
) -> None:
    installation.archived("a")
    batch = installation.json("retry", "a", "--yes")["batch"]
    done = installation.run("journal", "resume", batch, REDIS_ADDR=valkey_server.fresh())
    assert done.returncode == cli.REFUSED
    assert "Start with that installation to resume it." in done.stderr


def test_a_replay_is_a_copy(installation: Installation) -> None:
    installation.succeeded("s", payload='{"n": 12345678901234567890}')
    said = installation.json("replay", "s", "--yes")
    assert list(said) == ["task_id", "copy", "outcome", "messages"]
    assert (said["task_id"], said["outcome"]) == ("s", "done")
    assert said["messages"] == [f"Replayed as the copy {said['copy']}."]
    assert installation.statuses() == {"s": "success", said["copy"]: "pending"}
    asynq_id: Any = installation.redis.lindex(keys.collection(QUEUE, "pending"), 0)
    message: Any = installation.redis.hget(keys.task(QUEUE, asynq_id.decode()), "msg")
    envelope = json.loads(decode(TaskMessage, message).payload)
    assert envelope["task_id"] == said["copy"]
    assert envelope["payload"] == {"n": 12345678901234567890}


@pytest.mark.parametrize(
    ("task_id", "code", "complaint"),
    [
        ("nowhere", cli.NOT_FOUND, "There is no task nowhere."),
        ("f", cli.REFUSED, "A failed task is retried, not replayed."),
    ],
)
def test_what_cannot_be_replayed(
    installation: Installation, task_id: str, code: int, complaint: str
) -> None:
    installation.archived("f")
    done = installation.run("replay", task_id, "--yes")
    assert (done.returncode, done.stdout) == (code, "")
    assert complaint in done.stderr
    assert (installation.pending(), installation.files()) == (0, set())


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 4), ("", 4)])
def test_a_replay_is_confirmed(
    start: Start, installation: Installation, answer: str, code: int
) -> None:
    installation.succeeded("s")
    terminal = start("replay", "s", **installation.environ)
    terminal.wait_for("Replay it? Type y:")
    terminal.press(*answer, "enter")
    assert terminal.wait_exit() == code
    assert installation.pending() == (1 if code == 0 else 0)
