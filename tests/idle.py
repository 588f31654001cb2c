"""When a dashboard has done what it can do, for `Pilot`, whose own way costs 40 ms a key."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

AT_ONCE = 0.025
"""Seconds: Textual paints up to 60 times a second."""


@contextmanager
def known_from_the_loop() -> Iterator[None]:
    """Let `Pilot` go on as soon as the event loop has nothing to do, and will not have at once.

    Textual watches the clock of the processor for 20 ms at a time, twice for each key, and goes on
    too early on a machine that is busy with something else.
    """

    async def at_rest(min_sleep: float = 0.0, max_sleep: float = 1.0) -> None:
        loop: Any = asyncio.get_running_loop()
        soon, end = loop.time() + AT_ONCE, loop.time() + max_sleep
        await asyncio.sleep(0)
        # A loop that has nothing to do tells nobody.
        while (loop._ready or _due(loop, soon)) and loop.time() < end:  # noqa: ASYNC110
            await asyncio.sleep(0 if loop._ready else 0.001)

    with patch("textual.app.wait_for_idle", at_rest), patch("textual.pilot.wait_for_idle", at_rest):
        yield


def _due(loop: Any, moment: float) -> bool:
    return any(one.when() < moment for one in loop._scheduled if not one.cancelled())
