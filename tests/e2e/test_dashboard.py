"""The whole way: the installed program in a terminal, on a PostgreSQL that a hub writes to."""

from __future__ import annotations

import psycopg
import pytest

from tests.e2e.conftest import Start
from tests.e2e.hub import Hub
from tests.e2e.terminal import Terminal
from tests.servers import PostgresServer


@pytest.fixture
def busy_hub(hub: Hub) -> Hub:
    """Three workers and three tasks: one succeeded, one failed twice, one waits."""
    hub.register("images")
    hub.register("mailer", ("main", "bulk"), ago=600)
    hub.register("retired", ago=86_400)
    hub.enqueue("alpha", "mailer", ago=300)
    hub.begin("alpha", ago=290)
    hub.report("alpha", "success", took=2.25)
    hub.enqueue("bravo", "mailer", payload='{"to": "a@b.c", "n": 12345678901234567890}', ago=200)
    hub.begin("bravo", ago=190)
    hub.report("bravo", "fail", error="connection refused: map[url:smtp://x/1]")
    hub.begin("bravo", 2, ago=100)
    hub.report("bravo", "fail", 2, error="no such mailbox\nat line 2", took=0.25)
    hub.enqueue("charlie", "images", ago=60)
    return hub


@pytest.fixture
def dashboard(busy_hub: Hub, start_installed: Start) -> Terminal:
    """The dashboard on the busy hub, with its first page on the screen."""
    terminal = start_installed("--backend", "postgres", POSTGRES_DSN=busy_hub.dsn)
    terminal.wait_for("alpha", "bravo", "charlie")
    return terminal


def wait_for_row(terminal: Terminal, name: str, *texts: str) -> None:
    """Wait until the line of the screen that has `name` in it has all `texts` too."""
    terminal.wait_until(
        lambda: all(text in terminal.line(name) for text in texts),
        f"{', '.join(texts)} beside {name}",
    )


def go_to_worker(terminal: Terminal, name: str) -> None:
    """Show the workers, with the cursor on one."""
    terminal.press("3", "g")
    names = ("images", "mailer", "retired")
    terminal.wait_for("LIVE", *names)
    terminal.press(*"j" * names.index(name))
    wait_for_row(terminal, name, "▌")


def test_tasks_attempts_and_workers_are_read(dashboard: Terminal) -> None:
    dashboard.wait_for("● live 2s", "pending 1", "success 1", "fail 1", "3 tasks  by creation")
    wait_for_row(dashboard, "alpha", "✓ success", "mailer", "main", "default", "1/4", "2.2s")
    wait_for_row(dashboard, "bravo", "↻ retries left", "2/4", "250ms", "no such mailbox")
    wait_for_row(dashboard, "charlie", "○ pending", "images", "0/4")

    dashboard.press("j", "enter")
    dashboard.wait_for("task bravo", "attempt 2 of 4", "mailer:main:default", "PAYLOAD")
    wait_for_row(dashboard, " 1 ✗ fail", "1.5s", "connection refused: map[url:smtp://x/1]")
    wait_for_row(dashboard, " 2 ✗ fail", "250ms", "no such mailbox")
    dashboard.wait_for("at line 2", "12345678901234567890")

    dashboard.press("3")
    dashboard.wait_for("LIVE", "it was never seen, and tasks wait for it")
    wait_for_row(dashboard, "mailer", "50.0", "at work")
    wait_for_row(dashboard, "○ retired", "quiet")


def test_what_the_hub_writes_appears_by_itself(dashboard: Terminal, busy_hub: Hub) -> None:
    busy_hub.enqueue("delta", "images")
    wait_for_row(dashboard, "delta", "○ pending")
    busy_hub.begin("delta")
    wait_for_row(dashboard, "delta", "● running", "1/4")
    busy_hub.report("delta", "success", took=3.5)
    wait_for_row(dashboard, "delta", "✓ success", "3.5s")
    dashboard.press("ctrl+r")
    dashboard.wait_for("success 2")

    dashboard.press("3")
    wait_for_row(dashboard, "● mailer", "at work")
    busy_hub.beat("mailer")
    dashboard.press("ctrl+r")
    wait_for_row(dashboard, "● mailer", "alive")


def test_a_running_attempt_ends_under_the_eyes_of_its_reader(
    dashboard: Terminal, busy_hub: Hub
) -> None:
    busy_hub.begin("charlie")
    wait_for_row(dashboard, "charlie", "● running")
    dashboard.press("enter")
    wait_for_row(dashboard, "task charlie", "● running")
    busy_hub.report("charlie", "fail", error="disk full")
    wait_for_row(dashboard, "task charlie", "↻ retries left")
    wait_for_row(dashboard, " 1 ✗ fail", "1.5s", "disk full")


def test_a_typed_filter_leaves_what_it_finds(dashboard: Terminal, busy_hub: Hub) -> None:
    # All in one go, as a slow line delivers it: nothing of it may run a command.
    dashboard.press("/", *"status:failed worker:mailer", "enter", "j")
    dashboard.wait_for("status:failed worker:mailer", "1 of 3", "bravo", gone=["alpha", "charlie"])
    busy_hub.begin("charlie")
    busy_hub.report("charlie", "fail", error="of another worker")
    busy_hub.enqueue("echo", "mailer")
    busy_hub.begin("echo")
    busy_hub.report("echo", "fail", error="of this worker")
    dashboard.wait_for("echo", "of this worker", gone=["of another worker"])
    dashboard.press("esc")
    dashboard.wait_for("all tasks", "alpha", "bravo", "charlie", "echo")


