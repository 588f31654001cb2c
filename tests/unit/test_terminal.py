"""The manners of a terminal: what the environment tells, and the clipboard."""

from __future__ import annotations

import base64

import pytest

from asynqhub_tui import terminal
from asynqhub_tui.terminal import MAX_CLIPBOARD, copy, mouse_wanted, osc52, over_ssh, prepare


class Screen:
    """Collects what is sent to the terminal."""

    def __init__(self) -> None:
        self.sent = ""

    def write(self, data: str) -> None:
        self.sent += data


@pytest.mark.parametrize(
    ("environ", "setting", "wanted"),
    [
        ({}, None, True),
        ({"SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22"}, None, False),
        ({"SSH_TTY": "/dev/pts/1"}, None, False),
        ({"SSH_TTY": ""}, None, True),
        ({"SSH_TTY": "/dev/pts/1"}, True, True),
        ({}, False, False),
    ],
)
def test_the_mouse_is_off_over_ssh_unless_it_is_wanted(
    environ: dict[str, str], setting: bool | None, wanted: bool
) -> None:
    assert mouse_wanted(environ, setting) is wanted
    if setting is None:
        assert over_ssh(environ) is not wanted


def test_what_the_user_has_set_for_textual_stays() -> None:
    environ = {"TEXTUAL_ANIMATIONS": "full"}
    prepare(environ)
    assert environ["TEXTUAL_ANIMATIONS"] == "full"
    assert environ["ESCDELAY"] == terminal.ESC_DELAY_MS


@pytest.mark.parametrize("text", ["plain", "", "任务\n🚀", "\x1b]52;c;aGk=\x07", "\ud800"])
def test_the_sequence_holds_the_text_and_nothing_that_ends_it(text: str) -> None:
    sequence = osc52(text)
    assert sequence.startswith("\x1b]52;c;")
    assert sequence.endswith("\x07")
    body = sequence[7:-1]
    assert not set(body) & set("\x1b\x07;")
    assert base64.b64decode(body).decode() == text.replace("\ud800", "?")


async def test_the_longest_text_that_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen()
    assert await copy("x" * MAX_CLIPBOARD, screen, {}) == "sent to the terminal"
    assert base64.b64decode(screen.sent[7:-1]) == b"x" * MAX_CLIPBOARD
    with pytest.raises(ValueError, match="too long for the clipboard"):
        await copy("任" * (MAX_CLIPBOARD // 3 + 1), screen, {})


async def test_a_tmux_that_hangs_is_given_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("bin")
    program = folder / "tmux"
    program.write_text("#!/bin/sh\nexec sleep 600\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr(terminal, "_TMUX_SECONDS", 0.05)
    screen = Screen()
    assert await copy("text", screen, {"TMUX": "/tmp/tmux-0/default,1,0"}) == "sent to the terminal"
    assert screen.sent == osc52("text")
