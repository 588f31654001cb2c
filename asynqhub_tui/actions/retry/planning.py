"""The plan of a retry: the chosen tasks, frozen, and what is to be done with each."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Callable, Mapping, Sequence
from dataclasses import dataclass

from asynqhub_tui.actions.retry.batch import Batch
from asynqhub_tui.actions.retry.decision import Decision, Known, Planned, Reason, decide
from asynqhub_tui.actions.retry.preview import Preview
from asynqhub_tui.actions.retry.selection import FEW, GONE, refs_of
from asynqhub_tui.models import SUCCESS, TaskRef, WorkerConfig
from asynqhub_tui.queue import QueuedTask, QueueReader
from asynqhub_tui.repository import Hub, Unavailable

_ERRORS_READ = 2_000
"""For how many tasks that asynq no longer has the error is read from the store."""


async def plan(
    hub: Hub,
    queue: QueueReader,
    chosen: AsyncIterable[Sequence[TaskRef]],
    batch: Batch,
    *,
    force: bool = False,
    watch: Callable[[int], None] | None = None,
) -> Preview:
    """Freeze the chosen tasks, decide on each, and write the plan into the batch.

    `watch` is told how many tasks have been frozen so far. Raises what the store, the queue and
    the disk raise.
    """
    wanted = _Wanted(watch)
    await batch.freeze(wanted.noted(chosen))
    # Searched only now that all are frozen: a worker reports a failure before asynq puts the task
    # away, so that whatever had failed by then is found wherever asynq keeps it.
    located = await _search(queue, wanted.ids)
    workers = {worker.worker_name: worker for worker in await hub.workers.list()}
    planner = _Planner(hub, queue, located, workers, force=force)
    await batch.write_plan(planner.decided(batch.frozen()))
    planner.preview.compare(workers.values(), queue)
    return planner.preview


class _Wanted:
    """Takes note of the tasks to look for, by their queue, while they are frozen."""

    def __init__(self, watch: Callable[[int], None] | None) -> None:
        self.ids: dict[str, set[str]] = {}
        self._watch = watch
        self._count = 0

    async def noted(
        self, chosen: AsyncIterable[Sequence[TaskRef]]
    ) -> AsyncGenerator[Sequence[TaskRef], None]:
        async for refs in chosen:
            for ref in refs:
                if ref.status not in (SUCCESS, GONE):
                    self.ids.setdefault(ref.queue, set()).add(ref.task_id)
            self._count += len(refs)
            if self._watch is not None:
                self._watch(self._count)
            yield refs


@dataclass(frozen=True, slots=True)
class _Located:
    """asynq's copies of the wanted tasks, and the queues that were not searched to their end."""

    queued: Mapping[tuple[str, str], QueuedTask]
    cut: frozenset[str]


async def _search(queue: QueueReader, wanted: Mapping[str, set[str]]) -> _Located:
    queued: dict[tuple[str, str], QueuedTask] = {}
    cut = set()
    for name, ids in wanted.items():
        search = await queue.search(name, ids)
        queued.update({(name, task_id): held for task_id, held in search.found.items()})
        if not search.complete:
            cut.add(name)
    return _Located(queued, frozenset(cut))


class _Planner:
    def __init__(
        self,
        hub: Hub,
        queue: QueueReader,
        located: _Located,
        workers: Mapping[str, WorkerConfig],
        *,
        force: bool,
    ) -> None:
        self.preview = Preview()
        self._hub = hub
        self._queue = queue
        self._located = located
        self._workers = workers
        self._force = force
        self._errors_left = _ERRORS_READ

    async def decided(
        self, chunks: AsyncIterable[Sequence[TaskRef]]
    ) -> AsyncGenerator[Sequence[Planned], None]:
        async for refs in chunks:
            planned = await self._decide(refs)
            for one in planned:
                self.preview.add(one)
            await self._count_errors(planned)
            yield planned

    async def _decide(self, refs: Sequence[TaskRef]) -> Sequence[Planned]:
        first = await self._reread([self._decide_one(ref, None) for ref in refs])
        open_refs = [one.ref for one in first if one.decision is not Decision.SKIP]
        claims = dict(
            zip(
                (ref.task_id for ref in open_refs),
                await self._queue.claims(open_refs) if open_refs else (),
                strict=True,
            )
        )
        return [
            self._decide_one(one.ref, claim) if (claim := claims.get(one.ref.task_id)) else one
            for one in first
        ]

    async def _reread(self, planned: Sequence[Planned]) -> Sequence[Planned]:
        """Decide anew, by the rows of the source, on what a copy would have enqueued again.

        A row of a copy may be old, and no copy of asynq's proves that the task has failed.
        """
        enqueued = [one.ref for one in planned if one.decision is Decision.ENQUEUE]
        if not enqueued or await self._hub.tasks.freshness() is None:
            return planned
        now = await self._at_source(enqueued)
        return [
            one
            if one.decision is not Decision.ENQUEUE
            else Planned(ref=one.ref, decision=Decision.SKIP, reason=Reason.STALE)
            if now is None
            else self._decide_one(now[one.ref.task_id], None)
            for one in planned
        ]

    async def _at_source(self, refs: Sequence[TaskRef]) -> Mapping[str, TaskRef] | None:
        """Return what the source has of these tasks now; None where it cannot be asked."""
        if self._hub.original is None:
            return None
        found: dict[str, TaskRef] = {}
        try:
            source = await self._hub.original.open()
            async for some in refs_of(source, [ref.task_id for ref in refs], refs[0].updated_at):
                found.update((ref.task_id, ref) for ref in some)
        except Unavailable:
            return None
        return found

    def _decide_one(self, ref: TaskRef, claim: str | None) -> Planned:
        if ref.status == GONE:
            return Planned(ref=ref, decision=Decision.SKIP, reason=Reason.GONE)
        known = Known(
            worker=self._workers.get(ref.worker_name),
            queued=self._located.queued.get((ref.queue, ref.task_id)),
            searched=ref.queue not in self._located.cut,
            claim=claim,
        )
        return decide(ref, known, force=self._force)

    async def _count_errors(self, planned: Sequence[Planned]) -> None:
        unknown = []
        for one in planned:
            if one.decision is Decision.SKIP:
                continue
            held = self._located.queued.get((one.ref.queue, one.ref.task_id))
            if held is not None and held.last_error:
                self.preview.add_error(held.last_error)
            else:
                unknown.append(one.ref.task_id)
        unknown = unknown[: self._errors_left]
        self._errors_left -= len(unknown)
        for start in range(0, len(unknown), FEW):
            found = await self._hub.tasks.changes(unknown[start : start + FEW])
            for task in found.tasks:
                self.preview.add_error(task.error)
