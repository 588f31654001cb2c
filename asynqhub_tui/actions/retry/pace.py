"""No faster than the operator wants."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic


class Pace:
    """Holds an action down to `rate` tasks per second; None is without a limit."""

    def __init__(
        self,
        rate: float | None,
        clock: Callable[[], float] = monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.rate = rate
        self._clock = clock
        self._sleep = sleep
        self._due = clock()

    def most(self, chunk: int) -> int:
        """Return how many tasks to do at once, up to `chunk`: about half a second's worth."""
        return chunk if self.rate is None else max(1, min(chunk, int(self.rate / 2)))

    async def wait(self, tasks: int) -> None:
        """Wait until these many tasks may be done."""
        if self.rate is None:
            return
        now = self._clock()
        if self._due > now:
            await self._sleep(self._due - now)
        self._due = max(self._due, now) + tasks / self.rate
