"""What a retry does with one task, decided from its row and from asynq's copy of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from asynqhub_tui import queue
from asynqhub_tui.models import DEAD, FAILED_STATUSES, SUCCESS, Model, TaskRef, WorkerConfig
from asynqhub_tui.queue import QueuedTask


class Decision(StrEnum):
    """What is to be done with a task."""

    RESUME = "resume in place"
    """asynq still holds it: it is moved to pending."""
    ENQUEUE = "enqueue again"
    """Its retries are exhausted and asynq no longer has it: it gets a fresh message."""
    SKIP = "skip"


class Reason(StrEnum):
    """Why a task is skipped, in the words of the preview and of the report."""

    NOT_FAILED = "has not failed"
    CLAIMED = "retried already by another batch"
    QUEUED = "already queued"
    RUNNING = "already running"
    COMPLETED = "completed, asynq says"
    RETRIES_LEFT = "retries left, and asynq's copy not found"
    NOT_SEARCHED = "queue too long to be searched to its end"
    WORKER_UNKNOWN = "worker unknown"
    WORKER_DISABLED = "worker disabled"
    TOO_LARGE = "payload over 2 MiB"
    NO_JSON = "payload is no JSON"
    GONE = "no longer there"
    STALE = "of a copy, its source unknown or away (--source)"
    LEFT_ASYNQ = "no longer with asynq: it ran by itself, or was deleted"
    CHANGED = "changed since the plan"


FORCIBLE = (Reason.RETRIES_LEFT, Reason.NOT_SEARCHED)
"""What is enqueued all the same under force: the task may then run twice."""


class Planned(Model):
    """The decision on one version of a task.

    `reason` is set where it is skipped. `asynq_id` and `state` are those of asynq's copy where it
    is resumed in place, `next_at` when asynq would have retried it by itself. `claim` is the batch
    that has retried it before, where that is the reason.
    """

    ref: TaskRef
    decision: Decision
    reason: Reason | None = None
    asynq_id: str | None = None
    state: str | None = None
    next_at: datetime | None = None
    claim: str | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a task besides its row.

    `worker` is None where it has no row. `queued` is asynq's copy, None where it was not found;
    `searched` tells whether its queue was searched to its end. `claim` is the batch that has
    retried this version before.
    """

    worker: WorkerConfig | None
    queued: QueuedTask | None
    searched: bool
    claim: str | None


_IN_PLACE = (queue.RETRY, queue.SCHEDULED, queue.ARCHIVED)

ON_ITS_WAY = {
    queue.ACTIVE: Reason.RUNNING,
    queue.PENDING: Reason.QUEUED,
    queue.AGGREGATING: Reason.QUEUED,
    queue.COMPLETED: Reason.COMPLETED,
}
"""Why a task in this state of asynq's is not retried."""


def decide(ref: TaskRef, known: Known, *, force: bool = False) -> Planned:
    """Decide on one task.

    Failed rows can be retried, and any other unfinished row whose copy asynq has archived: an
    attempt that times out or panics never reports, so that its row stays pending. `force` enqueues
    what is likely on its way, too.
    """
    reason = _skipped(ref, known)
    if reason is not None and not (force and reason in FORCIBLE):
        claim = known.claim if reason is Reason.CLAIMED else None
        return Planned(ref=ref, decision=Decision.SKIP, reason=reason, claim=claim)
    held = known.queued
    if held is None:
        return Planned(ref=ref, decision=Decision.ENQUEUE)
    return Planned(
        ref=ref,
        decision=Decision.RESUME,
        asynq_id=held.asynq_id,
        state=held.state,
        next_at=held.next_at,
    )


def _skipped(ref: TaskRef, known: Known) -> Reason | None:
    held = known.queued
    state = held.state if held is not None else None
    retryable = ref.status in FAILED_STATUSES
    if not retryable and (ref.status == SUCCESS or state != queue.ARCHIVED):
        return Reason.NOT_FAILED
    if known.claim is not None:
        return Reason.CLAIMED
    if state is not None and state not in _IN_PLACE:
        return ON_ITS_WAY.get(state, Reason.QUEUED)
    if known.worker is None:
        return Reason.WORKER_UNKNOWN
    if not known.worker.is_enabled:
        return Reason.WORKER_DISABLED
    if held is not None:
        return None
    if not known.searched:
        return Reason.NOT_SEARCHED
    if ref.status != DEAD and ref.last_attempt < known.worker.max_attempts:
        return Reason.RETRIES_LEFT
    return None
