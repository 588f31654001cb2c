"""Replay: run a task that has succeeded once more, as a copy under an id of its own.

Other than Asynq-Hub's own replay, the copy's row is written before its message: a worker's report
never comes too early for it.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from asynqhub_tui.actions.journal import Journal
from asynqhub_tui.actions.outcome import Outcome, Report
from asynqhub_tui.actions.retry.decision import Reason
from asynqhub_tui.actions.retry.messages import fresh_message
from asynqhub_tui.actions.writing import check_original, check_writable, concluded
from asynqhub_tui.models import DEAD, PENDING, SUCCESS, Task, WorkerConfig
from asynqhub_tui.queue import Answer, Message, Result, TaskQueue
from asynqhub_tui.repository import Hub, HubError, Refused, Unavailable

_PAUSES = (0.5, 1.0, 2.0)
"""Seconds to wait for a queue that is away, one after the other, before giving up."""


@dataclass(frozen=True, slots=True)
class ReplayPlan:
    """A replay that waits for its confirmation."""

    task: Task
    worker: WorkerConfig


async def plan_replay(hub: Hub, task_id: str) -> ReplayPlan:
    """Look at the task. Raises NotFound, and Refused where it cannot be replayed."""
    check_writable(hub)
    check_original(hub)
    task = await hub.tasks.get_task(task_id)
    if task.status != SUCCESS:
        raise Refused(
            f"The task {task_id} has not succeeded, but is {task.status}.",
            hint="A failed task is retried, not replayed.",
        )
    worker = await hub.workers.get(task.worker_name)
    if not worker.is_enabled:
        raise Refused(f"The worker {worker.worker_name} is disabled.", hint="Enable it first.")
    return ReplayPlan(task, worker)


async def replay(
    hub: Hub,
    queue: TaskQueue,
    plan: ReplayPlan,
    journal: Journal,
    *,
    pauses: Sequence[float] = _PAUSES,
) -> tuple[str, Report]:
    """Write the copy's row, enqueue it, and return its id and what came of it.

    A copy that could not be enqueued is set to `dead` with the reason, so that it can be retried.
    Raises Refused where the action may not begin, and what the store raises for the row.
    """
    check_writable(hub)
    check_original(hub)
    now = journal.now()
    copy = plan.task.model_copy(
        update={
            "task_id": secrets.token_hex(16),
            "status": PENDING,
            "last_attempt": 0,
            "last_error": None,
            "last_worker_name": None,
            "trace_id": None,
            "created_at": now,
            "updated_at": now,
            "newest_attempt": None,
        }
    )
    message = fresh_message(copy.ref, copy.payload or "", plan.worker)
    if isinstance(message, Reason):
        raise Refused(f"The task {plan.task.task_id} cannot be replayed: {message}.")
    intent = {"copy": copy.task_id, "queue": queue.place}
    async with journal.action("replay_task", plan.task.task_id, intent) as record:
        try:
            await hub.tasks.upsert_task(copy)
            answer = await _enqueue(queue, message, record.id, pauses)
        except HubError as error:
            record.failed(error)
            report = Report(record.outcome, (str(error),))
        else:
            report = await _told(hub, copy, answer)
            record.outcome = report.outcome
    return copy.task_id, concluded(report, record)


async def _enqueue(
    queue: TaskQueue, message: Message, batch: str, pauses: Sequence[float]
) -> Answer:
    """Enqueue it, again where the queue went away: the claim sees to it that it is once."""
    for pause in pauses:
        try:
            [answer] = await queue.enqueue([message], batch)
        except Unavailable:
            await asyncio.sleep(pause)
        else:
            return answer
    try:
        [answer] = await queue.enqueue([message], batch)
    except Unavailable as error:
        return Answer(Result.FAILED, f"{error.what} It may be queued or not.")
    return answer


async def _told(hub: Hub, copy: Task, answer: Answer) -> Report:
    if answer.result in (Result.DONE, Result.ALREADY):
        return Report(Outcome.DONE, (f"Replayed as the copy {copy.task_id}.",))
    why = f"The replay could not be enqueued: {answer.detail or answer.result}"
    await hub.tasks.update_task_status(copy.task_id, DEAD, 0, why, None)
    return Report(
        Outcome.FAILED, (why, f"Its copy {copy.task_id} is marked dead; retry it to try again.")
    )
