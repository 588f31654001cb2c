"""The steps of one chunk of a batch: the queue's scripts with their claims, then the rows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from asynqhub_tui import queue as asynq
from asynqhub_tui.actions.retry.decision import ON_ITS_WAY, Decision, Planned, Reason
from asynqhub_tui.actions.retry.messages import fresh_message
from asynqhub_tui.actions.retry.records import Kind, TaskOutcome
from asynqhub_tui.models import FAILED_STATUSES, TaskRef
from asynqhub_tui.queue import Answer, Message, Move, Result, TaskQueue
from asynqhub_tui.repository import Hub, HubError, Refused, Unavailable


@dataclass(slots=True)
class ChunkResult:
    """What has come of a chunk. `stopped` says why nothing more should be tried.

    `run` are the tasks that asynq runs again, by us; the rest is in `outcomes`.
    """

    outcomes: list[TaskOutcome] = field(default_factory=list)
    run: list[tuple[TaskRef, Kind]] = field(default_factory=list)
    stopped: str | None = None

    def skip(self, task_id: str, reason: Reason, detail: str | None = None) -> None:
        """Note that a task was left alone."""
        skipped = TaskOutcome(task_id=task_id, kind=Kind.SKIPPED, reason=reason, detail=detail)
        self.outcomes.append(skipped)

    def take(self, ref: TaskRef, kind: Kind, answer: Answer) -> None:
        """Note what the queue has answered for a task."""
        match answer.result:
            case Result.DONE | Result.ALREADY:
                self.run.append((ref, kind))
            case Result.CLAIMED:
                self.skip(ref.task_id, Reason.CLAIMED, answer.detail)
            case Result.GONE:
                self.skip(ref.task_id, Reason.LEFT_ASYNQ)
            case Result.MOVED_ON | Result.CONFLICT:
                reason = ON_ITS_WAY.get(answer.detail or "", Reason.CHANGED)
                self.skip(ref.task_id, reason, answer.detail)
            case Result.REFUSED:
                self.stopped = answer.detail
            case Result.FAILED | Result.DUPLICATE:
                failed = TaskOutcome(task_id=ref.task_id, kind=Kind.FAILED, detail=answer.detail)
                self.outcomes.append(failed)


class Steps:
    """Executes chunks of one batch; a step may be done any number of times."""

    def __init__(self, hub: Hub, queue: TaskQueue, batch_id: str) -> None:
        self._hub = hub
        self._queue = queue
        self._batch_id = batch_id

    async def enter(self, chunk: Sequence[Planned]) -> ChunkResult:
        """Resume and enqueue the tasks of a chunk.

        A task that is in neither part of the result was not reached: the server takes no writes.
        Raises Unavailable where the store or the queue is away.
        """
        result = ChunkResult()
        moves = [
            Move(one.ref, one.asynq_id, _states(one.ref))
            for one in chunk
            if one.decision is Decision.RESUME and one.asynq_id is not None
        ]
        if moves:
            answers = await self._queue.run(moves, self._batch_id)
            for move, answer in zip(moves, answers, strict=True):
                result.take(move.ref, Kind.RESUMED, answer)
        refs = {one.ref.task_id: one.ref for one in chunk if one.decision is Decision.ENQUEUE}
        if refs and result.stopped is None:
            async for messages in self._messages(refs, result):
                answers = await self._queue.enqueue(messages, self._batch_id)
                for message, answer in zip(messages, answers, strict=True):
                    result.take(message.ref, Kind.ENQUEUED, answer)
        return result

    async def mark(self, result: ChunkResult) -> None:
        """Mark the rows pending of the tasks that asynq runs again, and complete the outcomes.

        Raises Unavailable where the store is away.
        """
        marked: frozenset[str] = frozenset()
        why: str | None = None
        if result.run:
            try:
                marked = await self._mark(result.run)
            except Unavailable:
                raise
            except HubError as error:
                # What asynq runs again has to be on record, whatever the store thinks of it.
                why = f"Its row was not marked: {error}"
                result.stopped = result.stopped or str(error)
        result.outcomes += [
            TaskOutcome(task_id=ref.task_id, kind=kind, detail=why, marked=ref.task_id in marked)
            for ref, kind in result.run
        ]

    async def _mark(self, run: Sequence[tuple[TaskRef, Kind]]) -> frozenset[str]:
        """Mark rows where they were read: what was enqueued for a copy, at its source."""
        enqueued = [ref for ref, kind in run if kind is Kind.ENQUEUED]
        resumed = [ref for ref, kind in run if kind is not Kind.ENQUEUED]
        source = await self._source() if enqueued else self._hub
        if source is self._hub:
            return await self._hub.tasks.mark_pending([*resumed, *enqueued])
        marked = await source.tasks.mark_pending(enqueued)
        return marked | (await self._hub.tasks.mark_pending(resumed) if resumed else marked)

    async def _source(self) -> Hub:
        """Return the store whose rows say what may be enqueued. Raises Refused as the plan skips.

        A batch of a copy may be resumed by a program that does not know its source.
        """
        if await self._hub.tasks.freshness() is None:
            return self._hub
        if self._hub.original is None:
            raise Refused(
                f"{self._hub.info.place} is a copy, and its source is not known.",
                hint="Start with --source to enqueue its tasks again.",
            )
        return await self._hub.original.open()

    async def _messages(
        self, refs: dict[str, TaskRef], result: ChunkResult
    ) -> AsyncIterator[list[Message]]:
        """Yield fresh messages, as many at a time as there is memory for their payloads."""
        source = await self._source()
        workers = {worker.worker_name: worker for worker in await source.workers.list()}
        unseen = set(refs)
        changed = []
        async for tasks in source.tasks.with_payloads(list(refs)):
            messages = []
            for task in tasks:
                ref = refs[task.task_id]
                unseen.discard(task.task_id)
                if task.updated_at != ref.updated_at:
                    changed.append(ref)
                    continue
                worker = workers.get(task.worker_name)
                if worker is None or not worker.is_enabled:
                    result.skip(
                        ref.task_id,
                        Reason.WORKER_UNKNOWN if worker is None else Reason.WORKER_DISABLED,
                    )
                    continue
                message = fresh_message(ref, task.payload or "", worker)
                if isinstance(message, Reason):
                    result.skip(ref.task_id, message)
                else:
                    messages.append(message)
            if messages:
                yield messages
        for task_id in sorted(unseen):
            result.skip(task_id, Reason.GONE)
        await self._explain(changed, result)

    async def _explain(self, changed: Sequence[TaskRef], result: ChunkResult) -> None:
        """Tell why rows have changed: we enqueued them before, or somebody else did."""
        if not changed:
            return
        claims = await self._queue.claims(changed)
        for ref, claim in zip(changed, claims, strict=True):
            if claim == self._batch_id:
                result.run.append((ref, Kind.ENQUEUED))
            elif claim is not None:
                result.skip(ref.task_id, Reason.CLAIMED, claim)
            else:
                result.skip(ref.task_id, Reason.CHANGED)


def _states(ref: TaskRef) -> tuple[str, ...]:
    """Return the states of asynq's in which a task may be resumed.

    A row that has not failed is only retried where asynq's archive proves the failure.
    """
    if ref.status in FAILED_STATUSES:
        return (asynq.RETRY, asynq.SCHEDULED, asynq.ARCHIVED)
    return (asynq.ARCHIVED,)
