"""The poller: what it asks, and which answers it takes."""

from __future__ import annotations

import asyncio

import pytest

from asynqhub_tui.polling import Poller
from tests.unit.poll_bench import DOWN, Bench, settle


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_it_asks_at_once_and_then_at_the_interval(bench: Bench) -> None:
    one = bench.source()
    async with bench.polling(one) as poller:
        assert one.answers == [1]
        await bench.wait(poller, 1.9)
        assert one.answers == [1]
        await bench.wait(poller, 0.1)
        assert one.answers == [1, 2]


async def test_a_feed_has_its_own_pace_but_none_faster_than_the_interval(bench: Bench) -> None:
    slow, quick = bench.source("slow", every=10), bench.source("quick", every=1)
    async with bench.polling(slow, quick, interval=5) as poller:
        for _ in range(10):
            await bench.wait(poller, 1)
        assert (slow.asked, quick.asked) == (2, 3)


async def test_what_is_due_longest_is_asked_first(bench: Bench) -> None:
    order: list[str] = []
    sources = [bench.source(name, every=every) for name, every in (("a", 4), ("b", 2), ("c", 3))]
    for source in sources:
        source.feed.deliver = lambda _, name=source.feed.name: order.append(name)  # type: ignore[misc]
    async with bench.polling(*sources) as poller:
        assert order == ["a", "b", "c"]
        order.clear()
        await bench.wait(poller, 4)
        assert order == ["b", "c", "a"]


async def test_one_request_at_a_time(bench: Bench) -> None:
    one, two = bench.source("one"), bench.source("two")
    one.gate = asyncio.Event()
    async with bench.polling(one, two) as poller:
        await bench.wait(poller, 100)
        assert (one.asked, two.asked) == (1, 0)
        one.gate.set()
        await settle()
        assert two.asked >= 1


async def test_an_answer_to_an_earlier_question_is_dropped(bench: Bench) -> None:
    one = bench.source()
    one.gate = asyncio.Event()
    one.stubborn = True  # it answers although it was cancelled
    async with bench.polling(one) as poller:
        poller.refresh(one.feed)
        await settle()
        assert one.cancelled == 1
        one.gate.set()
        await settle()
        assert one.answers == [2]


async def test_an_error_to_an_earlier_question_is_dropped(bench: Bench) -> None:
    one = bench.source()
    one.gate = asyncio.Event()
    one.stubborn = True
    one.error = DOWN
    async with bench.polling(one) as poller:
        poller.refresh(one.feed)
        one.error = None
        one.gate.set()
        await settle()
        assert all(state.error is None for state in bench.states)


async def test_a_feed_that_is_asked_anew_before_its_turn_is_asked_once(bench: Bench) -> None:
    one, two = bench.source("one"), bench.source("two")
    one.gate = asyncio.Event()
    async with bench.polling(one, two) as poller:
        poller.refresh(two.feed)
        assert one.cancelled == 0
        one.gate.set()
        await settle()
        assert (one.answers, two.answers) == ([1], [1])


async def test_paused_it_asks_only_what_was_asked_for(bench: Bench) -> None:
    one, two = bench.source("one"), bench.source("two")
    async with bench.polling(one, two) as poller:
        poller.pause(True)
        await bench.wait(poller, 1_000)
        assert (one.asked, two.asked) == (1, 1)
        poller.refresh(two.feed)
        await settle()
        assert (one.asked, two.asked) == (1, 2)
        await bench.wait(poller, 1_000)
        assert (one.asked, two.asked) == (1, 2)
        poller.pause(False)
        await settle()
        assert (one.asked, two.asked) == (2, 3)


async def test_paused_before_the_first_answer_it_still_fetches_it(bench: Bench) -> None:
    one = bench.source()
    one.gate = asyncio.Event()
    async with bench.polling(one) as poller:
        poller.pause(True)
        one.gate.set()
        await settle()
        assert one.answers == [1]


async def test_stopped_it_cancels_what_is_under_way(bench: Bench) -> None:
    one = bench.source()
    one.gate = asyncio.Event()
    async with bench.polling(one) as poller:
        poller.stop()
        await settle()
        assert one.cancelled == 1
        assert not poller.running
        await bench.wait(poller, 100)
        assert one.asked == 1
        one.gate.set()
        poller.start()
        await settle()
        assert one.answers == [2]
    assert bench.defects == []


async def test_stopped_and_started_at_once_it_runs_once(bench: Bench) -> None:
    one = bench.source()
    async with bench.polling(one) as poller:
        for _ in range(3):
            poller.stop()
            poller.start()
            poller.start()
        await settle()
        asked = one.asked
        await bench.wait(poller, 2)
        assert one.asked == asked + 1


async def test_a_defect_is_handed_on(bench: Bench) -> None:
    one = bench.source()
    async with bench.polling(one) as poller:
        one.error = ZeroDivisionError()
        await bench.wait(poller, 2)
        assert bench.defects == [one.error]


async def test_a_defect_without_anyone_to_take_it_ends_the_task(bench: Bench) -> None:
    one = bench.source()
    one.error = ZeroDivisionError()
    poller = Poller([one.feed], bench.states.append, clock=bench.clock)
    poller.start()
    loop = next(task for task in asyncio.all_tasks() if task.get_name() == "poller")
    with pytest.raises(ZeroDivisionError):
        await loop


async def test_it_says_nothing_twice(bench: Bench) -> None:
    one = bench.source()
    async with bench.polling(one) as poller:
        said = len(bench.states)
        poller.pause(False)
        poller.set_interval(2.0)
        assert len(bench.states) == said


async def test_a_feed_that_two_pollers_share_is_not_asked_twice(bench: Bench) -> None:
    one = bench.source(every=10)
    async with bench.polling(one):
        pass
    bench.clock.seconds += 9
    async with bench.polling(one) as poller:
        assert one.asked == 1
        await bench.wait(poller, 1)
        assert one.asked == 2


async def test_it_rests_when_all_is_answered(bench: Bench) -> None:
    one, two = bench.source("one"), bench.source("two")
    two.gate = asyncio.Event()
    rested = []
    async with bench.polling(one, two) as poller:
        rested.append(poller.rests)
        two.gate.set()
        await settle()
        rested.append(poller.rests)
        one.feed.ask_again()
        rested.append(poller.rests)
    assert rested == [False, True, False]
