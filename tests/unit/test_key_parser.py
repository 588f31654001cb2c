"""Esc and what is typed behind it."""

from __future__ import annotations

import pytest
from textual.events import Key

from asynqhub_tui.key_parser import KeyParser


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
