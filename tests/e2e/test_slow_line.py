"""On a line that is slower than what there is to show, the last state wins."""

from __future__ import annotations

import time
from pathlib import Path

from tests.e2e.conftest import Start
from tests.e2e.terminal import PROGRAM, Terminal

SSH = {"SSH_CONNECTION": "192.0.2.1 50000 192.0.2.2 22"}

STILL = 4.0
"""Seconds in which nothing is read: the demo changes all the time, and keys are pressed."""


def test_frames_are_merged_and_never_queued(start: Start) -> None:
    terminal = start("--interval", "0.5", **SSH)
    terminal.wait_for("● live", "✓ success")
    terminal.settle()
    assert b"^[[0n" not in terminal.raw  # no answer came before the terminal stopped echoing
    first_screen = len(terminal.raw)
    end = time.monotonic() + STILL
    while time.monotonic() < end:
        terminal.type_blindly("G", "g", "3", "1", "?", "q")
        time.sleep(0.2)
    terminal.type_blindly("3")
    waiting = terminal.waiting()
    # What was under way when the reading stopped, and what the kernel then still let through.
    assert waiting <= 2 * first_screen
    terminal.wait_for("tasks of the last hour")


def test_what_the_terminal_answers_is_not_typed_anywhere(start: Start) -> None:
    terminal = start("--interval", "60", **SSH)
    terminal.wait_for("● live")
    terminal.press("/", *"status:fa")
    terminal.wait_for("status:fa")
    terminal.send(b"\x1b[0n\x1b[0n")
    terminal.send(b"iled\x1b[0n\r")
    terminal.wait_for("/ status:failed")


def test_nothing_is_asked_on_a_terminal_at_hand(start: Start) -> None:
    terminal = start("--interval", "60")
    terminal.wait_for("● live")
    terminal.press("j", "q")
    terminal.wait_exit()
    assert b"\x1b[5n" not in terminal.raw


def test_the_shell_gets_no_answers(environ: dict[str, str], tmp_path: Path) -> None:
    """A terminal far away answers when the program is about to leave already."""
    environ |= {**SSH, "PS1": "ready> ", "ENV": "/dev/null"}
    with Terminal(["/bin/sh", "-i"], environ, tmp_path) as terminal:
        terminal.wait_for("ready>")
        terminal.press(*f"{PROGRAM} --interval 60", "enter")
        terminal.wait_for("● live", "✓ success")
        terminal.settle()
        terminal.answer_questions(False)
        terminal.press("j")
        terminal.settle()
        terminal.press("q")
        terminal.listen(0.3)
        terminal.answer_questions(True)
        terminal.wait_until(lambda: terminal.screen.count("ready>") == 2, "another prompt")
        terminal.settle()
        assert terminal.screen.rstrip().endswith("ready>")


def test_the_interval_is_stretched_and_the_header_says_why(start: Start) -> None:
    terminal = start("--interval", "0.5", **SSH)
    terminal.wait_for("● live 0.5s")
    terminal.answer_questions(False)
    terminal.listen(STILL)
    terminal.answer_questions(True)
    terminal.wait_for("slow line")
    terminal.wait_for("● live 0.5s", gone=["slow line"])


def test_whole_lines_are_sent_where_that_is_asked_for(start: Start) -> None:
    """Where a terminal does not keep what it was sent."""
    for option, whole in (("--no-full-frames", False), ("--full-frames", True)):
        terminal = start("--interval", "60", "--times", "utc", option)
        terminal.wait_for("● live", "✓ success", "24h")
        terminal.settle()
        before = len(terminal.raw)
        terminal.press("ctrl+o")  # tells a few words in one line; nothing else changes
        terminal.wait_for("mouse off")
        terminal.press("ctrl+o")
        terminal.wait_for("mouse on")
        terminal.settle()
        # From “mouse off: …” to “mouse on” the beginning stays as it was.
        assert (b"mouse on" in terminal.raw[before:]) == whole
