"""The poller, by a clock in the test's hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from asynqhub_tui.polling import INTERVALS, MAX_SHARE, Feed, Poller, PollState, period
from asynqhub_tui.repository import HubError, Refused, Unavailable

DOWN = Unavailable("db1 does not answer.")


class Source:
    """What a feed asks: counts the askings, and can wait or fail."""

    def __init__(self, name: str, clock: Clock, *, every: float | None = None) -> None:
        self.asked = 0
        self.answers: list[object] = []
        self.error: BaseException | None = None
        self.gate: asyncio.Event | None = None
        self.takes = 0.0
        self.nothing = False
        self.cancelled = 0
        self.stubborn = False
        self._clock = clock
        self.feed: Feed[object] = Feed(name, self._fetch, self.answers.append, every=every)

    async def _fetch(self) -> object:
        self.asked += 1
        asked = self.asked
        if self.gate is not None:
            try:
                await self.gate.wait()
            except asyncio.CancelledError:
                self.cancelled += 1
                if not self.stubborn:
                    raise
        self._clock.seconds += self.takes
        if self.error is not None:
            raise self.error
        return None if self.nothing else asked


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


class Desk:
    """A poller, its clock, and what it has said."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.states: list[PollState] = []
        self.defects: list[BaseException] = []

    def source(self, name: str = "one", *, every: float | None = None) -> Source:
        return Source(name, self.clock, every=every)

    @asynccontextmanager
    async def polling(self, *sources: Source, interval: float = 2.0) -> AsyncIterator[Poller]:
        poller = Poller(
            [source.feed for source in sources],
            self.states.append,
            interval=interval,
            clock=self.clock,
            failed=self.defects.append,
        )
        poller.start()
        await settle()
        try:
            yield poller
        finally:
            poller.stop()
            await settle()

    async def wait(self, poller: Poller, seconds: float) -> None:
        """Let time pass."""
        self.clock.seconds += seconds
        poller.pause(poller.state.paused)  # wakes it
        await settle()


async def settle() -> None:
    """Let everything run that can."""
    for _ in range(30):
        await asyncio.sleep(0)


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_it_asks_at_once_and_then_at_the_interval(desk: Desk) -> None:
    one = desk.source()
    async with desk.polling(one) as poller:
        assert one.answers == [1]
        await desk.wait(poller, 1.9)
        assert one.answers == [1]
        await desk.wait(poller, 0.1)
        assert one.answers == [1, 2]


async def test_a_feed_has_its_own_pace_but_none_faster_than_the_interval(desk: Desk) -> None:
    slow, quick = desk.source("slow", every=10), desk.source("quick", every=1)
    async with desk.polling(slow, quick, interval=5) as poller:
        for _ in range(10):
            await desk.wait(poller, 1)
        assert (slow.asked, quick.asked) == (2, 3)


async def test_what_is_due_longest_is_asked_first(desk: Desk) -> None:
    order: list[str] = []
    sources = [desk.source(name, every=every) for name, every in (("a", 4), ("b", 2), ("c", 3))]
    for source in sources:
        source.feed.deliver = lambda _, name=source.feed.name: order.append(name)  # type: ignore[misc]
    async with desk.polling(*sources) as poller:
        assert order == ["a", "b", "c"]
        order.clear()
        await desk.wait(poller, 4)
        assert order == ["b", "c", "a"]


async def test_one_request_at_a_time(desk: Desk) -> None:
    one, two = desk.source("one"), desk.source("two")
    one.gate = asyncio.Event()
    async with desk.polling(one, two) as poller:
        await desk.wait(poller, 100)
        assert (one.asked, two.asked) == (1, 0)
        one.gate.set()
        await settle()
        assert two.asked >= 1


async def test_failures_wait_longer_and_longer(desk: Desk) -> None:
    one = desk.source()
    one.error = DOWN
    async with desk.polling(one) as poller:
        for wait in (1, 2, 4, 8, 16, 30, 30, 30):
            asked = one.asked
            assert poller.state.next_try_at == desk.clock() + wait
            await desk.wait(poller, wait - 0.01)
            assert one.asked == asked
            await desk.wait(poller, 0.01)
            assert one.asked == asked + 1
        assert poller.state.failing_since == 100.0
        assert poller.state.fresh_at is None
        one.error = None
        await desk.wait(poller, 30)
        assert poller.state == PollState(interval=2.0, fresh_at=desk.clock())
        one.error = DOWN
        await desk.wait(poller, 2)
        assert poller.state.next_try_at == desk.clock() + 1


