"""Esc and what is typed behind it."""

from __future__ import annotations

import pytest
from textual.events import Key, Paste

from asynqhub_tui.key_parser import Answered, KeyParser


def keys(sent: str) -> list[str]:
    """Return the keys that the parser makes of what a terminal has sent in one go."""
    parser = KeyParser()
    events = [*parser.feed(sent), *parser.feed("")]
    return [event.key for event in events if isinstance(event, Key)]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("\x1b3", ["escape", "3"]),
        ("\x1bX", ["escape", "X"]),
        ("\x1by", ["escape", "y"]),
        ("\x1b/", ["escape", "slash"]),
        ("\x1b ", ["escape", "space"]),
        ("\x1b\x1bq", ["escape", "escape", "q"]),
        ("\x1b", ["escape"]),
        ("ab", ["a", "b"]),
        ("\x1b[D", ["left"]),
        ("\x1bf", ["escape", "f"]),
        ("\x1b\x7f", ["ctrl+w"]),
        ("\x1b[15~", ["f5"]),
        ("\x1bOA", ["up"]),
    ],
)
def test_esc_is_a_key_of_its_own(sent: str, expected: list[str]) -> None:
    assert keys(sent) == expected


def test_enter_behind_esc_does_not_swallow_it() -> None:
    assert keys("\x1b\r")[0] == "escape"


@pytest.mark.parametrize(
    ("pieces", "expected", "answers"),
    [
        (("a\x1b[0nb",), ["a", "b"], 1),
        (("\x1b[0n\x1b[0n",), [], 2),
        (("\x1b", "\x1b[0n"), ["escape"], 1),
        (("\x1b[", "0n"), [], 1),  # on a slow line it may come in two pieces
        (("\x1b[0", "n", "j"), ["j"], 1),
    ],
)
def test_an_answer_of_the_terminal_is_no_key(
    pieces: tuple[str, ...], expected: list[str], answers: int
) -> None:
    parser = KeyParser()
    events = [event for piece in (*pieces, "") for event in parser.feed(piece)]
    typed = [one.key for one in events if isinstance(one, Key) and not isinstance(one, Answered)]
    assert typed == expected
    assert sum(isinstance(event, Answered) for event in events) == answers


def test_an_answer_in_the_middle_of_a_paste_is_no_part_of_it() -> None:
    parser = KeyParser()
    pieces = ("\x1b[200~status:fai", "\x1b[0n", "led worker:XDR\x1b[201~", "j")
    events = [event for piece in pieces for event in parser.feed(piece)]
    assert [event.text for event in events if isinstance(event, Paste)] == [
        "status:failed worker:XDR"
    ]
    assert [event.key for event in events if type(event) is Key] == ["j"]
    assert sum(isinstance(event, Answered) for event in events) == 1
