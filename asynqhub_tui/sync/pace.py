"""How much of the source's time the copy takes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Pace:
    """Rests after each read, so that reads take at most `share` of the time.

    What goes by while rows are written counts as rest. `share` is above 0 and up to 1.
    """

    def __init__(
        self,
        share: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._share = share
        self._clock = clock
        self._sleep = sleep
        self._free_at = clock()

    async def read(self, call: Callable[P, Awaitable[T]], *args: P.args, **named: P.kwargs) -> T:
        """Wait until the last read is paid for, then return what `call` does."""
        await self.rest()
        began = self._clock()
        try:
            return await call(*args, **named)
        finally:
            now = self._clock()
            self._free_at = now + (now - began) * (1 / self._share - 1)

    async def rest(self) -> None:
        """Wait until the last read is paid for."""
        left = self._free_at - self._clock()
        if left > 0:
            await self._sleep(left)
