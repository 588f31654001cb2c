"""A sync in a process of its own, which is killed at a point that the test chooses."""

from __future__ import annotations

import asyncio
import importlib
import os
import signal
import sys
from typing import Any

from asynqhub_tui.backends import COPIES, SOURCES, Target, open_copy, open_source
from asynqhub_tui.sync import copying as copying_module
from asynqhub_tui.sync import sweeping
from asynqhub_tui.sync.copying import Copying
from asynqhub_tui.sync.pace import Pace
from tests.sync.hub import differences
from tests.sync.quiet import Quiet

for module in (*COPIES.values(), *SOURCES.values(), "clickhouse_connect"):
    importlib.import_module(module)  # once, for all processes that are forked from here

STEPS_INTO_CALL = 40
"""How many turns of the event loop a call may have got on, where it is killed in the middle."""


class _Mortal:
    """Passes calls on to a store, and kills the process at one of them."""

    def __init__(self, real: object, countdown: list[int], into: int) -> None:
        self._real = real
        self._countdown = countdown
        self._into = into

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._real, name)
        if not asyncio.iscoroutinefunction(real):
            return real

        async def call(*args: Any) -> Any:
            self._countdown[0] -= 1
            if self._countdown[0] > 0:
                return await real(*args)
            under_way = asyncio.ensure_future(real(*args))
            for _ in range(self._into):
                await asyncio.sleep(0.0002)
                if under_way.done():
                    break
            os.kill(os.getpid(), signal.SIGKILL)
            return await under_way

        return call


def sync(source: Target, copy: Target, calls: int, into: int, batch: int) -> None:
    """Copy once; end by SIGKILL at the call number `calls`, some way `into` it."""
    copying_module.BATCH = batch
    sweeping.WIDTH = batch * 4
    asyncio.run(_sync(source, copy, calls, into))


async def _sync(source: Target, copy: Target, calls: int, into: int) -> None:
    countdown = [calls]
    there: Any = _Mortal(await open_source(source), countdown, into)
    here: Any = _Mortal(await open_copy(copy), countdown, into)
    copying = Copying(there, here, Pace(1.0), Quiet())
    await copying.open()
    await copying.round()
    await copying.round(sweeps=True)


def compare(source: Target, copy: Target) -> None:
    """Exit with 1 where a copy differs from its source, and say in what."""
    found = asyncio.run(_differences(source, copy))
    sys.exit(repr(found) if found else 0)


async def _differences(source: Target, copy: Target) -> list[object]:
    there, here = await open_source(source), await open_copy(copy)
    try:
        return await differences(there, here)
    finally:
        await here.close()
        await there.close()
