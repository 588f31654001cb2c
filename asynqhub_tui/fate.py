"""What becomes of a task: what its row and what asynq knows of it say together.

The hub's `fail` means two things: asynq will retry the task by itself, or it has given up. And an
attempt that times out, panics or dies with its worker never reports, so that its row tells
nothing at all. asynq knows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from asynqhub_tui import queue
from asynqhub_tui.models import FAIL, OVERDUE, PENDING, RUNNING, Task
from asynqhub_tui.queue import QueuedTask

RETRYING = "retrying"
"""It has failed, and asynq holds it until its next attempt."""

EXHAUSTED = "exhausted"
"""asynq has given up: the task is archived, or its row counts all attempts that it may have."""

RETRIES_LEFT = "retries left"
"""Its row says `fail` before its last attempt; whether asynq still holds it was not looked up."""

_LIVE = frozenset({FAIL, OVERDUE, PENDING, RUNNING})
"""What asynq's copy is asked about: every other state of a row is the end of a task."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """What asynq knew of one version of a task at `at`.

    `held` is its copy, None where none was found; `complete` is False where the search for it
    stopped at its bound.
    """

    version: object
    held: QueuedTask | None
    at: datetime
    complete: bool = True

    @classmethod
    def of(
        cls, task: Task, held: QueuedTask | None, at: datetime, *, complete: bool = True
    ) -> Sighting:
        """What was seen of this version of a task."""
        return cls(version(task), held, at, complete)

    def is_of(self, task: Task) -> bool:
        """Whether it is of this very version: of another one it tells nothing."""
        return self.version == version(task)

    @property
    def lease_lost(self) -> bool:
        """Whether its worker is gone: it no longer extended the lease when it was seen."""
        held = self.held
        return held is not None and held.lease_until is not None and held.lease_until < self.at


def version(task: Task) -> object:
    """Return what changes whenever the store has news of a task."""
    newest = task.newest_attempt
    attempt = (newest.attempt, newest.started_at, newest.status) if newest is not None else None
    return task.task_id, task.status, task.updated_at, attempt


def fate(task: Task, state: str, max_attempts: int | None, seen: Sighting | None) -> str:
    """Return what a task does now.

    `state` is what its rows say (`Task.state`), `max_attempts` what its worker's configuration
    allows, None where that is unknown. `seen` is None where asynq was not asked.
    """
    if state not in _LIVE:
        return state
    held = seen.held if seen is not None and seen.is_of(task) else None
    if seen is not None and held is not None:
        match held.state:
            case queue.RETRY:
                return RETRYING
            case queue.ARCHIVED:
                return EXHAUSTED
            case queue.ACTIVE:
                return OVERDUE if seen.lease_lost else RUNNING
            case queue.PENDING | queue.SCHEDULED | queue.AGGREGATING:
                return PENDING
    if state != FAIL or max_attempts is None:
        return state
    return EXHAUSTED if task.last_attempt >= max_attempts else RETRIES_LEFT


def worth_asking(task: Task, state: str, max_attempts: int | None) -> bool:
    """Whether a list asks asynq about a task: where its row alone leaves open what becomes of it.

    `state` and `max_attempts` are those of `fate`.
    """
    if state == FAIL:
        return max_attempts is None or task.last_attempt < max_attempts
    return state == OVERDUE
