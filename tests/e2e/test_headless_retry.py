"""`retry` as the installed program, on a real PostgreSQL and a real Valkey."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from asynqhub_tui import cli
from asynqhub_tui.queue import RETRY
from tests.e2e.conftest import Start
from tests.e2e.installation import Installation
from tests.e2e.terminal import PROGRAM, Terminal
from tests.servers import free_port
from tests.valkey import ValkeyServer


def outcome(task_id: str, what: str, reason: str | None = None) -> dict[str, object]:
    """Return a task of the JSON of a retry."""
    return {
        "task_id": task_id,
        "outcome": what,
        "reason": reason,
        "detail": None,
        "marked": reason is None,
    }


def test_by_ids_each_task_has_its_outcome(installation: Installation) -> None:
    installation.archived("held")
    installation.exhausted("lost")
    installation.succeeded("good")
    said = installation.json("retry", "held", "lost", "good", "nowhere", "held", "--yes")
    assert list(said) == ["batch", "outcome", "message", "included", "under_way", "tasks"]
    assert (said["outcome"], said["message"], said["included"]) == ("done", None, 2)
    assert {one["task_id"]: one for one in said["tasks"]} == {
        "held": outcome("held", "resumed"),
        "lost": outcome("lost", "enqueued"),
        "good": outcome("good", "skipped", "has not failed"),
        "nowhere": outcome("nowhere", "skipped", "no longer there"),
    }
    assert len(said["tasks"]) == 4
    assert installation.pending() == 2
    assert installation.statuses() == {"held": "pending", "lost": "pending", "good": "success"}


def test_the_second_time_it_runs_nothing(installation: Installation) -> None:
    installation.archived("a")
    assert installation.json("retry", "a", "--yes")["included"] == 1
    again = installation.json("retry", "a", "--yes")
    assert again == {
        "batch": None,
        "outcome": "done",
        "message": None,
        "included": 0,
        "under_way": 0,
        "tasks": [outcome("a", "skipped", "has not failed") | {"marked": False}],
    }
    assert installation.pending() == 1


def test_by_filter_without_a_status_the_failed_ones(installation: Installation) -> None:
    installation.archived("f1", "f2", status="fail")
    installation.exhausted("d1")
    installation.succeeded("s1")
    done = installation.run("retry", "--worker", "worker-1", "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["resumed", "2", "enqueued", "1"]
    assert installation.pending() == 3


def test_a_dry_run_changes_nothing_and_leaves_nothing_behind(installation: Installation) -> None:
    installation.archived("held")
    installation.archived("waits", state=RETRY)
    installation.exhausted("lost")
    installation.exhausted("idle", worker_name="worker-2", queue="worker-2:web:default")
    installation.exhausted("far", worker_name="worker-3", queue="worker-3:web:default")
    before = installation.statuses()
    said = installation.json("retry", "--status", "failed", "--dry-run")
    assert list(said) == [
        *("selection", "total", "included", "decisions", "reasons", "elsewhere", "tasks")
    ]
    assert said["elsewhere"] == {"worker-3": "redis://:***@10.0.0.5:6379/0"}
    assert said["selection"] == "status:failed"
    assert (said["total"], said["included"]) == (5, 4)
    assert said["decisions"] == {"resume in place": 2, "enqueue again": 2, "skip": 1}
    assert said["reasons"] == {"worker disabled": 1}
    tasks = {one.pop("task_id"): one for one in said["tasks"]}
    nothing = {"reason": None, "asynq_id": None, "state": None, "next_at": None}
    assert tasks == {
        "held": nothing
        | {"decision": "resume in place", "asynq_id": "asynq-held", "state": "archived"},
        "waits": nothing
        | {
            "decision": "resume in place",
            "asynq_id": "asynq-waits",
            "state": "retry",
            "next_at": "2033-05-18T03:33:20.000000Z",
        },
        "lost": nothing | {"decision": "enqueue again"},
        "far": nothing | {"decision": "enqueue again"},
        "idle": nothing | {"decision": "skip", "reason": "worker disabled"},
    }
    plain = installation.run("retry", "far", "--dry-run")
    assert plain.stdout.splitlines()[-1].startswith(
        "worker-3 says that its Redis is redis://:***@10.0.0.5:6379/0, not this queue's"
    )
    plain = installation.run("retry", "held", "lost", "--dry-run")
    assert (plain.returncode, plain.stderr) == (0, "")
    head, resume, *_ = plain.stdout.splitlines()
    assert head == "retry 2 tasks by their ids: 2 tasks"
    assert resume.split("  ")[0] == "resume in place"
    assert (installation.pending(), installation.statuses()) == (0, before)
    assert installation.files() == set()


def test_force_enqueues_what_is_likely_on_its_way(installation: Installation) -> None:
    installation.exhausted("early", status="fail", last_attempt=1)
    [skipped] = installation.json("retry", "early", "--yes")["tasks"]
    assert skipped["reason"] == "retries left, and asynq's copy not found"
    [forced] = installation.json("retry", "early", "--yes", "--force")["tasks"]
    assert forced["outcome"] == "enqueued"


def test_ids_come_from_standard_input(installation: Installation) -> None:
    installation.archived("a", "b", "c")
    done = installation.json("retry", "-", "c", "--yes", given="a\r\n\n  b  \na\n")
    assert sorted(one["task_id"] for one in done["tasks"]) == ["a", "b", "c"]
    assert installation.pending() == 3


def test_no_ids_on_standard_input_are_no_tasks(installation: Installation) -> None:
    installation.archived("a")
    assert installation.json("retry", "-", "--yes")["tasks"] == []
    refused = installation.run("retry", "-", "--status", "failed", "--yes")
    assert refused.returncode == cli.USAGE
    assert installation.pending() == 0


HOSTILE = (
    "-- '; DROP TABLE task",
    "\x1b]0;x\x07\x1b[2J",
    "%s{0}任务😀",
    "a" * 5_000,
    "..",
    "{q}:*",
)


def test_hostile_ids_are_data(installation: Installation) -> None:
    installation.archived(*HOSTILE)
    done = installation.run("retry", "--yes", "--", *HOSTILE, "\x1b[31m\u202egone")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert "\u202e" not in done.stdout
    assert "no longer there" in done.stdout
    assert installation.pending() == len(HOSTILE)
    assert set(installation.statuses().values()) == {"pending"}


@pytest.mark.parametrize("given", ["a\0b\n", "\ud800\n", "\0\n"])
def test_ids_that_no_task_can_have(installation: Installation, given: str) -> None:
    done = subprocess.run(
        [PROGRAM, "retry", "-", "--yes"],
        input=given.encode("utf-8", "surrogatepass"),
        capture_output=True,
        timeout=60,
        check=False,
        env=installation.environ,
    )
    assert done.returncode in (cli.NOT_FOUND, cli.USAGE, cli.REFUSED), done.stderr
    assert b"Traceback" not in done.stderr
    assert b"fault of this program" not in done.stderr


def test_ids_of_no_task(installation: Installation) -> None:
    done = installation.run("retry", "nowhere", "--yes")
    assert (done.returncode, done.stdout) == (cli.NOT_FOUND, "")
    assert done.stderr.startswith("asynqhub-tui: There is no task nowhere.\n")
    done = installation.run("retry", "nowhere", "5a", "--dry-run")
    assert (done.returncode, done.stdout) == (cli.NOT_FOUND, "")
    assert installation.files() == set()


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [
        (["retry"], "retry needs ids or a filter, such as --status failed."),
        (["retry", "a", "--status", "failed", "--yes"], "retry takes ids or a filter, not both."),
        (["retry", "a"], "Add --yes, or --dry-run to look."),
        (["retry", "a", "--yes", "--rate", "0"], "0 is not a number of tasks per second"),
        (["replay", "a"], "replay cannot ask without a terminal. Add --yes to confirm."),
        (["journal", "show"], "journal show takes an ID."),
        (["journal", "list", "x"], "journal list takes no ID."),
    ],
)
def test_what_is_not_clear_does_nothing(
    installation: Installation, argv: list[str], complaint: str
) -> None:
    installation.archived("a")
    done = installation.run(*argv)
    assert (done.returncode, done.stdout) == (cli.USAGE, "")
    assert complaint in done.stderr
    assert (installation.pending(), installation.files()) == (0, set())


@pytest.mark.parametrize("argv", [["retry", "a"], ["replay", "s"], ["journal", "resume", "x"]])
def test_without_an_address_retry_is_off(installation: Installation, argv: list[str]) -> None:
    done = installation.run(*argv, *(["--yes"] if argv[0] != "journal" else []), REDIS_ADDR="")
    assert (done.returncode, done.stdout) == (cli.USAGE, "")
    assert done.stderr == (
        "asynqhub-tui: Retry needs the address of the hub's Redis:"
        " set REDIS_ADDR, or start with --redis.\n"
    )


def test_an_address_that_is_none(installation: Installation) -> None:
    done = installation.run("retry", "a", "--yes", "--redis", "http://:s3cret@h:1")
    assert (done.returncode, done.stdout) == (cli.USAGE, "")
    assert "asynq knows no http://." in done.stderr
    assert "It is from --redis." in done.stderr
    assert "s3cret" not in done.stderr


def test_nothing_listens_there(installation: Installation) -> None:
    installation.archived("a")
    done = installation.run("retry", "a", "--yes", REDIS_ADDR=f"127.0.0.1:{free_port()}")
    assert (done.returncode, done.stdout) == (cli.UNAVAILABLE, "")
    assert "Nothing listens at 127.0.0.1:" in done.stderr
    assert installation.files() == set()


def test_a_wrong_password(installation: Installation) -> None:
    with ValkeyServer(password="right") as server:
        installation.archived("a")
        address = f"redis://:s3cret@127.0.0.1:{server.port}/0"
        done = installation.run("retry", "a", "--yes", REDIS_ADDR=address)
    assert (done.returncode, done.stdout) == (cli.REFUSED, "")
    assert "does not accept the password" in done.stderr
    assert "s3cret" not in done.stderr


@pytest.mark.parametrize("argv", [["retry", "a", "--yes"], ["replay", "s", "--yes"]])
def test_nothing_is_done_read_only(installation: Installation, argv: list[str]) -> None:
    installation.archived("a")
    installation.succeeded("s")
    done = installation.run(*argv, "--read-only")
    assert (done.returncode, done.stdout) == (cli.REFUSED, "")
    assert "is open read-only" in done.stderr
    assert (installation.pending(), installation.files()) == (0, set())


def test_a_task_that_cannot_be_retried_is_told_by_the_exit_code(
    installation: Installation,
) -> None:
    installation.archived("a")
    installation.redis.set("asynq:{worker-1:web:default}:pending", "no list")
    said = installation.json("retry", "a", "--yes", code=cli.REFUSED)
    [task] = said["tasks"]
    assert (said["outcome"], task["outcome"], task["marked"]) == ("done", "failed", False)
    assert "Redis answered with an error" in task["detail"]
    assert installation.statuses() == {"a": "dead"}


def test_a_reader_that_has_enough_is_no_error(installation: Installation) -> None:
    installation.archived("a", "b")
    command = f"({PROGRAM} retry a b --yes --json; echo code=$? >&2) | true"
    done = subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=installation.environ,
    )
    assert done.stderr == "code=0\n"
    assert installation.pending() == 2


def asked(start: Start, installation: Installation, *argv: str) -> Terminal:
    return start("retry", *argv, **installation.environ)


def test_y_confirms(start: Start, installation: Installation) -> None:
    installation.archived("a", "b")
    terminal = asked(start, installation, "--status", "failed")
    screen = terminal.wait_for("Retry 2 tasks? Type y:")
    assert "resume in place  2  archived 2" in screen
    assert installation.pending() == 0
    terminal.press("y", "enter")
    assert terminal.wait_exit() == 0
    assert "resumed  2" in terminal.screen
    assert installation.pending() == 2


@pytest.mark.parametrize("keys", [["enter"], ["n", "enter"], ["y", "y", "enter"], ["ctrl+d"]])
def test_another_answer_does_nothing(
    start: Start, installation: Installation, keys: list[str]
) -> None:
    installation.archived("a")
    terminal = asked(start, installation, "a")
    terminal.wait_for("Retry 1 task? Type y:")
    terminal.press(*keys)
    assert terminal.wait_exit() == cli.REFUSED
    assert "so nothing was retried" in terminal.screen
    assert (installation.pending(), installation.files()) == (0, set())


def test_ctrl_c_at_the_question_does_nothing(start: Start, installation: Installation) -> None:
    installation.archived("a")
    terminal = asked(start, installation, "a")
    terminal.wait_for("Type y:")
    terminal.press("ctrl+c")
    assert terminal.wait_exit() == cli.INTERRUPTED
    assert (installation.pending(), installation.files()) == (0, set())


@pytest.mark.parametrize(("answer", "code"), [("101", 0), ("y", 4), ("100", 4), ("1010", 4)])
def test_above_a_hundred_their_number_is_typed(
    start: Start, installation: Installation, answer: str, code: int
) -> None:
    installation.exhausted(*(f"t{number}" for number in range(101)))
    terminal = asked(start, installation, "--status", "dead")
    terminal.wait_for("Type 101 to retry so many tasks:")
    terminal.press(*answer, "enter")
    assert terminal.wait_exit() == code
    assert installation.pending() == (101 if code == 0 else 0)


def test_the_demo_can_be_tried_and_says_that_nothing_stays(
    environ: dict[str, str], installation: Installation
) -> None:
    bare = {**environ, "ASYNQHUB_TUI_STATE": str(installation.state)}
    done = subprocess.run(
        [PROGRAM, "retry", "--status", "failed", "--yes", "--json"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=installation.folder,
        env=bare,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stderr
    assert "embedded demo: what is done in it goes when the command ends" in done.stderr
    said = json.loads(done.stdout)
    assert {one["outcome"] for one in said["tasks"]} >= {"resumed", "enqueued"}
    assert os.listdir(installation.state / "batches") == [said["batch"]]
    resumed = subprocess.run(
        [PROGRAM, "journal", "resume", said["batch"]],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=installation.folder,
        env=bare,
        stdin=subprocess.DEVNULL,
    )
    assert (resumed.returncode, resumed.stdout) == (cli.REFUSED, "")
    assert "no batch of it can go on" in resumed.stderr
