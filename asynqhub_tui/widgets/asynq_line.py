"""What asynq knows of a task, in one line."""

from __future__ import annotations

from asynqhub_tui import queue
from asynqhub_tui.fate import Sighting
from asynqhub_tui.figures import ago, due
from asynqhub_tui.models import SUCCESS, Task
from asynqhub_tui.queue import QueuedTask
from asynqhub_tui.text import one_line
from asynqhub_tui.view import View
from asynqhub_tui.widgets.canvas import Line, Piece


def asynq_line(
    task: Task, seen: Sighting | None, view: View, *, unknown: str, retry_key: str
) -> Line:
    """Return the line for a task.

    `seen` is None until asynq has answered; `unknown` says why it does not. `retry_key` is the key
    that retries the task.
    """
    pieces = [Piece(" asynq ", "dim")]
    if task.status == SUCCESS:
        return Line([*pieces, Piece("not asked: the task has succeeded", "dim")])
    if unknown:
        return Line([*pieces, Piece(f"unknown: {one_line(unknown)}", "dim")])
    if seen is None:
        return Line([*pieces, Piece("looking…", "dim")])
    if seen.held is None:
        words = "has no copy of it" if seen.complete else "its queue is too long to be searched"
        return Line([*pieces, Piece(words)])
    pieces += _doing(seen.held, seen, view)
    if seen.held.state in (queue.ARCHIVED, queue.RETRY):
        pieces += [Piece("   "), Piece(retry_key, "key"), Piece(" runs it now", "dim")]
    return Line([*pieces, Piece(f"   id {one_line(seen.held.asynq_id)}", "dim")])


def _doing(held: QueuedTask, seen: Sighting, view: View) -> list[Piece]:
    """Say the state in asynq's own word, and what goes with it."""
    now = view.now()
    tried = Piece(f", retried {held.retried} of {held.max_retry}", "dim")
    match held.state:
        case queue.RETRY if held.next_at is not None:
            return [Piece(f"retry, next {due(held.next_at, now)}", "warn"), tried]
        case queue.ARCHIVED:
            when = f" {ago(held.archived_at, now)}" if held.archived_at is not None else ""
            return [Piece(f"archived{when}", "fail"), tried]
        case queue.SCHEDULED if held.next_at is not None:
            return [Piece(f"scheduled, begins {due(held.next_at, now)}", "pending")]
        case queue.ACTIVE if seen.lease_lost and held.lease_until is not None:
            lost = ago(held.lease_until, now)
            return [Piece(f"active, but its lease ran out {lost}: its worker is gone", "overdue")]
        case queue.ACTIVE:
            return [Piece("active", "running"), Piece(", its worker holds the lease", "dim")]
        case queue.PENDING:
            return [Piece("pending", "pending"), Piece(", waits for a worker", "dim")]
    return [Piece(one_line(held.state))]
