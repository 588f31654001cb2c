"""A poller whose clock and sources are in the test's hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from asynqhub_tui.notices import notice
from asynqhub_tui.polling import Feed, Poller, PollState
from asynqhub_tui.repository import Unavailable

DOWN = Unavailable("db1 does not answer.")


class Source:
    """What a feed asks: counts the askings, and can wait or fail."""

    def __init__(self, name: str, clock: Clock, *, every: float | None = None) -> None:
        self.asked = 0
        self.answers: list[object] = []
        self.error: BaseException | None = None
        self.gate: asyncio.Event | None = None
        self.takes = 0.0
        self.nothing = False
        self.cancelled = 0
        self.stubborn = False
        self.notices = ""
        self._clock = clock
        self.feed: Feed[object] = Feed(name, self._fetch, self.answers.append, every=every)

    async def _fetch(self) -> object:
        self.asked += 1
        asked = self.asked
        if self.gate is not None:
            try:
                await self.gate.wait()
            except asyncio.CancelledError:
                self.cancelled += 1
                if not self.stubborn:
                    raise
        self._clock.seconds += self.takes
        if self.notices:
            notice(self.notices)
        if self.error is not None:
            raise self.error
        return None if self.nothing else asked


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


class Bench:
    """A poller, its clock, and what it has said."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.states: list[PollState] = []
        self.defects: list[BaseException] = []
        self.lag = 0.0

    def source(self, name: str = "one", *, every: float | None = None) -> Source:
        return Source(name, self.clock, every=every)

    @asynccontextmanager
    async def polling(self, *sources: Source, interval: float = 2.0) -> AsyncIterator[Poller]:
        poller = Poller(
            [source.feed for source in sources],
            self.states.append,
            interval=interval,
            clock=self.clock,
            failed=self.defects.append,
            lag=lambda: self.lag,
        )
        poller.start()
        await settle()
        try:
            yield poller
        finally:
            poller.stop()
            await settle()

    async def wait(self, poller: Poller, seconds: float) -> None:
        """Let time pass."""
        self.clock.seconds += seconds
        poller.pause(poller.state.paused)  # wakes it
        await settle()


async def settle() -> None:
    """Let everything run that can."""
    for _ in range(30):
        await asyncio.sleep(0)