def test_a_worker_without_tasks_is_deleted_by_its_name(dashboard: Terminal, busy_hub: Hub) -> None:
    go_to_worker(dashboard, "retired")
    dashboard.press("D")
    dashboard.wait_for("Delete worker retired", "Type its name to delete it")
    dashboard.press(*"retire", "enter", "d")
    dashboard.wait_for("Enter to delete it")
    assert busy_hub.workers() == ["images", "mailer", "retired"]
    dashboard.press("enter")
    dashboard.wait_for("The worker retired is deleted.", "Its row is saved in ")
    assert busy_hub.workers() == ["images", "mailer"]
    dashboard.press("q")
    dashboard.wait_for("LIVE", "mailer", gone=["retired"])


def test_a_worker_with_tasks_is_disabled_instead(dashboard: Terminal, busy_hub: Hub) -> None:
    go_to_worker(dashboard, "mailer")
    dashboard.press("D")
    dashboard.wait_for("It has 2 tasks", "▌ n  cancel", "disable it", "purge its tasks")
    assert busy_hub.workers() == ["images", "mailer", "retired"]
    dashboard.answer("X")
    dashboard.wait_for("✓ The worker mailer is disabled")
    dashboard.press("q")
    wait_for_row(dashboard, "mailer", "disabled")
    assert busy_hub.sql("SELECT worker_name FROM worker WHERE NOT is_enabled") == [("mailer",)]


def test_a_worker_is_deleted_after_its_history(dashboard: Terminal, busy_hub: Hub) -> None:
    busy_hub.sql(
        "INSERT INTO task (task_id, worker_name, queue, payload, status)"
        " SELECT 'bulk-' || n, 'images', 'images:main:default', '{}', 'success'"
        " FROM generate_series(1, 1200) AS n"
    )
    go_to_worker(dashboard, "images")
    dashboard.press("D")
    dashboard.wait_for("It has 1201 tasks", "purge its tasks")
    # The first batch comes through, the second one has to wait for this row.
    with psycopg.connect(busy_hub.dsn) as holder:
        holder.execute("SELECT FROM task WHERE task_id = 'bulk-700' FOR UPDATE")
        dashboard.answer("P")
        dashboard.wait_for("Purge and delete worker images", "Type its name to purge")
        dashboard.press(*"images", "enter")
        dashboard.wait_for("500 tasks, 0 attempt rows deleted", "esc stops")
    dashboard.wait_for("Deleted 1,201 tasks and ")
    assert busy_hub.sql("SELECT DISTINCT worker_name FROM task") == [("mailer",)]
    dashboard.wait_for("The worker images is deleted.")
    assert busy_hub.workers() == ["mailer", "retired"]


def test_a_restart_of_the_server_is_survived(
    dashboard: Terminal, busy_hub: Hub, postgres_server: PostgresServer
) -> None:
    postgres_server.stop()
    try:
        dashboard.wait_for("▲ stale", "Nothing listens at 127.0.0.1", "Showing data", "alpha")
        dashboard.wait_for("Next try in")
        wait_for_row(dashboard, "bravo", "↻ retries left", "no such mailbox")
    finally:
        postgres_server.start()
    dashboard.wait_for("● live", "alpha", gone=["Showing data"])
    busy_hub.enqueue("foxtrot", "images")
    wait_for_row(dashboard, "foxtrot", "○ pending")


def test_a_locked_table_is_said_and_waited_for(dashboard: Terminal, busy_hub: Hub) -> None:
    with psycopg.connect(busy_hub.dsn) as holder:
        holder.execute("LOCK TABLE task IN ACCESS EXCLUSIVE MODE")
        dashboard.wait_for("▲ stale", "lock", "Showing data", "alpha")
    dashboard.wait_for("● live", "alpha", gone=["Showing data"])


def test_a_column_that_goes_is_named(dashboard: Terminal, busy_hub: Hub) -> None:
    busy_hub.sql("ALTER TABLE task RENAME COLUMN last_error TO previous_error")
    dashboard.wait_for("▲ stale", "last_error", "Showing data", "alpha", "bravo")
    busy_hub.sql("ALTER TABLE task RENAME COLUMN previous_error TO last_error")
    dashboard.wait_for("● live", gone=["Showing data"])


def test_a_query_that_takes_too_long_is_given_up(dashboard: Terminal, busy_hub: Hub) -> None:
    busy_hub.sql("ALTER TABLE task RENAME TO slow_task")
    busy_hub.sql("CREATE VIEW task AS SELECT slow_task.* FROM slow_task, pg_sleep(60)")
    dashboard.wait_for("▲ stale", "did not finish a query in the time", "alpha", "bravo")
    busy_hub.sql("DROP VIEW task")
    busy_hub.sql("ALTER TABLE slow_task RENAME TO task")
    dashboard.press("ctrl+r")
    dashboard.wait_for("● live", "alpha", gone=["did not finish"])
