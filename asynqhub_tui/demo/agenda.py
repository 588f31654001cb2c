"""What is going to happen in the sample, and when."""

from __future__ import annotations

import heapq
import itertools
from typing import Generic, TypeVar

Event = TypeVar("Event")


class Agenda(Generic[Event]):
    """Events in the order of their times, and of two of the same time the one added first."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Event]] = []
        self._numbers = itertools.count()

    def add(self, at: int, event: Event) -> None:
        """Let `event` happen at a time in microseconds."""
        heapq.heappush(self._heap, (at, next(self._numbers), event))

    def pop(self, until: int) -> tuple[int, Event] | None:
        """Take off the next event and its time, None where it is later than `until`."""
        if not self._heap or self._heap[0][0] > until:
            return None
        at, _, event = heapq.heappop(self._heap)
        return at, event
