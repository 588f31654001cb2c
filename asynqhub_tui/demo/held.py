"""A task as the sample's asynq holds it, and what moves it from state to state."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from asynqhub_tui import queue as asynq
from asynqhub_tui.demo import catalogue
from asynqhub_tui.demo.fleet import DAY
from asynqhub_tui.demo.life import Actor, Life, Outlook, Run

_KEPT_FOR = 3 * DAY
_CLEARED = 5

_NAMESPACE = uuid.UUID("0b6f2f5c-6a51-4a39-9a55-3f1f5a1c7a20")


@dataclass(slots=True)
class Held:
    """A task in a queue. Times are microseconds since 1970, `timeout` is microseconds.

    `unique` is the payload on which it took the uniqueness lock, `run` the attempt under way. Of
    the times each is set in its state only, as in queue.QueuedTask; `pending_since` is None, too,
    where the task was run in place.
    """

    task_id: str
    asynq_id: str
    queue: str
    max_retry: int
    timeout: int
    outlook: Outlook = Outlook.USUAL
    unique: str | None = None
    state: str = asynq.PENDING
    retried: int = 0
    last_error: str | None = None
    last_failed_at: int | None = None
    pending_since: int | None = None
    run: Run | None = None
    next_at: int | None = None
    archived_at: int | None = None

    def wait(self, since: int | None) -> None:
        """Let it wait for a server."""
        self.state = asynq.PENDING
        self.pending_since = since
        self.next_at = self.archived_at = None

    def schedule(self, at: int) -> None:
        """Let it wait for its time."""
        self.state = asynq.SCHEDULED
        self.next_at = at
        self.pending_since = None

    def start(self, run: Run) -> None:
        """Begin an attempt."""
        self.state = asynq.ACTIVE
        self.run = run
        self.pending_since = self.next_at = None

    def ends_at(self, run: Run) -> int:
        """Return when an attempt ends, or is given up for having timed out."""
        return run.finished if run.finished is not None else run.started + self.timeout

    def fail(self, at: int, delay: int) -> None:
        """End the attempt by a failure: it is retried after `delay`, or archived."""
        error = self.run.error if self.run is not None else None
        self.run = None
        self.last_error = error or catalogue.DEADLINE
        self.last_failed_at = at
        if self.retried < self.max_retry:
            self.retried += 1
            self.state = asynq.RETRY
            self.next_at = at + delay
        else:
            self.state = asynq.ARCHIVED
            self.archived_at = at


def fresh(life: Life, actor: Actor) -> Held:
    """Return a task as Asynq-Hub enqueues it."""
    held = Held(
        task_id=life.task_id,
        asynq_id=str(uuid.uuid5(_NAMESPACE, life.task_id)),
        queue=life.queue,
        max_retry=actor.member.config.default_retry_count,
        timeout=actor.timeout,
        outlook=life.outlook,
        pending_since=life.created,
    )
    if actor.delay:
        held.schedule(life.created + actor.delay)
    return held


def at_present(life: Life, actor: Actor, now: int) -> Held | None:
    """Return a task that has not succeeded as it is at `now`; None where asynq no longer has it.

    Somebody has cleared a part of the archive, and all that is old.
    """
    held = fresh(life, actor)
    begun = [run for run in life.runs if run.started <= now]
    if not begun:
        if held.next_at is not None and held.next_at <= now:
            held.wait(held.next_at)
        return held
    last = begun[-1]
    held.retried = last.attempt - 1
    held.start(last)
    ended = held.ends_at(last)
    if ended > now:
        return held
    to_come = life.runs[len(begun) :]  # none where its worker has gone away, or it is staged
    delay = to_come[0].started - ended if to_come else actor.backoff(held.retried)
    held.fail(ended, delay)
    cleared = int(life.task_id[:8], 16) % _CLEARED == 0 or now - ended > _KEPT_FOR
    return None if held.state == asynq.ARCHIVED and cleared else held
