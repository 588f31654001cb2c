"""A confirmed batch, executed: queue first, then the rows, then the outcomes on the disk.

A chunk that was cut short anywhere is executed again as a whole: its claims tell what was done. A
crash between queue and rows loses nothing, because the worker's own report updates the row.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from asynqhub_tui.actions.journal import utc_now
from asynqhub_tui.actions.retry.batch import CHUNK, Batch
from asynqhub_tui.actions.retry.decision import Planned
from asynqhub_tui.actions.retry.pace import Pace
from asynqhub_tui.actions.retry.records import End, Ending, Kind, TaskOutcome
from asynqhub_tui.actions.retry.steps import Steps
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
        self._batch = batch
        self._steps = Steps(hub, queue, batch.id)
        self._stop = stop
        self._pace = Pace(rate, sleep=self._wait)
        self._pauses = pauses

    async def run(self) -> AsyncGenerator[Progress, None]:
        yield self._progress()
        size = self._pace.most(CHUNK)
        async for chunk in self._batch.left():
            for start in range(0, len(chunk), size):
                part = chunk[start : start + size]
                await self._pace.wait(len(part))
                if self._stop.is_set():
                    self.ending = Ending.CANCELLED
                    return
                async for progress in self._do(part):
                    yield progress
                if self.ending is not Ending.DONE:
                    return

    async def _do(self, part: Sequence[Planned]) -> AsyncGenerator[Progress, None]:
        """Execute a part until it is done, however often the store or the queue goes away."""
        pauses = iter(self._pauses)
        while True:
            try:
                result = await self._steps.execute(part)
                break
            except Unavailable as error:
                pause = next(pauses, None)
                if pause is None:
                    self._stopped(str(error))
                    return
                yield self._progress(f"{error.what} Trying again in {pause:g} s.")
                await self._wait(pause)
                if self._stop.is_set():
                    self.ending = Ending.CANCELLED
                    return
            except HubError as error:
                self._stopped(str(error))
                return
        await self._write(result.outcomes)
        if result.stopped is not None:
            self._stopped(result.stopped)
        yield self._progress()

    async def _write(self, outcomes: Sequence[TaskOutcome]) -> None:
        if outcomes:
            await self._batch.write_outcomes(outcomes)
            self.counts.update(one.kind for one in outcomes)

    def _stopped(self, sentence: str) -> None:
        self.ending = Ending.STOPPED
        self.sentence = sentence

    def _progress(self, waiting: str | None = None) -> Progress:
        return Progress(self.included, dict(self.counts), waiting)

    async def _wait(self, seconds: float) -> None:
        """Wait, but not longer than until it is to stop."""
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            return
