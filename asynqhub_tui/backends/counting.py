"""From counts of rows to the figures of a worker, for stores that count alike."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from asynqhub_tui.models import (
    DEAD,
    FAIL,
    OVERDUE,
    PENDING,
    RUNNING,
    SUCCESS,
    QueueStats,
    Window,
    WorkerStats,
)


@dataclass(slots=True)
class QueueCounts:
    """What is gathered of one queue.

    `tasks` counts tasks by status; `duration` is the sum, in milliseconds, of the `timed` successes
    that have one.
    """

    tasks: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    duration: int = 0
    timed: int = 0


def worker_figures(
    name: str,
    window: Window,
    queues: Mapping[str, QueueCounts],
    states: Mapping[str, int],
    *,
    now_exact: bool = True,
) -> WorkerStats:
    """Return the figures of a worker; `states` counts its tasks by what they do now."""
    tasks: defaultdict[str, int] = defaultdict(int)
    for queue in queues.values():
        for status, number in queue.tasks.items():
            tasks[status] += number
    total = sum(tasks.values())
    return WorkerStats(
        worker_name=name,
        window=window,
        total_tasks=total,
        success_tasks=tasks[SUCCESS],
        failed_tasks=tasks[FAIL],
        dead_tasks=tasks[DEAD],
        success_rate=100 * tasks[SUCCESS] / total if total else None,
        pending_tasks=states.get(PENDING, 0),
        running_tasks=states.get(RUNNING, 0),
        overdue_tasks=states.get(OVERDUE, 0),
        now_exact=now_exact,
        avg_duration_ms=_average(
            sum(queue.duration for queue in queues.values()),
            sum(queue.timed for queue in queues.values()),
        ),
        queues=tuple(
            QueueStats(
                queue=queue,
                total=sum(one.tasks.values()),
                success=one.tasks[SUCCESS],
                failed=one.tasks[FAIL],
                dead=one.tasks[DEAD],
                avg_duration_ms=_average(one.duration, one.timed),
            )
            for queue, one in sorted(queues.items())
        ),
    )


def _average(total: int, number: int) -> float | None:
    return total / number if number else None
