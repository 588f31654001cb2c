"""The state of a task or an attempt: its sign, word and colour, never the colour alone."""

from __future__ import annotations

from asynqhub_tui.fate import EXHAUSTED, RETRIES_LEFT, RETRYING
from asynqhub_tui.models import DEAD, FAIL, OVERDUE, PENDING, RUNNING, SUCCESS
from asynqhub_tui.text import one_line
from asynqhub_tui.view import NO_REPORT

SIGNS = {
    PENDING: "○",
    RUNNING: "●",
    OVERDUE: "!",
    NO_REPORT: "!",
    SUCCESS: "✓",
    FAIL: "✗",
    EXHAUSTED: "✗",
    RETRYING: "↻",
    RETRIES_LEFT: "↻",
    DEAD: "†",
}

UNKNOWN_SIGN = "?"

_TONES = {NO_REPORT: OVERDUE, EXHAUSTED: FAIL, RETRYING: "warn", RETRIES_LEFT: "warn"}
"""Tones of the states that have none of their own: only what asynq has given up is red."""


def sign(state: str) -> str:
    """Return the one-cell sign of a state."""
    return SIGNS.get(state, UNKNOWN_SIGN)


def tone(state: str) -> str:
    """Return the tone of a state."""
    return _TONES.get(state, state if state in SIGNS else "unknown")


def label(state: str) -> str:
    """Return sign and word; a status that Asynq-Hub does not know is shown as it stands."""
    return f"{sign(state)} {one_line(state)}"
