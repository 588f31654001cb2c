"""Many buckets of numbers in little room."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Callable, Iterable

from asynqhub_tui.backends.postgres.tallies import Name, Tally

_AT_A_TIME = 12
"""Buckets that are added up in a millisecond or so, where each has many names."""


class Buckets:
    """Keeps the tally of each bucket, and adds them up.

    The names are kept once; a bucket takes twelve bytes for each number in it.
    """

    def __init__(self) -> None:
        self._numbers: dict[Name, int] = {}
        self._packed: dict[int, tuple[array[int], array[int]]] = {}

    def __contains__(self, bucket: int) -> bool:
        return bucket in self._packed

    def put(self, bucket: int, tally: Tally) -> None:
        """Keep a bucket's tally, in place of an older one."""
        names = (self._numbers.setdefault(name, len(self._numbers)) for name in tally)
        self._packed[bucket] = (array("i", names), array("q", tally.values()))

    def drop(self, buckets: Iterable[int]) -> None:
        """Forget these, as far as they are kept."""
        for bucket in buckets:
            self._packed.pop(bucket, None)

    def keep(self, belongs: Callable[[int], bool]) -> None:
        """Forget all but those that belong."""
        self.drop([bucket for bucket in self._packed if not belongs(bucket)])

    def clear(self) -> None:
        """Forget all."""
        self._packed.clear()
        self._numbers.clear()

    async def total(self, buckets: Iterable[int]) -> dict[Name, int]:
        """Add up these, all of which have to be kept. What else is to do comes in between."""
        totals = [0] * len(self._numbers)
        for at, bucket in enumerate(buckets, 1):
            for name, number in zip(*self._packed[bucket], strict=True):
                totals[name] += number
            if at % _AT_A_TIME == 0:
                await asyncio.sleep(0)
        return {name: totals[at] for name, at in self._numbers.items() if totals[at]}
