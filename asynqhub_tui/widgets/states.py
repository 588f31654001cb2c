"""The state of a task or an attempt: its sign, word and colour, never the colour alone."""

from __future__ import annotations

from asynqhub_tui.models import (
    DEAD,
    FAIL,
    OVERDUE,
    OVERDUE_GRACE,
    PENDING,
    RUNNING,
    SUCCESS,
    Attempt,
)
from asynqhub_tui.text import one_line
from asynqhub_tui.view import View

NO_REPORT = "no report"
"""What an attempt is whose end nobody reported, although its time is over."""

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


def attempt_state(attempt: Attempt, view: View, worker_name: str, *, newest: bool) -> str:
    """Return what became of an attempt of a worker's task: only the newest can still run."""
    if not attempt.open:
        return attempt.status
    age = view.now() - attempt.started_at
    in_time = age <= view.timeout(worker_name) + OVERDUE_GRACE
    return RUNNING if newest and in_time else NO_REPORT
