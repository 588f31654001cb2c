"""How the installed program behaves towards the terminal: signals, colours, mouse, keys, texts."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from asynqhub_tui import cli
from asynqhub_tui.widgets.reading import GLANCE
from tests.e2e.conftest import Start
from tests.e2e.hub import Hub
from tests.e2e.terminal import ALTERNATE, CURSOR, MOUSE, PROGRAM, Terminal

STATES = ("○ pending", "● running", "! overdue", "✓ success", "↻ retries left", "† dead")

OWNED = "\x1b]0;owned\x07\x1b[97;41mred\x9b2J\u202e"
"""Sets the title, changes the colour, clears the screen, turns the line around."""


@pytest.fixture
def lived_in(hub: Hub) -> Hub:
    """An installation with a task in every state."""
    hub.register("mailer")
    for task_id in ("waits", "runs", "hangs", "done", "failed", "dead"):
        hub.enqueue(task_id, "mailer", ago=7200)
    hub.begin("runs")
    hub.begin("hangs", ago=7000)
    for task_id, status in (("done", "success"), ("failed", "fail"), ("dead", "dead")):
        hub.begin(task_id, ago=100)
        hub.report(task_id, status, error=None if status == "success" else "broken")
    return hub


@pytest.fixture
def open_dashboard(lived_in: Hub, start: Start) -> Callable[..., Terminal]:
    """Open the dashboard on that installation, with further options and variables."""

    def open_dashboard(*options: str, **variables: str) -> Terminal:
        terminal = start("--backend", "postgres", *options, POSTGRES_DSN=lived_in.dsn, **variables)
        terminal.wait_for("● live", *STATES)
        return terminal

    return open_dashboard


@pytest.fixture
def in_shell(lived_in: Hub, environ: dict[str, str], tmp_path: Path) -> Iterator[Terminal]:
    """A shell in which the dashboard was started, and stopped with ctrl+z."""
    environ |= {"POSTGRES_DSN": lived_in.dsn, "PS1": "ready> ", "ENV": "/dev/null"}
    with Terminal(["/bin/sh", "-i"], environ, tmp_path) as terminal:
        terminal.wait_for("ready>")
        terminal.press(*f"{PROGRAM} --backend postgres", "enter")
        terminal.wait_for("● live", *STATES, "? keys")
        terminal.press("ctrl+z")
        terminal.wait_for("Stopped", gone=STATES)
        yield terminal


Open = Callable[..., Terminal]


def slow_down(hub: Hub) -> None:
    """Let every query of tasks take a minute."""
    hub.sql("ALTER TABLE task RENAME TO slow_task")
    hub.sql("CREATE VIEW task AS SELECT slow_task.* FROM slow_task, pg_sleep(60)")


@pytest.mark.parametrize(
    ("how", "code"),
    [
        (lambda terminal: terminal.signal(signal.SIGTERM), 128 + signal.SIGTERM),
        (lambda terminal: terminal.signal(signal.SIGHUP), 128 + signal.SIGHUP),
        (lambda terminal: terminal.signal(signal.SIGINT), cli.INTERRUPTED),
        (lambda terminal: terminal.press("ctrl+c"), cli.OK),
    ],
    ids=["SIGTERM", "SIGHUP", "SIGINT", "ctrl+c"],
)
def test_an_end_in_the_middle_of_a_query_leaves_nothing_behind(
    how: Callable[[Terminal], None], code: int, open_dashboard: Open, lived_in: Hub
) -> None:
    terminal = open_dashboard()
    slow_down(lived_in)
    terminal.wait_until(lambda: "active" in lived_in.sessions(), "a query under way")
    how(terminal)
    assert terminal.wait_exit() == code, terminal.screen
    assert terminal.screen.strip() == ""
    assert terminal.left_clean
    terminal.wait_until(lambda: not lived_in.sessions(), "an end of its sessions on the server")


def test_a_lost_line_ends_the_program_and_its_sessions(open_dashboard: Open, lived_in: Hub) -> None:
    terminal = open_dashboard()
    terminal.hang_up()
    assert terminal.wait_exit() == 128 + signal.SIGHUP  # it ended by itself, not by the signal
    assert not lived_in.sessions()


def test_it_may_be_stopped_and_continued_from_outside(open_dashboard: Open) -> None:
    terminal = open_dashboard()
    for _ in range(2):
        terminal.signal(signal.SIGSTOP)
        terminal.wipe()
        terminal.signal(signal.SIGCONT)
        terminal.wait_for("● live", *STATES, "3 Workers", "? keys")
    terminal.press("3")
    terminal.wait_for("tasks of the last hour")
    terminal.press("q", "q")
    assert terminal.wait_exit() == cli.OK


def test_it_waits_in_the_background_until_it_gets_the_terminal_back(
    in_shell: Terminal,
) -> None:
    in_shell.press(*"bg", "enter")
    in_shell.wait_until(lambda: in_shell.screen.count("ready>") == 3, "the shell")
    in_shell.settle()
    in_shell.press(*"fg", "enter")
    in_shell.wait_for("● live", *STATES, "3 Workers", "? keys")
    in_shell.press("q")
    in_shell.wait_until(lambda: in_shell.screen.count("ready>") == 4, "another prompt")
    in_shell.press(*"echo code=$?", "enter")
    in_shell.wait_for("code=0")


@pytest.mark.parametrize(
    ("keys", "shows"),
    [(("/", "x"), "\n / x"), (("ctrl+p",), "Search"), (("y",), "Copy")],
    ids=["filter", "palette", "menu"],
)
def test_ctrl_c_quits_from_everywhere(
    keys: tuple[str, ...], shows: str, open_dashboard: Open
) -> None:
    terminal = open_dashboard()
    terminal.press(*keys)
    terminal.wait_for(shows)
    terminal.press("ctrl+c")
    assert terminal.wait_exit() == cli.OK, terminal.screen
    assert terminal.left_clean


def test_a_terminal_that_can_only_print_gets_one_frame(start: Start) -> None:
    terminal = start(TERM="dumb")
    terminal.wait_for("cannot show the dashboard", "worker-1")
    assert terminal.wait_exit() == cli.OK
    assert b"\x1b[" not in terminal.raw


def test_ctrl_z_gives_the_shell_its_terminal_and_fg_the_whole_screen(
    in_shell: Terminal,
    lived_in: Hub,
) -> None:
    assert ALTERNATE not in in_shell.modes
    assert MOUSE not in in_shell.modes
    assert CURSOR in in_shell.modes
    lived_in.enqueue("newcomer", "mailer")
    in_shell.press(*"fg", "enter")
    in_shell.wait_for("● live", *STATES, "newcomer", "3 Workers", "UPDATED", "? keys")
    in_shell.press("q")
    # What is typed before the shell's third prompt is thrown away with the program's input.
    in_shell.wait_until(lambda: in_shell.screen.count("ready>") == 3, "another prompt")
    in_shell.press(*"echo code=$?", "enter")
    in_shell.wait_for("code=0")


def test_ctrl_l_repairs_a_screen_that_was_disturbed(open_dashboard: Open) -> None:
    terminal = open_dashboard()
    terminal.wipe()
    terminal.press("ctrl+l")
    terminal.wait_for("● live", *STATES, "3 Workers", "UPDATED", "? keys")


def test_a_window_may_change_its_size(open_dashboard: Open) -> None:
    terminal = open_dashboard()
    terminal.resize(80, 24)
    terminal.wait_until(
        lambda: "? keys" in terminal.screen.split("\n")[23] and terminal.line("† dead"),
        "the footer in line 24",
    )
    terminal.resize(160, 50)
    terminal.wait_for("waits", "mailer:main:default")
    terminal.wait_until(lambda: "? keys" in terminal.screen.split("\n")[49], "the footer below")


@pytest.mark.parametrize(
    ("options", "variables", "on"),
    [
        ((), {}, True),
        ((), {"SSH_CONNECTION": "192.0.2.1 50000 192.0.2.2 22"}, False),
        (("--mouse",), {"SSH_CONNECTION": "192.0.2.1 50000 192.0.2.2 22"}, True),
    ],
    ids=["here", "SSH", "SSH --mouse"],
)
def test_the_mouse_stays_with_the_terminal_over_ssh(
    options: tuple[str, ...], variables: dict[str, str], on: bool, open_dashboard: Open
) -> None:
    terminal = open_dashboard(*options, **variables)
    assert (b"\x1b[?1000h" in terminal.raw) is on
    assert (MOUSE in terminal.modes) is on
    terminal.press("ctrl+o")
    terminal.wait_for("mouse off" if on else "mouse on")
    assert (MOUSE in terminal.modes) is not on
    assert b"\x1b[?1003h" not in terminal.raw  # that would be every movement of the pointer
    terminal.press("q")
    terminal.wait_exit()
    assert terminal.left_clean


@pytest.mark.parametrize(
    ("variables", "pattern"),
    [
        ({"TERM": "xterm"}, r"(3|4|9|10)[0-7]"),
        ({"TERM": "xterm-256color"}, r"[34]8;5;\d+"),
        ({"COLORTERM": "truecolor"}, r"[34]8;2;\d+;\d+;\d+"),
    ],
    ids=["16", "256", "truecolor"],
)
def test_no_more_colours_are_sent_than_the_terminal_has(
    variables: dict[str, str], pattern: str, open_dashboard: Open
) -> None:
    terminal = open_dashboard(**variables)
    colors = terminal.colors()
    assert len(colors) > 5
    assert [color for color in colors if not re.fullmatch(pattern, color)] == []
    assert terminal.invisible() == ""


def test_without_colours_all_is_grey(open_dashboard: Open) -> None:
    terminal = open_dashboard(NO_COLOR="1", COLORTERM="truecolor")
    colors = [color.split(";") for color in terminal.colors()]
    assert colors
    assert [one for one in colors if len(one) != 5 or len(set(one[2:])) != 1] == []
    assert terminal.invisible() == ""


def test_what_is_stored_never_commands_the_terminal(hub: Hub, start: Start) -> None:
    worker = f"w{OWNED}"
    hub.register(worker, (f"g{OWNED}",))
    hub.enqueue(f"t{OWNED}", worker, payload='{"k": "\\u001b]0;owned\\u0007\\u009b2J \\u202e"}')
    hub.begin(f"t{OWNED}")
    hub.report(f"t{OWNED}", "fail", error=f"e{OWNED}\n{OWNED}")
    terminal = start("--backend", "postgres", POSTGRES_DSN=hub.dsn)
    terminal.wait_for("↻ retries left", "e␛]0;owned␇")
    terminal.press("w")
    terminal.wait_for("Tasks of which worker?", "w␛]0;owned␇")
    terminal.press("esc")
    terminal.wait_for("↻ retries left", gone=["Tasks of which worker?"])
    terminal.press("enter")
    terminal.wait_for("task t␛]0;owned␇", "ERROR of attempt 1", "PAYLOAD", "\\u001b]0;owned")
    terminal.press("3")
    terminal.wait_for("w␛]0;owned␇", "g␛]0;owned␇")
    terminal.press("D")
    terminal.wait_for("Delete worker w␛]0;owned␇")
    for sequence in ("\x1b]0;", "owned\x07", "\x1b[97;41m", "\x9b", "\u202e"):
        assert sequence.encode() not in terminal.raw


def test_an_arrow_key_that_a_slow_line_splits_is_no_esc(open_dashboard: Open) -> None:
    terminal = open_dashboard()
    terminal.press("/", *"ac")
    terminal.wait_for("\n / ac")
    terminal.send(b"\x1b")
    time.sleep(0.15)  # longer than Textual's own patience, shorter than ours
    terminal.send(b"[D")
    terminal.press("b")
    terminal.wait_for("\n / abc")
    terminal.press("esc")
    terminal.wait_for("/ all tasks", gone=["abc"])


def test_keys_that_a_slow_line_brings_together_go_where_they_are_meant(
    open_dashboard: Open,
) -> None:
    terminal = open_dashboard()
    terminal.send(b"3?jjq1/worker:mailer\rp:quit")  # one read; q, 1 and t mean more than one thing
    terminal.wait_for(" quit", "Back; quits at the root")
    terminal.send(b"\x1b")
    terminal.wait_for("/ worker:mailer", "paused", *STATES)
    terminal.send(b"ypqqq")  # the way back leads over the workers
    assert terminal.wait_exit() == cli.OK
    assert b"\x1b]52;c;" in terminal.raw


@pytest.mark.parametrize("key", ["enter", "X", "P", "/"])
def test_esc_is_not_lost_when_another_key_follows_at_once(
    open_dashboard: Open, lived_in: Hub, key: str
) -> None:
    """A terminal sends esc and a key as it sends that key with alt; in a menu it would choose."""
    terminal = open_dashboard()
    terminal.press("3")
    terminal.wait_for("enter its tasks")
    terminal.press("D")
    terminal.wait_for("X  disable it")
    terminal.press("down", "down")
    terminal.settle(GLANCE + 0.3)
    terminal.press("esc", key)
    terminal.wait_for("enter", gone=["Delete worker"])
    terminal.settle()
    assert "is disabled" not in terminal.screen
    assert lived_in.sql("SELECT count(*) FROM worker WHERE NOT is_enabled") == [(0,)]
