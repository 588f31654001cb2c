"""What looking costs: counted at the border of the store."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from asynqhub_tui.costs import LATELY, Costs, metered
from asynqhub_tui.repository import Changes, Order, Page, TaskFilter, Unavailable
from tests.contract.builders import make_task


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Store:
    """Takes the time that it is told to."""

    place = "here"

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def list_tasks(self, filter: TaskFilter, *, limit: int = 3) -> Page:
        self._clock.now += 0.3
        return Page(tuple(make_task(f"t{number}") for number in range(limit)), Order.CREATED)

    async def changes(self) -> Changes:
        self._clock.now += 0.1
        return Changes((make_task(),))

    async def get(self) -> str:
        return "text"

    async def freshness(self) -> None:
        return None

    async def names(self) -> dict[str, int]:
        return {"a": 1, "b": 2}

    async def fail(self) -> None:
        self._clock.now += 5.0
        raise Unavailable("gone")

    async def batches(self) -> AsyncGenerator[list[int], None]:
        for size in (3, 2):
            self._clock.now += 1.0
            yield [0] * size

    def differs(self, address: str) -> bool:
        return bool(address)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def costs(clock: Clock) -> Costs:
    return Costs(clock)


async def test_each_call_is_counted_with_its_time_and_rows(clock: Clock, costs: Costs) -> None:
    store = metered(Store(clock), costs)
    page = await store.list_tasks(TaskFilter(), limit=2)
    assert len(page.tasks) == 2
    await store.list_tasks(TaskFilter())
    await store.changes()
    first, second = costs.queries()
    assert (first.name, first.calls, first.rows) == ("list_tasks", 2, 3)
    assert (first.last, first.mean, first.total) == pytest.approx((0.3, 0.3, 0.6))
    assert (second.name, second.rows) == ("changes", 1)


async def test_rows_of_other_answers(clock: Clock, costs: Costs) -> None:
    store = metered(Store(clock), costs, "workers ")
    await store.get()
    await store.freshness()
    await store.names()
    rows = {query.name: query.rows for query in costs.queries()}
    assert rows == {"workers get": 1, "workers freshness": 0, "workers names": 2}


async def test_a_call_that_fails_has_cost_its_time(clock: Clock, costs: Costs) -> None:
    with pytest.raises(Unavailable):
        await metered(Store(clock), costs).fail()
    [query] = costs.queries()
    assert (query.calls, query.last, query.rows) == (1, 5.0, 0)


async def test_of_a_stream_the_waiting_counts_and_not_what_is_done_with_it(
    clock: Clock, costs: Costs
) -> None:
    async for _ in metered(Store(clock), costs).batches():
        clock.now += 100.0
    [query] = costs.queries()
    assert (query.calls, query.total, query.rows) == (2, 2.0, 2)


async def test_what_is_no_query_passes(clock: Clock, costs: Costs) -> None:
    store = metered(Store(clock), costs)
    assert store.differs("x")
    assert store.place == "here"
    assert costs.queries() == []


async def test_shares_and_rates_are_of_the_last_minute(clock: Clock, costs: Costs) -> None:
    clock.now += 10.0
    costs.note("a", 1.0, 1)
    [query] = costs.queries()
    assert (costs.share(query), costs.rate(query)) == (0.1, 6.0)  # of ten seconds: all there is
    clock.now += 50.0
    costs.note("b", 3.0, 1)
    assert [one.name for one in costs.queries()] == ["b", "a"]
    assert [round(costs.share(one), 3) for one in costs.queries()] == [0.05, 0.017]
    clock.now += LATELY + 1.0
    assert [(one.name, one.calls, costs.share(one)) for one in costs.queries()] == [
        ("b", 1, 0.0),
        ("a", 1, 0.0),
    ]
