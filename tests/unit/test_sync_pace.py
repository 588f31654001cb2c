"""Reading takes its share of the time, and no more."""

from __future__ import annotations

import pytest

from asynqhub_tui.repository import Unavailable
from asynqhub_tui.sync.pace import Pace


class Time:
    """A clock that is moved by what is done, and by rests."""

    def __init__(self) -> None:
        self.now = 100.0
        self.rests: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.rests.append(seconds)
        self.now += seconds

    async def work(self, seconds: float) -> float:
        """Take a while."""
        self.now += seconds
        return seconds


@pytest.fixture
def time() -> Time:
    return Time()


async def test_a_rest_follows_each_read(time: Time) -> None:
    pace = Pace(0.25, clock=time, sleep=time.sleep)
    assert await pace.read(time.work, 2.0) == 2.0
    assert time.rests == []
    await pace.read(time.work, 1.0)
    await pace.rest()
    assert time.rests == [6.0, 3.0]


async def test_what_goes_by_meanwhile_is_rest(time: Time) -> None:
    pace = Pace(0.5, clock=time, sleep=time.sleep)
    await pace.read(time.work, 2.0)
    await time.work(1.5)
    await pace.read(time.work, 1.0)
    assert time.rests == [0.5]


async def test_without_a_budget_there_is_none(time: Time) -> None:
    pace = Pace(1.0, clock=time, sleep=time.sleep)
    for _ in range(3):
        await pace.read(time.work, 2.0)
    assert time.rests == []


async def test_a_read_that_fails_is_paid_for_too(time: Time) -> None:
    async def fail() -> None:
        time.now += 4
        raise Unavailable("Away.")

    pace = Pace(0.5, clock=time, sleep=time.sleep)
    with pytest.raises(Unavailable):
        await pace.read(fail)
    await pace.rest()
    assert time.rests == [4.0]
