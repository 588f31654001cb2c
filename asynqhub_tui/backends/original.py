"""The installation that a copy is of, opened when it is first needed."""

from __future__ import annotations

import asyncio

from asynqhub_tui.backends import Target, open_hub, open_source
from asynqhub_tui.repository import Hub, Refused


class OriginalHub:
    """The docstrings stand in `repository.Original`; `copy` is the hub that it is the source of."""

    def __init__(self, target: Target, copy: Hub) -> None:
        self._target = target
        self._copy = copy
        self._hub: Hub | None = None
        self._opening = asyncio.Lock()

    async def open(self) -> Hub:
        async with self._opening:
            if self._hub is None:
                await self._check()
                self._hub = await open_hub(self._target)
            return self._hub

    async def close(self) -> None:
        if self._hub is not None:
            await self._hub.close()
            self._hub = None

    async def _check(self) -> None:
        copied = await self._copy.tasks.freshness()
        source = await open_source(self._target)
        try:
            if copied is None or copied.identity != source.identity:
                raise Refused(
                    f"{self._copy.info.place} is no copy of {source.place}.",
                    hint="Give its own source as --source.",
                )
        finally:
            await source.close()
