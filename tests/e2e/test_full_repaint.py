"""Only cells that changed travel to the terminal; it shows what a full repaint would show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from asynqhub_tui.screens.tasks import DETAIL_WIDTH
from tests.e2e.conftest import Start
from tests.e2e.hub import Hub
from tests.e2e.terminal import PROGRAM, Terminal

STILL = ("--backend", "postgres", "--interval", "60", "--times", "utc")
"""Nothing changes on the screen by itself."""

HOUR = "tasks of the last hour"

JSON = (
    '{"url": "https://example.com/?q=\\u4f60", "名前": ["任务", "🚀", "e\\u0301"], "n": {"m": 1}}'
)

STEPS: tuple[tuple[str, tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...] = (
    ("rows", ("j", "j", "space", "v", "j", "j"), ("marking a range",), ()),
    ("a page", ("v", "pagedown", "u"), (), ("marking a range", "marked")),
    ("the last row", ("G",), ("task-00",), ()),
    ("the first row", ("g",), ("task-79",), ()),
    ("the filter's field", ("/", *"status:fa"), (" status:fa",), ()),
    ("a filter", (*"iled", "enter"), ("/ status:failed", "27 of"), ()),
    ("a refused filter", ("/", *" nonsense:1", "enter"), ("nonsense",), ()),
    ("no filter", ("esc", "esc"), ("/ all tasks", "by creation, newest first"), ()),
    ("a menu", ("y",), ("enter chooses", "note in Markdown"), ()),
    ("the menu's third entry", ("j", "j"), ("▌ p",), ()),
    ("a menu that is closed", ("esc",), (), ("enter chooses",)),
    ("the choice of a worker", ("w",), ("Tasks of which worker?",), ()),
    ("the tasks of a worker", ("1",), ("/ worker:images", "40 of"), ()),
    ("a task", ("j", "j", "enter"), ("PAYLOAD", "任务故意失败", "名前"), ()),
    ("a fold", ("enter", "j", "j", "enter"), ("{ … ",), ()),
    ("panes", ("tab", "tab"), (), ()),
    ("back again", ("esc",), ("/ worker:images",), ("PAYLOAD",)),
    ("workers", ("3",), (HOUR, "retry 3"), ()),
    ("another window", ("w",), ("tasks of the last 24 h", "as of"), ("reading…",)),
    ("another worker", ("j",), ("groups",), ()),
    ("a question", ("X",), ("Disable worker",), ()),
    ("an answer", ("n",), (), ("Disable worker",)),
    ("the dialog", ("D",), ("Delete worker", "heartbeat"), ("reading",)),
    ("no dialog", ("esc",), ("tasks of the last 24 h",), ("Delete worker",)),
    ("the light theme", ("T",), ("tasks of the last 24 h",), ()),
    ("the palette", (":",), ("Search for commands", "Pause"), ()),
    ("a word in the palette", tuple("theme"), ("Dark or light theme",), ("Pause",)),
    ("no palette", ("esc",), ("tasks of the last 24 h",), ("Dark or light theme",)),
    ("the help", ("?",), ("one row down",), ()),
    ("no help", ("q",), ("tasks of the last 24 h",), ("one row down",)),
    ("tasks", ("1",), ("/ worker:images",), ()),
    ("the dark theme", ("T",), ("/ worker:images",), ()),
)
"""What is done: its name, the keys, and what is on the screen then, and no longer."""

BLINKING = ("the palette", "a word in the palette")
"""The palette is Textual's own, with a cursor that blinks; what it leaves behind is compared."""


@pytest.fixture
def lived_in(hub: Hub) -> Hub:
    """Eighty tasks in many states, of two workers; nothing of it is young."""
    for worker in ("images", "mailer"):
        hub.register(worker, ("main", "末"), ago=90_000)
    hub.sql(
        "INSERT INTO task (task_id, worker_name, queue, priority, payload, status, last_attempt,"
        " created_at, updated_at)"
        " SELECT 'task-' || to_char(80 - n, 'FM00'), w, w || ':main:default', 2, %s::jsonb,"
        " (ARRAY['success', 'pending', 'fail'])[n %% 3 + 1], 1, at, at"
        " FROM (SELECT n, (ARRAY['mailer', 'images'])[n %% 2 + 1] AS w,"
        "  now() - make_interval(hours => 3, mins => n) AS at FROM generate_series(1, 80) AS n)",
        JSON,
    )
    hub.sql(
        "INSERT INTO task_attempt (task_id, attempt, status, started_at, finished_at, error)"
        " SELECT task_id, 1, status, created_at, created_at + interval '1.2 s',"
        "  CASE WHEN status = 'fail' THEN E'任务故意失败: e\\u0301 🚀 refused\\nsecond line' END"
        " FROM task WHERE status <> 'pending'"
    )
    return hub


def _text(line: Sequence[Any]) -> str:
    return "".join(str(getattr(cell, "data", cell)) for cell in line)


def still(lines: Sequence[Any]) -> list[Any]:
    """Return the lines without the one for news, which goes away by itself meanwhile."""
    return [*lines[:-2], *lines[-1:]]


