"""What looking at an installation costs it: how often each query runs, how long, for how much."""

from __future__ import annotations

import inspect
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Collection
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from asynqhub_tui.repository import Changes, Page

T = TypeVar("T")

LATELY = 60.0
"""The seconds that shares and rates are of."""


@dataclass(slots=True)
class QueryCost:
    """A query's calls since the start. Times are seconds; `rows` are those of the last answer."""

    name: str
    calls: int = 0
    last: float = 0.0
    total: float = 0.0
    rows: int = 0
    recent: deque[tuple[float, float]] = field(default_factory=deque)

    @property
    def mean(self) -> float:
        """Seconds that a call took on average."""
        return self.total / self.calls


class Costs:
    """Takes note of every query, and tells what they came to in the last minute."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since = clock()
        self._queries: dict[str, QueryCost] = {}

    def note(self, name: str, seconds: float, rows: int) -> None:
        """Take note of a call that has just come back, with or without success."""
        query = self._queries.setdefault(name, QueryCost(name))
        query.calls += 1
        query.last = seconds
        query.total += seconds
        query.rows = rows
        query.recent.append((self._clock(), seconds))
        self._forget_old(query)

    def queries(self) -> list[QueryCost]:
        """Return all that were ever called, the most expensive of the last minute first."""
        for query in self._queries.values():
            self._forget_old(query)
        return sorted(
            self._queries.values(), key=lambda one: (self.share(one), one.total), reverse=True
        )

    def share(self, query: QueryCost) -> float:
        """Return the part of the last minute, from 0 to 1, that passed in a query."""
        return sum(seconds for _, seconds in query.recent) / self._window

    def rate(self, query: QueryCost) -> float:
        """Return how often a query ran in the last minute; calls a minute."""
        return len(query.recent) / self._window * 60.0

    @property
    def clock(self) -> Callable[[], float]:
        """What the time is told by, in seconds."""
        return self._clock

    @property
    def _window(self) -> float:
        return min(max(self._clock() - self._since, 1.0), LATELY)

    def _forget_old(self, query: QueryCost) -> None:
        oldest = self._clock() - LATELY
        while query.recent and query.recent[0][0] < oldest:
            query.recent.popleft()


def metered(store: T, costs: Costs, kind: str = "") -> T:
    """Return `store`, of whose calls note is taken; `kind` stands before their names."""
    return cast(T, _Metered(store, costs, kind))


class _Metered:
    def __init__(self, store: object, costs: Costs, kind: str) -> None:
        self._store = store
        self._costs = costs
        self._kind = kind

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        if inspect.iscoroutinefunction(method):
            counted = self._counted(name, method)
        elif inspect.isasyncgenfunction(method):
            counted = self._streamed(name, method)
        else:
            return method
        setattr(self, name, counted)  # found at once from now on
        return counted

    def _counted(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        async def call(*args: Any, **kwargs: Any) -> Any:
            started = self._costs.clock()
            rows = 0
            try:
                answer = await method(*args, **kwargs)
                rows = _rows(answer)
            finally:
                self._note(name, started, rows)
            return answer

        return call

    def _streamed(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        async def stream(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, None]:
            async with aclosing(method(*args, **kwargs)) as batches:
                started = self._costs.clock()
                async for batch in batches:
                    self._note(name, started, _rows(batch))
                    yield batch
                    started = self._costs.clock()

        return stream

    def _note(self, name: str, started: float, rows: int) -> None:
        self._costs.note(f"{self._kind}{name}", self._costs.clock() - started, rows)


def _rows(answer: object) -> int:
    """Return how many rows an answer holds."""
    if isinstance(answer, Page | Changes):
        return len(answer.tasks)
    if isinstance(answer, Collection) and not isinstance(answer, str):
        return len(answer)
    return 0 if answer is None else 1