async def test_a_failure_keeps_the_time_of_the_last_answer(desk: Desk) -> None:
    one = desk.source()
    async with desk.polling(one) as poller:
        one.error = DOWN
        await desk.wait(poller, 2)
        assert poller.state.error is DOWN
        assert poller.state.fresh_at == 100.0
        assert one.answers == [1]


async def test_to_ask_at_once_does_not_wait_for_the_backoff(desk: Desk) -> None:
    one = desk.source()
    one.error = DOWN
    async with desk.polling(one) as poller:
        for wait in (1, 2, 4, 8):
            await desk.wait(poller, wait)
        one.error = None
        poller.refresh()
        await settle()
        assert one.answers
        assert poller.state.error is None


async def test_a_feed_with_nothing_to_ask_tells_nothing_of_the_store(desk: Desk) -> None:
    one, idle = desk.source("one"), desk.source("idle")
    idle.nothing = True
    async with desk.polling(one, idle) as poller:
        assert idle.answers == [None]
        one.error = DOWN
        for wait in (2, 1, 2, 4):
            await desk.wait(poller, wait)
        assert poller.state.error is DOWN
        assert poller.state.next_try_at == desk.clock() + 8
        assert not idle.feed.seconds


async def test_an_answer_to_an_earlier_question_is_dropped(desk: Desk) -> None:
    one = desk.source()
    one.gate = asyncio.Event()
    one.stubborn = True  # it answers although it was cancelled
    async with desk.polling(one) as poller:
        poller.refresh(one.feed)
        await settle()
        assert one.cancelled == 1
        one.gate.set()
        await settle()
        assert one.answers == [2]


async def test_an_error_to_an_earlier_question_is_dropped(desk: Desk) -> None:
    one = desk.source()
    one.gate = asyncio.Event()
    one.stubborn = True
    one.error = DOWN
    async with desk.polling(one) as poller:
        poller.refresh(one.feed)
        one.error = None
        one.gate.set()
        await settle()
        assert all(state.error is None for state in desk.states)


async def test_a_feed_that_is_asked_anew_before_its_turn_is_asked_once(desk: Desk) -> None:
    one, two = desk.source("one"), desk.source("two")
    one.gate = asyncio.Event()
    async with desk.polling(one, two) as poller:
        poller.refresh(two.feed)
        assert one.cancelled == 0
        one.gate.set()
        await settle()
        assert (one.answers, two.answers) == ([1], [1])


async def test_paused_it_asks_only_what_was_asked_for(desk: Desk) -> None:
    one, two = desk.source("one"), desk.source("two")
    async with desk.polling(one, two) as poller:
        poller.pause(True)
        await desk.wait(poller, 1_000)
        assert (one.asked, two.asked) == (1, 1)
        poller.refresh(two.feed)
        await settle()
        assert (one.asked, two.asked) == (1, 2)
        await desk.wait(poller, 1_000)
        assert (one.asked, two.asked) == (1, 2)
        poller.pause(False)
        await settle()
        assert (one.asked, two.asked) == (2, 3)


async def test_paused_before_the_first_answer_it_still_fetches_it(desk: Desk) -> None:
    one = desk.source()
    one.gate = asyncio.Event()
    async with desk.polling(one) as poller:
        poller.pause(True)
        one.gate.set()
        await settle()
        assert one.answers == [1]


async def test_stopped_it_cancels_what_is_under_way(desk: Desk) -> None:
    one = desk.source()
    one.gate = asyncio.Event()
    async with desk.polling(one) as poller:
        poller.stop()
        await settle()
        assert one.cancelled == 1
        assert not poller.running
        await desk.wait(poller, 100)
        assert one.asked == 1
        one.gate.set()
        poller.start()
        await settle()
        assert one.answers == [2]
    assert desk.defects == []


async def test_stopped_and_started_at_once_it_runs_once(desk: Desk) -> None:
    one = desk.source()
    async with desk.polling(one) as poller:
        for _ in range(3):
            poller.stop()
            poller.start()
            poller.start()
        await settle()
        asked = one.asked
        await desk.wait(poller, 2)
        assert one.asked == asked + 1


async def test_a_defect_is_handed_on(desk: Desk) -> None:
    one = desk.source()
    async with desk.polling(one) as poller:
        one.error = ZeroDivisionError()
        await desk.wait(poller, 2)
        assert desk.defects == [one.error]


async def test_a_defect_without_anyone_to_take_it_ends_the_task(desk: Desk) -> None:
    one = desk.source()
    one.error = ZeroDivisionError()
    poller = Poller([one.feed], desk.states.append, clock=desk.clock)
    poller.start()
    loop = next(task for task in asyncio.all_tasks() if task.get_name() == "poller")
    with pytest.raises(ZeroDivisionError):
        await loop