def comparable(
    shown: Sequence[Any], painted: Sequence[Any]
) -> Iterator[tuple[int, tuple[Any, Any]]]:
    """Pair the lines, by their numbers, of which none has come to tell an age meanwhile.

    The header does once the counts are half a minute old, which a busy machine makes them.
    """
    for number, pair in enumerate(zip(still(shown), still(painted), strict=True)):
        if not any("counted" in _text(line) for line in pair):
            yield number, pair


def check(terminal: Terminal, what: str) -> None:
    """Compare every cell with what ctrl+l paints on a screen that was wiped."""
    terminal.settle()
    shown, text = terminal.cells(), terminal.screen
    before = text.split("\n")

    def same() -> bool:
        now = terminal.screen.split("\n")
        return all(one == other for _, (one, other) in comparable(before, now))

    terminal.wipe()
    terminal.press("ctrl+l")
    terminal.wait_until(same, f"the same again: {what}\n{text}")
    terminal.settle()
    painted = terminal.cells()
    for number, (one, other) in comparable(shown, painted):
        assert one == other, f"{what}, line {number}"


def _differ(terminal: Terminal, before: list[Any]) -> bool:
    return terminal.cells() != before


def test_on_all_screens(lived_in: Hub, start: Start) -> None:
    terminal = start(*STILL, POSTGRES_DSN=lived_in.dsn)
    terminal.wait_for("● live 60s", "by creation, newest first", "24h", "? keys")
    check(terminal, "the first screen")
    for what, keys, there, gone in STEPS:
        before = terminal.cells()
        terminal.press(*keys)
        terminal.wait_until(partial(_differ, terminal, before), f"a change: {what}")
        terminal.wait_for(*there, gone=gone)
        if what not in BLINKING:
            check(terminal, what)


def test_when_rows_change_and_come(lived_in: Hub, start: Start) -> None:
    terminal = start(*STILL, POSTGRES_DSN=lived_in.dsn)
    terminal.wait_for("by creation, newest first", "24h", "? keys")
    for number in range(3):
        lived_in.sql(
            "UPDATE task SET status = 'dead', updated_at = now() WHERE task_id = %s",
            f"task-{70 + number}",
        )
        lived_in.enqueue(f"新しい-{number}", "mailer")
        terminal.press("ctrl+r")
        terminal.wait_for(f"dead {number + 1}", f"新しい-{number}")
        check(terminal, f"change {number}")


def _tasks_are_there(terminal: Terminal) -> bool:
    """Whether all keys have done what they do, and the footer is in the last line."""
    footer = terminal.screen.split("\n")[-1]
    return "r retry" in footer and "? keys" in footer and "task-79" in terminal.line("▌")


def _preview_is_there(terminal: Terminal) -> bool:
    """Whether the task under the cursor stands beside the list too."""
    return terminal.screen.count("task-78") > 1


def test_when_the_window_changes_its_size_while_something_is_painted(
    lived_in: Hub, start: Start
) -> None:
    terminal = start(*STILL, POSTGRES_DSN=lived_in.dsn)
    terminal.wait_for("by creation, newest first", "24h", "? keys")
    sizes = ((80, 24), (160, 50), (100, 30), (160, 30), (160, 24), (81, 25), (120, 40))
    for columns, lines in sizes:
        terminal.press("G", "3")
        terminal.resize(columns, lines)
        terminal.press("1", "g", "y", "esc")
        terminal.wait_until(partial(_tasks_are_there, terminal), "the tasks, with the footer below")
        terminal.press("j")
        terminal.wait_until(lambda: "task-78" in terminal.line("▌"), "the second row")
        if columns >= DETAIL_WIDTH:  # the preview beside the list is read once the cursor rests
            terminal.wait_until(partial(_preview_is_there, terminal), "the preview")
        check(terminal, f"{columns}x{lines}")


def test_when_the_window_gets_its_size_back_at_once(lived_in: Hub, start: Start) -> None:
    terminal = start(*STILL, POSTGRES_DSN=lived_in.dsn)
    terminal.wait_for("by creation, newest first", "24h", "? keys")
    terminal.settle()
    text = terminal.screen
    terminal.resize(60, 20)
    terminal.resize(120, 40)
    terminal.wait_until(lambda: terminal.screen == text, "all of it again")
    check(terminal, "the old size")


def test_after_ctrl_z_and_fg(lived_in: Hub, environ: dict[str, str], tmp_path: Path) -> None:
    environ |= {"POSTGRES_DSN": lived_in.dsn, "PS1": "ready> ", "ENV": "/dev/null"}
    with Terminal(["/bin/sh", "-i"], environ, tmp_path) as terminal:
        terminal.wait_for("ready>")
        terminal.press(*f"{PROGRAM} {' '.join(STILL)}", "enter")
        terminal.wait_for("by creation, newest first", "24h", "? keys")
        terminal.press("3")
        terminal.wait_for(HOUR, "retry 3")
        terminal.press("ctrl+z")
        terminal.wait_for("Stopped", gone=[HOUR])
        terminal.resize(100, 30)
        terminal.press(*"fg", "enter")
        terminal.wait_for(HOUR, "retry 3", "? keys")
        check(terminal, "the workers")
        terminal.press("1", "j")
        terminal.wait_for("by creation")
        check(terminal, "the tasks")
