"""The poller's pace: intervals, failures, and queries that cost too much."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from asynqhub_tui.polling import INTERVALS, MAX_SHARE, REST_AFTER_SCAN, Feed, PollState, period
from asynqhub_tui.repository import HubError, Refused
from tests.unit.poll_bench import DOWN, Bench, settle


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_failures_wait_longer_and_longer(bench: Bench) -> None:
    one = bench.source()
    one.error = DOWN
    async with bench.polling(one) as poller:
        for wait in (1, 2, 4, 8, 16, 30, 30, 30):
            asked = one.asked
            assert poller.state.next_try_at == bench.clock() + wait
            await bench.wait(poller, wait - 0.01)
            assert one.asked == asked
            await bench.wait(poller, 0.01)
            assert one.asked == asked + 1
        assert poller.state.failing_since == 100.0
        assert poller.state.fresh_at is None
        one.error = None
        await bench.wait(poller, 30)
        assert poller.state == PollState(interval=2.0, fresh_at=bench.clock())
        one.error = DOWN
        await bench.wait(poller, 2)
        assert poller.state.next_try_at == bench.clock() + 1


async def test_a_failure_keeps_the_time_of_the_last_answer(bench: Bench) -> None:
    one = bench.source()
    async with bench.polling(one) as poller:
        one.error = DOWN
        await bench.wait(poller, 2)
        assert poller.state.error is DOWN
        assert poller.state.fresh_at == 100.0
        assert one.answers == [1]


async def test_to_ask_at_once_does_not_wait_for_the_backoff(bench: Bench) -> None:
    one = bench.source()
    one.error = DOWN
    async with bench.polling(one) as poller:
        for wait in (1, 2, 4, 8):
            await bench.wait(poller, wait)
        one.error = None
        poller.refresh()
        await settle()
        assert one.answers
        assert poller.state.error is None


async def test_a_feed_with_nothing_to_ask_tells_nothing_of_the_store(bench: Bench) -> None:
    one, idle = bench.source("one"), bench.source("idle")
    idle.nothing = True
    async with bench.polling(one, idle) as poller:
        assert idle.answers == [None]
        one.error = DOWN
        for wait in (2, 1, 2, 4):
            await bench.wait(poller, wait)
        assert poller.state.error is DOWN
        assert poller.state.next_try_at == bench.clock() + 8
        assert not idle.feed.seconds


async def test_any_error_of_the_store_is_told_and_survived(bench: Bench) -> None:
    one = bench.source()
    one.error = Refused("no such table")
    async with bench.polling(one) as poller:
        assert isinstance(poller.state.error, HubError)
        assert poller.running


async def test_an_error_from_elsewhere_counts_as_one_of_the_store(bench: Bench) -> None:
    one = bench.source()
    async with bench.polling(one) as poller:
        poller.report(DOWN)
        assert poller.state.error is DOWN
        await bench.wait(poller, 2)
        assert poller.state.error is None


async def test_expensive_feeds_take_their_share_and_no_more(bench: Bench) -> None:
    cheap, dear = bench.source("cheap"), bench.source("dear")
    dear.takes = 1.0
    async with bench.polling(cheap, dear, interval=1) as poller:
        begin, asked = bench.clock(), (cheap.asked, dear.asked)
        for _ in range(600):
            await bench.wait(poller, 0.5)
        passed = bench.clock() - begin
        assert 0.03 < (dear.asked - asked[1]) * dear.takes / passed <= MAX_SHARE
        assert (cheap.asked - asked[0]) / passed > 0.8
        assert poller.state.slowed == "dear slowed: costly"


async def test_one_slow_answer_slows_nothing(bench: Bench) -> None:
    one = bench.source()
    async with bench.polling(one) as poller:
        for _ in range(4):
            await bench.wait(poller, 2)
        one.takes = 30
        await bench.wait(poller, 2)
        assert poller.state.slowed is None
        assert one.feed.due == bench.clock() + 2


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
async def test_steps_of_the_interval(bench: Bench, start: float, steps: int, end: float) -> None:
    async with bench.polling(interval=start) as poller:
        assert poller.step_interval(steps) == end
        assert end in INTERVALS
        assert poller.state.interval == end


async def test_between_two_askings_it_sleeps(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float | None] = []
    real: Callable[..., Any] = asyncio.wait_for

    async def wait_for(what: Any, seconds: float | None) -> Any:
        waits.append(seconds)
        return await real(what, seconds)

    monkeypatch.setattr(asyncio, "wait_for", wait_for)
    one, two = bench.source("one"), bench.source("two", every=7)
    last: list[float | None] = []
    async with bench.polling(one, two) as poller:
        last.append(waits[-1])
        poller.pause(True)
        await settle()
        last.append(waits[-1])
        one.error = two.error = DOWN
        poller.pause(False)
        await bench.wait(poller, 10)
        last.append(waits[-1])
    assert last == [2.0, None, 1.0]


@pytest.mark.parametrize(
    ("interval", "lag", "stretched"),
    [(2.0, 0.0, None), (2.0, 0.5, None), (2.0, 0.6, 5.0), (10.0, 2.4, None), (1.0, 99.0, 10.0)],
)
async def test_a_slow_line_stretches_the_interval(
    bench: Bench, interval: float, lag: float, stretched: float | None
) -> None:
    bench.lag = lag
    one = bench.source()
    async with bench.polling(one, interval=interval) as poller:
        assert poller.state.stretched == stretched
        wait = stretched or interval
        await bench.wait(poller, wait * 0.9)
        assert one.asked == 1
        bench.lag = 0.0  # it is fast again
        await bench.wait(poller, wait * 0.1)
        assert one.asked == 2
        assert poller.state.stretched is None
        await bench.wait(poller, interval)
        assert one.asked == 3


async def test_a_question_to_which_a_whole_table_is_read_rests_and_says_why(bench: Bench) -> None:
    one = bench.source("tasks")
    one.notices = "reads all of task"
    said = []
    async with bench.polling(one) as poller:
        said.append(poller.state.slowed)
        await bench.wait(poller, REST_AFTER_SCAN - 1)
        assert one.asked == 1
        one.notices = ""  # somebody has put the index back
        await bench.wait(poller, 1)
        assert one.asked == 2
        said.append(poller.state.slowed)
        await bench.wait(poller, 2)
        assert one.asked == 3
    assert said == ["tasks slowed: reads all of task", None]


async def test_what_is_asked_by_hand_does_not_rest(bench: Bench) -> None:
    one = bench.source()
    one.notices = "reads all of task"
    async with bench.polling(one) as poller:
        poller.refresh()
        await settle()
        assert one.asked == 2


async def test_what_rests_anyhow_is_not_called_slowed(bench: Bench) -> None:
    one = bench.source("24 hours", every=900)
    one.notices = "reads all of task_attempt"
    async with bench.polling(one) as poller:
        assert poller.state.slowed is None


async def test_a_scan_that_is_cut_off_rests_while_the_others_go_on(bench: Bench) -> None:
    scan, other = bench.source("tasks"), bench.source("workers")
    scan.notices, scan.error = "reads all of task", DOWN
    async with bench.polling(scan) as poller:
        # Nothing else is due before: the banner promises no sooner try.
        assert poller.state.next_try_at == bench.clock() + REST_AFTER_SCAN
    scan.asked = 0
    scan.feed.ask_again()
    async with bench.polling(scan, other) as poller:
        await bench.wait(poller, 1)  # the store itself rests for a second
        assert (scan.asked, other.asked) == (1, 1)
        assert poller.state.slowed == "tasks unanswered: reads all of task"
        for _ in range(20):
            await bench.wait(poller, 2)
        assert (scan.asked, other.asked) == (1, 21)
        await bench.wait(poller, REST_AFTER_SCAN)
        assert scan.asked == 2
