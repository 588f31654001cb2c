"""A retry from its first look to its last outcome: prepared, confirmed, run, or taken up again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from asynqhub_tui.actions.journal import Details, Journal
from asynqhub_tui.actions.outcome import Outcome
from asynqhub_tui.actions.retry.batch import Batch, folder_of
from asynqhub_tui.actions.retry.batches import tidy
from asynqhub_tui.actions.retry.execution import PAUSES, Progress, execute
from asynqhub_tui.actions.retry.planning import plan
from asynqhub_tui.actions.retry.preview import Preview
from asynqhub_tui.actions.retry.records import Ending, Head, Summary
from asynqhub_tui.actions.writing import check_writable
from asynqhub_tui.models import TaskRef
from asynqhub_tui.queue import TaskQueue
from asynqhub_tui.repository import Hub, Refused

_OUTCOMES = {
    Ending.DONE: Outcome.DONE,
    Ending.CANCELLED: Outcome.CANCELLED,
    Ending.STOPPED: Outcome.FAILED,
}


@dataclass(frozen=True, slots=True)
class Plan:
    """A retry that waits for its confirmation. `selection` says in words which tasks it is for."""

    batch: Batch
    preview: Preview
    selection: str
    planned_at: datetime

    async def discard(self) -> None:
        """Forget it: nothing was done."""
        await self.batch.discard()


def batches_of(journal: Journal) -> Path:
    """Return the folder of the batches, which lies beside the journal."""
    return folder_of(journal.path.parent)


async def prepare(
    hub: Hub,
    queue: TaskQueue,
    chosen: AsyncIterable[Sequence[TaskRef]],
    selection: str,
    journal: Journal,
    *,
    force: bool = False,
    watch: Callable[[int], None] | None = None,
) -> Plan:
    """Plan a retry of the chosen tasks; nothing is changed.

    `watch` is told how many tasks were read so far. Raises Refused where the installation is
    read-only or the plan cannot be written, and what the store and the queue raise.
    """
    check_writable(hub)
    folder = batches_of(journal)
    now = journal.now()
    await tidy(folder, now)
    batch = await Batch.begin(folder, now)
    try:
        preview = await plan(hub, queue, chosen, batch, force=force, watch=watch)
    except BaseException:
        await batch.discard()
        raise
    return Plan(batch, preview, selection, now)


async def run(
    hub: Hub,
    queue: TaskQueue,
    plan: Plan,
    journal: Journal,
    *,
    stop: asyncio.Event,
    rate: float | None = None,
    pauses: Sequence[float] = PAUSES,
) -> AsyncGenerator[Progress, None]:
    """Run a plan that the operator has confirmed, and yield how far it has come.

    `rate` is the most tasks per second, `pauses` the seconds to wait for a store or a queue that is
    away. Setting `stop` ends it between two chunks. The batch is let go at the end; closing the
    generator before leaves it interrupted, to be resumed. At its first step it raises Refused where
    the journal cannot be written.
    """
    check_writable(hub)
    head = Head(
        batch=plan.batch.id,
        planned_at=plan.planned_at,
        confirmed_at=journal.now(),
        operator=journal.operator,
        backend=hub.info.backend,
        place=hub.info.place,
        queue=queue.place,
        selection=plan.selection,
        total=plan.preview.total,
        included=plan.preview.included,
        rate=rate,
    )
    async with plan.batch as batch:
        await batch.confirm(head)
        work = _journalled(hub, queue, batch, head, journal, stop, pauses, "retry_tasks")
        async with aclosing(work):
            async for progress in work:
                yield progress


async def resume(
    hub: Hub,
    queue: TaskQueue,
    batch_id: str,
    journal: Journal,
    *,
    stop: asyncio.Event,
    pauses: Sequence[float] = PAUSES,
) -> AsyncGenerator[Progress, None]:
    """Run what is left of a batch that was interrupted, cancelled or stopped, as `run` does.

    At its first step it raises NotFound where there is no such batch, and Refused where another
    process works on it, it is of another installation, or too old: its claims may have expired.
    """
    check_writable(hub)
    async with await Batch.take(batches_of(journal), batch_id) as batch:
        head = await batch.head()
        summary = Summary(head=head, end=None, running=False)
        if (head.place, head.queue) != (hub.info.place, queue.place):
            raise Refused(
                f"The batch {batch_id} is one of {head.place} with the queue {head.queue}.",
                hint="Start with that installation to resume it.",
            )
        if not summary.resumable(journal.now()):
            raise Refused(
                f"The batch {batch_id} is too old: a task of it may have been retried since.",
                hint="Choose the tasks anew.",
            )
        await batch.reopen()
        work = _journalled(hub, queue, batch, head, journal, stop, pauses, "resume_retry")
        async with aclosing(work):
            async for progress in work:
                yield progress


async def _journalled(
    hub: Hub,
    queue: TaskQueue,
    batch: Batch,
    head: Head,
    journal: Journal,
    stop: asyncio.Event,
    pauses: Sequence[float],
    action: str,
) -> AsyncGenerator[Progress, None]:
    intent: Details = {"batch": batch.id, "tasks": head.included, "queue": queue.place}
    async with journal.action(action, head.selection, intent) as record:
        work = execute(
            hub, queue, batch, stop=stop, rate=head.rate, pauses=pauses, clock=journal.now
        )
        async with aclosing(work):
            async for progress in work:
                record.details.update({str(kind): n for kind, n in progress.counts.items()})
                if progress.end is not None:
                    record.outcome = _OUTCOMES[progress.end.ending]
                    if progress.end.sentence is not None:
                        record.details["error"] = progress.end.sentence
                yield progress