async def test_any_error_of_the_store_is_told_and_survived(desk: Desk) -> None:
    one = desk.source()
    one.error = Refused("no such table")
    async with desk.polling(one) as poller:
        assert isinstance(poller.state.error, HubError)
        assert poller.running


async def test_an_error_from_elsewhere_counts_as_one_of_the_store(desk: Desk) -> None:
    one = desk.source()
    async with desk.polling(one) as poller:
        poller.report(DOWN)
        assert poller.state.error is DOWN
        await desk.wait(poller, 2)
        assert poller.state.error is None


async def test_expensive_feeds_take_their_share_and_no_more(desk: Desk) -> None:
    cheap, dear = desk.source("cheap"), desk.source("dear")
    dear.takes = 1.0
    async with desk.polling(cheap, dear, interval=1) as poller:
        begin, asked = desk.clock(), (cheap.asked, dear.asked)
        for _ in range(600):
            await desk.wait(poller, 0.5)
        passed = desk.clock() - begin
        assert 0.03 < (dear.asked - asked[1]) * dear.takes / passed <= MAX_SHARE
        assert (cheap.asked - asked[0]) / passed > 0.8
        assert poller.state.slowed == "dear"


async def test_one_slow_answer_slows_nothing(desk: Desk) -> None:
    one = desk.source()
    async with desk.polling(one) as poller:
        for _ in range(4):
            await desk.wait(poller, 2)
        one.takes = 30
        await desk.wait(poller, 2)
        assert poller.state.slowed is None
        assert one.feed.due == desk.clock() + 2


def test_the_share_is_that_of_all_feeds_together() -> None:
    feeds: list[Feed[Any]] = [Feed(str(n), _never, _nothing) for n in range(4)]
    for feed in feeds:
        feed.answered(0.04)
    assert [period(feed, feeds, 2.0) for feed in feeds] == [2.0] * 4
    for feed in feeds:
        for _ in range(5):
            feed.answered(0.2)
    assert [period(feed, feeds, 2.0) for feed in feeds] == [8.0] * 4


async def _never() -> object:
    raise AssertionError


def _nothing(answer: object) -> None:
    raise AssertionError(answer)


@pytest.mark.parametrize(
    ("start", "steps", "end"),
    [(2.0, 1, 5.0), (2.0, -1, 1.0), (0.5, -1, 0.5), (60.0, 1, 60.0), (3.0, 1, 5.0), (2.0, 9, 60.0)],
)
async def test_steps_of_the_interval(desk: Desk, start: float, steps: int, end: float) -> None:
    async with desk.polling(interval=start) as poller:
        assert poller.step_interval(steps) == end
        assert end in INTERVALS
        assert poller.state.interval == end


async def test_it_says_nothing_twice(desk: Desk) -> None:
    one = desk.source()
    async with desk.polling(one) as poller:
        said = len(desk.states)
        poller.pause(False)
        poller.set_interval(2.0)
        assert len(desk.states) == said


async def test_a_feed_that_two_pollers_share_is_not_asked_twice(desk: Desk) -> None:
    one = desk.source(every=10)
    async with desk.polling(one):
        pass
    desk.clock.seconds += 9
    async with desk.polling(one) as poller:
        assert one.asked == 1
        await desk.wait(poller, 1)
        assert one.asked == 2


async def test_it_rests_when_all_is_answered(desk: Desk) -> None:
    one, two = desk.source("one"), desk.source("two")
    two.gate = asyncio.Event()
    rested = []
    async with desk.polling(one, two) as poller:
        rested.append(poller.rests)
        two.gate.set()
        await settle()
        rested.append(poller.rests)
        one.feed.ask_again()
        rested.append(poller.rests)
    assert rested == [False, True, False]


async def test_between_two_askings_it_sleeps(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float | None] = []
    real: Callable[..., Any] = asyncio.wait_for

    async def wait_for(what: Any, seconds: float | None) -> Any:
        waits.append(seconds)
        return await real(what, seconds)

    monkeypatch.setattr(asyncio, "wait_for", wait_for)
    one, two = desk.source("one"), desk.source("two", every=7)
    last: list[float | None] = []
    async with desk.polling(one, two) as poller:
        last.append(waits[-1])
        poller.pause(True)
        await settle()
        last.append(waits[-1])
        one.error = two.error = DOWN
        poller.pause(False)
        await desk.wait(poller, 10)
        last.append(waits[-1])
    assert last == [2.0, None, 1.0]
