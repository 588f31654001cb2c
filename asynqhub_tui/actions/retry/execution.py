"""A confirmed batch, executed: queue first, then the rows, then the outcomes on the disk.

While the rows and outcomes of one chunk are written, the queue takes the next. A chunk that was cut
short anywhere is executed again as a whole: its claims tell what was done. A crash between queue
and rows loses nothing, because the worker's own report updates the row.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asynqhub_tui.actions.journal import utc_now
from asynqhub_tui.actions.retry.batch import CHUNK, Batch
from asynqhub_tui.actions.retry.decision import Planned
from asynqhub_tui.actions.retry.pace import Pace
from asynqhub_tui.actions.retry.records import End, Ending, Kind
from asynqhub_tui.actions.retry.steps import ChunkResult, Steps
from asynqhub_tui.queue import TaskQueue
from asynqhub_tui.repository import Hub, HubError, Unavailable

PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""Seconds to wait for a store or a queue that is away, one after the other, before giving up."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a batch has come.

    `counts` are those of all its outcomes so far, of `included` tasks. `waiting` says, in a
    sentence, what it waits for. `end` is set on the last one only.
    """

    included: int
    counts: Mapping[Kind, int]
    waiting: str | None = None
    end: End | None = None

    @property
    def done(self) -> int:
        """How many tasks have an outcome."""
        return sum(self.counts.values())


async def execute(
    hub: Hub,
    queue: TaskQueue,
    batch: Batch,
    *,
    stop: asyncio.Event,
    rate: float | None = None,
    pauses: Sequence[float] = PAUSES,
    clock: Callable[[], datetime] = utc_now,
) -> AsyncGenerator[Progress, None]:
    """Execute what is left of a confirmed batch, and yield how far it has come.

    `stop` ends it between two chunks. It also ends where the server takes no writes, and where the
    store or the queue stays away; what is left can then be resumed. Cancelling it, like a crash,
    leaves the batch interrupted. Raises what the disk raises.
    """
    execution = _Execution(hub, queue, batch, stop, rate, pauses)
    execution.included = (await batch.head()).included
    async for outcomes in batch.outcomes():
        execution.counts.update(one.kind for one in outcomes)
    async for progress in execution.run():
        yield progress
    end = End(
        ended_at=clock(),
        ending=execution.ending,
        counts=dict(execution.counts),
        sentence=execution.sentence,
        under_way=execution.under_way,
    )
    await batch.end(end)
    yield Progress(execution.included, dict(execution.counts), end=end)


class _Execution:
    def __init__(
        self,
        hub: Hub,
        queue: TaskQueue,
        batch: Batch,
        stop: asyncio.Event,
        rate: float | None,
        pauses: Sequence[float],
    ) -> None:
        self.included = 0
        self.counts: Counter[Kind] = Counter()
        self.ending = Ending.DONE
        self.sentence: str | None = None
        self.under_way = 0
        self._batch = batch
        self._steps = Steps(hub, queue, batch.id)
        self._stop = stop
        self._pace = Pace(rate, sleep=self._wait)
        self._pauses = pauses
        self._waiting: str | None = None
        self._news = asyncio.Event()

    async def run(self) -> AsyncGenerator[Progress, None]:
        yield self._progress()
        entering: asyncio.Task[ChunkResult | None] | None = None
        behind: asyncio.Task[None] | None = None
        try:
            async for part in self._parts():
                entering = asyncio.create_task(self._enter(part))
                async for progress in self._until(entering, behind):
                    yield progress
                entered = entering.result()
                if entered is None:
                    break
                behind = asyncio.create_task(self._finish(entered))
                if self.ending is not Ending.DONE:
                    break
            async for progress in self._until(behind):
                yield progress
        finally:
            await _cancel(entering, behind)

    async def _parts(self) -> AsyncGenerator[Sequence[Planned], None]:
        size = self._pace.most(CHUNK)
        async for chunk in self._batch.left():
            for start in range(0, len(chunk), size):
                yield chunk[start : start + size]

    async def _until(self, *tasks: asyncio.Task[Any] | None) -> AsyncGenerator[Progress, None]:
        """Yield what there is to tell until all tasks are done."""
        left = {task for task in tasks if task is not None}
        while not all(task.done() for task in left):
            news = asyncio.create_task(self._news.wait())
            try:
                under_way = {task for task in left if not task.done()}
                await asyncio.wait({*under_way, news}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                news.cancel()
            self._news.clear()
            yield self._progress()
        for task in left:
            task.result()

    async def _enter(self, part: Sequence[Planned]) -> ChunkResult | None:
        """Let the queue have a part in its time, however often it goes away; None in the end."""
        await self._pace.wait(len(part))
        if self.ending is not Ending.DONE:
            return None
        if self._stop.is_set():
            self.ending = Ending.CANCELLED
            return None
        pauses = iter(self._pauses)
        while True:
            try:
                entered = await self._steps.enter(part)
                self._waiting = None
                return entered
            except Unavailable as error:
                if not await self._pause(error, pauses):
                    self.under_way += len(part)
                    return None
            except HubError as error:
                self._stopped(str(error))
                self.under_way += len(part)
                return None

    async def _finish(self, entered: ChunkResult) -> None:
        """Write the rows and the outcomes of what the queue has."""
        pauses = iter(self._pauses if self.ending is Ending.DONE else ())
        while True:
            try:
                await self._steps.mark(entered)
                self._waiting = None
                break
            except Unavailable as error:
                if not await self._pause(error, pauses):
                    self.under_way += len(entered.outcomes) + len(entered.run)
                    return
        if entered.outcomes:
            await self._batch.write_outcomes(entered.outcomes)
            self.counts.update(one.kind for one in entered.outcomes)
        if entered.stopped is not None:
            self._stopped(entered.stopped)

    async def _pause(self, error: Unavailable, pauses: Iterator[float]) -> bool:
        """Wait for what is away; False where it is not to be tried again."""
        pause = next(pauses, None)
        if pause is None:
            self._stopped(str(error))
            return False
        self._waiting = f"{error.what} Trying again in {pause:g} s."
        self._news.set()
        await self._wait(pause)
        if self._stop.is_set():
            self.ending = Ending.CANCELLED
        return not self._stop.is_set()

    def _stopped(self, sentence: str) -> None:
        if self.ending is not Ending.STOPPED:
            self.ending = Ending.STOPPED
            self.sentence = sentence

    def _progress(self) -> Progress:
        return Progress(self.included, dict(self.counts), self._waiting)

    async def _wait(self, seconds: float) -> None:
        """Wait, but not longer than until it is to stop."""
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            return


async def _cancel(*tasks: asyncio.Task[Any] | None) -> None:
    left = {task for task in tasks if task is not None and not task.done()}
    for task in left:
        task.cancel()
    if left:
        await asyncio.wait(left)
