"""The figures of workers, computed anew from the raw rows in plain Python."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import fmean

from asynqhub_tui.models import (
    DEAD,
    FAIL,
    OVERDUE,
    PENDING,
    RUNNING,
    SUCCESS,
    Attempt,
    Task,
    Window,
    WorkerConfig,
)

MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True)
class Execution:
    """One attempt, told from its rows: whose it was, when it began, how it ended."""

    worker: str
    queue: str
    task_id: str
    attempt: int
    start: datetime
    status: str
    duration: float | None


def executions(tasks: Iterable[Task], rows: Iterable[Attempt]) -> list[Execution]:
    """Return the attempts that `rows`, in the order they were written, tell of."""
    owners = {task.task_id: task for task in tasks}
    together: defaultdict[tuple[str, int, datetime], list[Attempt]] = defaultdict(list)
    for row in rows:
        together[row.task_id, row.attempt, row.started_at].append(row)
    found = []
    for (task_id, attempt, start), group in together.items():
        final = [row for row in group if row.status != RUNNING]
        last = final[-1] if final else group[-1]
        duration: float | None = last.duration_ms
        if duration is None and last.finished_at is not None:
            duration = max(last.finished_at - start, timedelta(0)) // MILLISECOND
        owner = owners[task_id]
        found.append(
            Execution(
                owner.worker_name, owner.queue, task_id, attempt, start, last.status, duration
            )
        )
    return found


def average(attempts: Iterable[Execution]) -> float | None:
    """Return the average duration of the successes among `attempts`, in milliseconds."""
    durations = [
        one.duration for one in attempts if one.status == SUCCESS and one.duration is not None
    ]
    return fmean(durations) if durations else None


def figures(tasks: Sequence[Task], attempts: Sequence[Execution]) -> tuple[object, ...]:
    """Return what a QueueStats or WorkerStats says of finished tasks, and the average."""
    by_status = Counter(task.status for task in tasks)
    return (
        len(tasks),
        by_status[SUCCESS],
        by_status[FAIL],
        by_status[DEAD],
        average(attempts),
    )


@dataclass(frozen=True)
class Figures:
    """What the statistics of one worker must say."""

    worker: tuple[object, ...]
    queues: dict[str, tuple[object, ...]]
    pending: int
    running: int
    overdue: int


def stats(
    worker: WorkerConfig,
    tasks: Sequence[Task],
    rows: Sequence[Attempt],
    window: Window,
    now: datetime,
) -> Figures:
    """Return the figures of one worker. `queues` has those with tasks in the window."""
    mine = [task for task in tasks if task.worker_name == worker.worker_name]
    all_attempts = [one for one in executions(tasks, rows) if one.worker == worker.worker_name]
    begin = None if window.length is None else now - window.length
    created = [task for task in mine if begin is None or task.created_at >= begin]
    started = [one for one in all_attempts if begin is None or one.start >= begin]
    states = Counter(state(worker, task, all_attempts, now) for task in mine)
    return Figures(
        worker=figures(created, started),
        queues={
            queue: figures(
                [task for task in created if task.queue == queue],
                [one for one in started if one.queue == queue],
            )
            for queue in {task.queue for task in created}
        },
        pending=states[PENDING],
        running=states[RUNNING],
        overdue=states[OVERDUE],
    )


def state(worker: WorkerConfig, task: Task, attempts: Iterable[Execution], now: datetime) -> str:
    """Return what the task does at `now`."""
    of_task = [one for one in attempts if one.task_id == task.task_id]
    newest = max(of_task, key=lambda one: (one.start, one.attempt), default=None)
    seen = None
    if newest is not None:
        seen = Attempt(
            task_id=task.task_id,
            attempt=newest.attempt,
            status=newest.status,
            started_at=newest.start,
        )
    return task.model_copy(update={"newest_attempt": seen}).state(now, worker.timeout)


def error(task_id: str, rows: Iterable[Attempt]) -> str | None:
    """Return the error that stands: the last one, unless an attempt has succeeded since."""
    last: dict[tuple[datetime, int], Attempt] = {}
    for row in rows:
        key = (row.started_at, row.attempt)
        if row.task_id == task_id and (row.status != RUNNING or key not in last):
            last[key] = row
    stands = None
    for _, row in sorted(last.items()):
        if row.status == SUCCESS:
            stands = None
        elif row.error:
            stands = row.error
    return stands


def hour_figures(
    worker: str, attempts: Sequence[Execution], hour: datetime
) -> tuple[int, int, int, float | None]:
    """Return what the time series must say of the hour that begins at `hour`."""
    within = [
        one
        for one in attempts
        if one.worker == worker and hour <= one.start < hour + timedelta(hours=1)
    ]
    return (
        len(within),
        sum(one.status == SUCCESS for one in within),
        sum(one.status in (FAIL, DEAD) for one in within),
        average(within),
    )
