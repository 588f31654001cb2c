"""Keys as the sentences of a screen name them."""

from __future__ import annotations

from asynqhub_tui.keys import COMMON, TASK, TASKS, WORKERS, shown
from asynqhub_tui.session import Session

_KEYS = {key.id: key for key in COMMON + TASKS + TASK + WORKERS}


def key_name(session: Session, id: str) -> str:
    """Return the key with this id, the user's own where it was remapped."""
    return shown(_KEYS[id], session.remapped)
