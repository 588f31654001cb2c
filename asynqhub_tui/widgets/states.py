"""The state of a task or an attempt: its sign, word and colour, never the colour alone."""

from __future__ import annotations

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
    DEAD: "†",
}

UNKNOWN_SIGN = "?"


def sign(state: str) -> str:
    """Return the one-cell sign of a state."""
    return SIGNS.get(state, UNKNOWN_SIGN)


def tone(state: str) -> str:
    """Return the tone of a state."""
    if state == NO_REPORT:
        return OVERDUE
    return state if state in SIGNS else "unknown"


def label(state: str) -> str:
    """Return sign and word; a status that Asynq-Hub does not know is shown as it stands."""
    return f"{sign(state)} {one_line(state)}"
