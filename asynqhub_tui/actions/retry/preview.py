"""What the operator reads before a retry: totals by decision, worker, queue and error."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from asynqhub_tui.actions.retry.decision import Decision, Planned, Reason
from asynqhub_tui.dsn import mask
from asynqhub_tui.figures import span
from asynqhub_tui.models import WorkerConfig
from asynqhub_tui.queue import ARCHIVED, RETRY, SCHEDULED, QueueReader
from asynqhub_tui.text import one_line

BY_KEY = 100
"""Up to so many tasks one key confirms; for more, their number has to be typed."""

_MOST_KINDS = 1_000
"""How many different errors are told apart."""

_MOST_LENGTH = 120

_VARYING = re.compile(r"\b\w*\d\w*\b(?:[-.:]\w*\d\w*\b)*")
"""Words with a digit in them, and chains of such: ids, addresses, times."""


def kind_of(error: str) -> str:
    """Return the error's first line with ids and numbers left out, so that alike ones are alike."""
    first = error.strip().splitlines()[0] if error.strip() else ""
    return one_line(_VARYING.sub("…", first[: 4 * _MOST_LENGTH]))[:_MOST_LENGTH]


@dataclass(slots=True)
class Preview:
    """The totals of a plan.

    `states` counts the tasks that are resumed in place by asynq's state. `workers`, `queues` and
    `errors` count the tasks that are included, `reasons` those that are skipped. `next_at` is the
    earliest time at which asynq would have retried one by itself. `errors_of` is how many of the
    included tasks the errors were looked up for. `elsewhere` holds, by worker, the Redis that the
    worker's row names, masked, where it is another than the queue's.
    """

    total: int = 0
    decisions: Counter[Decision] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    reasons: Counter[Reason] = field(default_factory=Counter)
    workers: Counter[str] = field(default_factory=Counter)
    queues: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    errors_of: int = 0
    next_at: datetime | None = None
    elsewhere: dict[str, str] = field(default_factory=dict)

    @property
    def included(self) -> int:
        """How many tasks are going to be retried."""
        return self.total - self.decisions[Decision.SKIP]

    def add(self, planned: Planned) -> None:
        """Count one decision."""
        self.total += 1
        self.decisions[planned.decision] += 1
        if planned.reason is not None:
            self.reasons[planned.reason] += 1
            return
        self.workers[planned.ref.worker_name] += 1
        self.queues[planned.ref.queue] += 1
        if planned.state is not None:
            self.states[planned.state] += 1
        if planned.next_at is not None:
            self.next_at = min(self.next_at or planned.next_at, planned.next_at)

    def compare(self, workers: Iterable[WorkerConfig], queue: QueueReader) -> None:
        """Take note of the workers of included tasks whose rows name another Redis."""
        for worker in workers:
            address = worker.redis_addr
            if worker.worker_name in self.workers and address and queue.differs(address):
                self.elsewhere[worker.worker_name] = mask(address)

    def add_error(self, error: str | None) -> None:
        """Count what one of the included tasks failed with."""
        self.errors_of += 1
        kind = kind_of(error) if error else "no error known"
        if kind in self.errors or len(self.errors) < _MOST_KINDS:
            self.errors[kind] += 1
        else:
            self.errors["others"] += 1


def decision_lines(preview: Preview, now: datetime) -> list[tuple[str, int, str]]:
    """Return each decision in words, for how many tasks, and what more there is to say of them."""
    states = preview.states
    waiting = states[RETRY] + states[SCHEDULED]
    parts = []
    if states[ARCHIVED]:
        parts.append(f"archived {states[ARCHIVED]:,}")
    if waiting:
        when = f" (the next {_until(preview.next_at - now)})" if preview.next_at else ""
        parts.append(f"waiting for their own retry {waiting:,}{when}")
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in preview.reasons.most_common())
    return [
        (Decision.RESUME, preview.decisions[Decision.RESUME], ", ".join(parts)),
        (
            Decision.ENQUEUE,
            preview.decisions[Decision.ENQUEUE],
            "asynq no longer has them" if preview.decisions[Decision.ENQUEUE] else "",
        ),
        ("skipped", preview.decisions[Decision.SKIP], reasons),
    ]


def elsewhere_sentences(preview: Preview) -> list[str]:
    """Return what is to be said of workers that may never see what is retried."""
    return [
        f"{one_line(name)} says that its Redis is {one_line(address)}, not this queue's: it may"
        " never see what is retried."
        for name, address in sorted(preview.elsewhere.items())
    ]


def _until(length: timedelta) -> str:
    return f"in {span(length)}" if length > timedelta(0) else "now"
