"""What is copied reaches the terminal's clipboard, through tmux where there is one."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import pytest

from asynqhub_tui.repository import Unavailable
from tests.screens import sample
from tests.screens.sample import ERRORS, task_id
from tests.screens.stage import Desk, Stage

OSC52 = re.compile(r"\x1b]52;c;([A-Za-z0-9+/=]*)\x07")


@contextmanager
def terminal_of(desk: Desk) -> Iterator[list[str]]:
    """Collect the texts that the terminal is asked to put on its clipboard."""
    copied: list[str] = []

    def write(data: str) -> None:
        copied.extend(base64.b64decode(one).decode() for one in OSC52.findall(data))

    with patch.object(desk.app._driver, "write", write):
        yield copied


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("i", task_id(0)),
        ("e", ERRORS[0]),
        ("p", '{"url": "https://example.com/0?q=\\u4f60\\u597d", "depth": 2}'),
        ("c", f"asynqhub-tui --backend sqlite task {task_id(0)}"),
        ("l", "asynqhub-tui --backend sqlite tasks status:failed"),
    ],
)
async def test_each_choice_of_the_task_list(stage: Stage, key: str, text: str) -> None:
    stage.load(sample.sample())
    async with stage.open() as desk:
        await desk.press("s", "y")
        with terminal_of(desk) as copied:
            await desk.press(key)
            await desk.until(lambda: desk.note)
        assert copied == [text]
        assert desk.note.endswith("sent to the terminal")


async def test_a_note_to_hand_over(stage: Stage) -> None:
    stage.load(sample.sample())
    async with stage.open() as desk:
        await desk.press("enter", "y")
        with terminal_of(desk) as copied:
            await desk.press("n")
            await desk.until(lambda: desk.note)
        assert copied[0].startswith(f"**exhausted** task `{task_id(0)}`\n")
        assert ERRORS[0] in copied[0]


async def test_the_ids_of_what_is_marked(stage: Stage) -> None:
    stage.load(sample.sample())
    async with stage.open() as desk:
        await desk.press("space", "j", "space", "y")
        assert "ids of the 2 marked" in desk.text
        with terminal_of(desk) as copied:
            await desk.press("m")
            await desk.until(lambda: desk.note)
        assert copied == [f"{task_id(0)}\n{task_id(2)}"]


async def test_the_task_is_the_one_the_menu_was_opened_on(stage: Stage) -> None:
    stage.load(sample.sample())
    async with stage.open() as desk:
        await desk.press("y")
        stage.load_new(1)
        await desk.pass_time(20)
        with terminal_of(desk) as copied:
            await desk.press("enter")
            await desk.until(lambda: desk.note)
        assert copied == [task_id(0)]


async def test_a_task_without_an_error_says_so(stage: Stage) -> None:
    stage.load(sample.sample())
    async with stage.open() as desk:
        await desk.press("j", "y")
        with terminal_of(desk) as copied:
            await desk.press("e")
            await desk.until(lambda: desk.note)
        assert copied == []
        assert desk.note == "this task has no error"


async def test_a_payload_that_cannot_be_read_says_why(stage: Stage) -> None:
    stage.load(sample.sample())
    async with stage.open() as desk:
        desk.faults.errors["get_task"] = Unavailable("db1 does not answer.")
        await desk.press("y")
        with terminal_of(desk) as copied:
            await desk.press("p")
            await desk.until(lambda: desk.note)
        assert copied == []
        assert desk.note == "db1 does not answer."


async def test_what_is_too_long_for_a_clipboard_is_not_sent_in_part(stage: Stage) -> None:
    stage.load(sample.huge())
    async with stage.open() as desk:
        await desk.press("y")
        with terminal_of(desk) as copied:
            await desk.press("p")
            await desk.until(lambda: desk.note)
        assert copied == []
        assert "too long for the clipboard" in desk.note


@pytest.mark.parametrize(("key", "part"), [("n", "worker-1"), ("J", '"default_timeout": 300')])
async def test_a_worker(stage: Stage, key: str, part: str) -> None:
    stage.load(sample.sample())
    async with stage.open() as desk:
        await desk.press("3", "G", "y")
        with terminal_of(desk) as copied:
            await desk.press(key)
            await desk.until(lambda: desk.note)
        assert part in copied[0]


@pytest.fixture
def tmux(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a tmux with the test's parameter as its script, or of none."""
    folder = tmp_path / "bin"
    folder.mkdir()
    if request.param is not None:
        program = folder / "tmux"
        program.write_text(f"#!/bin/sh\ncd {folder}\n{request.param}\n")
        program.chmod(0o755)
    monkeypatch.setenv("TMUX", "/tmp/tmux-1000/default,1,0")
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


@pytest.mark.parametrize("tmux", ['echo "$@" > words; exec cat > buffer'], indirect=True)
async def test_within_tmux_it_goes_through_tmux(stage: Stage, tmux: Path) -> None:
    stage.load(sample.sample())
    async with stage.open() as desk:
        await desk.press("y")
        with terminal_of(desk) as copied:
            await desk.press("i")
            await desk.until(lambda: desk.note)
        assert desk.note == "task id sent to tmux and its terminal"
        assert copied == []
        assert (tmux / "buffer").read_text() == task_id(0)
        assert (tmux / "words").read_text() == "load-buffer -w -\n"


@pytest.mark.usefixtures("tmux")
@pytest.mark.parametrize("tmux", ["exit 1", None], indirect=True)
async def test_a_tmux_that_fails_leaves_it_to_the_terminal(stage: Stage) -> None:
    stage.load(sample.sample())
    async with stage.open() as desk:
        await desk.press("y")
        with terminal_of(desk) as copied:
            await desk.press("i")
            await desk.until(lambda: desk.note)
        assert copied == [task_id(0)]
        assert desk.note == "task id sent to the terminal"
