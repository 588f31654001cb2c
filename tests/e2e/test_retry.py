"""A retry from end to end: PostgreSQL, Redis, asynq's own worker, and somebody at a terminal."""

from __future__ import annotations

import asyncio
import json
import re
import time
from pathlib import Path

import pytest

from tests.e2e.conftest import Start
from tests.e2e.consumer import Consumer
from tests.e2e.hub import Hub
from tests.e2e.terminal import PATIENCE, Terminal
from tests.interop.worker import Asynq, build
from tests.valkey import ValkeyServer

NUMBER = 104
QUEUE = "mailer:main:default"
PAYLOAD = '{"to":"a@b.c","n":12345678901234567890}'


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """asynq in Go."""
    return build(tmp_path_factory.mktemp("interop"))


@pytest.fixture
def uri(valkey_server: ValkeyServer) -> str:
    """The address of an empty Redis."""
    return valkey_server.fresh()


def fail_all(program: Path, uri: str, hub: Hub) -> None:
    """Let business code post tasks, all of which fail for good; one more has succeeded before."""
    hub.register("mailer", ago=5)
    hub.enqueue("well", "mailer", ago=900)
    hub.begin("well", ago=890)
    hub.report("well", "success")
    hub.sql(
        "INSERT INTO task (task_id, worker_name, queue, priority, payload, status)"
        " SELECT 'mail-' || n, 'mailer', %s, 2, %s, 'pending' FROM generate_series(1, %s) AS n",
        QUEUE,
        PAYLOAD,
        NUMBER,
    )
    tasks = [
        {"queue": QUEUE, "task_id": f"mail-{n}", "payload": json.loads(PAYLOAD), "max_retry": 3}
        for n in range(1, NUMBER + 1)
    ]
    with Consumer(program, uri, QUEUE, hub, "skip"):
        asyncio.run(Asynq(program, uri).enqueue(*tasks))
        wait_for_rows(hub, fail=NUMBER, success=1)


def wait_for_rows(hub: Hub, **counts: int) -> None:
    """Wait until there are so many tasks of each status."""

    deadline = time.monotonic() + PATIENCE
    while (rows := dict(hub.sql("SELECT status, count(*) FROM task GROUP BY 1"))) != counts:
        assert time.monotonic() < deadline, f"waited in vain; there are {rows}"


def preview(terminal: Terminal) -> None:
    """Filter by what failed and look at a retry of all of it."""
    terminal.wait_for("all tasks", f"fail {NUMBER}")
    terminal.press("/", *"status:fail", "enter")
    terminal.wait_for("/ status:fail", f"{NUMBER} of ", gone=["well"])
    terminal.press("R")
    terminal.wait_for("Retry all that match status:fail", f"Type {NUMBER} to retry them")


def test_what_failed_is_retried_and_succeeds(
    program: Path, uri: str, hub: Hub, start_installed: Start
) -> None:
    fail_all(program, uri, hub)
    terminal = start_installed("--backend", "postgres", "--redis", uri, POSTGRES_DSN=hub.dsn)
    preview(terminal)
    assert terminal.line("resume in place").split()[3:] == [str(NUMBER), "archived", str(NUMBER)]
    assert terminal.line("enqueue again").split()[2:] == ["0"], terminal.screen
    assert "told to fail" in terminal.line("error ")
    assert QUEUE in terminal.line(" queue     ")
    terminal.press("y", *"14", "enter")
    terminal.wait_for(f"That is not their number: type {NUMBER} to retry them")
    wait_for_rows(hub, fail=NUMBER, success=1)

    terminal.press("\x7f", "\x7f", *str(NUMBER))
    terminal.wait_for("Enter to retry them")
    terminal.press("enter")
    terminal.wait_for("✓ Done.", f"✓ resumed {NUMBER}", "OUTCOME", f"all {NUMBER}")
    terminal.press("q")
    terminal.wait_for("○ pending", "mail-", gone=["✗ fail"])
    with Consumer(program, uri, QUEUE, hub, "succeed"):
        terminal.wait_for("✓ success", "mail-", gone=["○ pending", "● running", "✗ fail"])
        wait_for_rows(hub, success=NUMBER + 1)
    terminal.press("ctrl+r")
    terminal.wait_for("pending 0", f"success {NUMBER + 1}", "fail 0")
    runs = hub.sql(
        "SELECT status, count(*) FROM task_attempt WHERE task_id LIKE 'mail-%%' GROUP BY 1"
    )
    assert dict(runs) == {"running": 2 * NUMBER, "fail": NUMBER, "success": NUMBER}


def resumed(terminal: Terminal) -> int:
    """Return how many tasks the screen says were resumed."""
    found = re.search(r"✓ resumed\s+(\d+)", terminal.screen)
    return int(found[1]) if found else 0


def test_quitting_in_the_middle_is_taken_up_at_the_next_start(
    program: Path, uri: str, hub: Hub, start: Start
) -> None:
    fail_all(program, uri, hub)
    arguments = ("--backend", "postgres", "--redis", uri)
    terminal = start(*arguments, POSTGRES_DSN=hub.dsn)
    preview(terminal)
    terminal.press(*"-" * 9)
    terminal.wait_for("rate 1/s")
    terminal.press(*str(NUMBER))
    terminal.wait_for("Enter to retry them")
    terminal.press("enter")
    terminal.wait_for("✓ resumed ", "esc stops")
    terminal.press("ctrl+c")
    assert terminal.wait_exit() == 0
    assert terminal.left_clean

    terminal = start(*arguments, POSTGRES_DSN=hub.dsn, columns=80, lines=24)
    terminal.wait_for("Resume the retry of all that match status:fail", "was interrupted")
    assert f"of {NUMBER} tasks were done" in " ".join(terminal.screen.split())
    terminal.answer("y")
    terminal.wait_for("esc stops")
    # The first one, or more, were of the run before.
    terminal.wait_until(lambda: resumed(terminal) > 1, "another one to be resumed")
    terminal.press("esc")
    terminal.wait_for("Stopped, as you wished.", "not reached", "journal resume")
    with Consumer(program, uri, QUEUE, hub, "succeed"):
        [(pending,)] = hub.sql("SELECT count(*) FROM task WHERE status = 'pending'")
        assert 1 < pending < NUMBER
        wait_for_rows(hub, success=pending + 1, fail=NUMBER - pending)
