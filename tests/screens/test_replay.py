"""Replay: a copy of a succeeded task under an id of its own; and where neither it nor retry is."""

from __future__ import annotations

import pytest

from asynqhub_tui.models import FAIL, PENDING, SUCCESS
from asynqhub_tui.repository import Unavailable
from asynqhub_tui.screens.replay import ReplayScreen
from asynqhub_tui.screens.retry import RetryScreen
from tests.screens.retrying import Retrying
from tests.screens.sample import hostile
from tests.screens.stage import Desk
from tests.screens.test_hostile_texts import check_inert
from tests.screens.test_typed_ahead import at_once


async def ask(desk: Desk) -> None:
    """Ask for a replay of the first task."""
    await desk.press("C")
    await desk.see("y replays a copy")


async def test_a_copy_runs_and_can_be_looked_at(retrying: Retrying) -> None:
    [name] = retrying.failed(status=SUCCESS, state=None)
    async with retrying.open() as desk:
        await ask(desk)
        assert f"Replay a copy of {name}" in desk.text
        assert "It has succeeded: its work is done a second time." in desk.text
        await desk.press("enter")
        assert retrying.pending() == []
        await desk.press("y")
        await desk.see("✓ Replayed as the copy", "enter shows the copy")
        [copy] = retrying.pending()
        assert copy != name
        await desk.press("y", "enter")
        await desk.see(f"task {copy}", "pending")
        await desk.press("escape")
        await desk.see("2 tasks")
        assert desk.line(name[:4]).split()[1:3] == ["✓", "success"]
        assert len(retrying.pending()) == 1


@pytest.mark.parametrize("key", ["escape", "q"])
async def test_it_is_cancelled(retrying: Retrying, key: str) -> None:
    retrying.failed(status=SUCCESS, state=None)
    async with retrying.open() as desk:
        await ask(desk)
        await desk.press(key)
        assert not isinstance(desk.app.screen, ReplayScreen)
        assert retrying.pending() == []


async def test_a_confirmation_that_was_typed_ahead_confirms_nothing(retrying: Retrying) -> None:
    retrying.failed(status=SUCCESS, state=None)
    async with retrying.open() as desk:
        await at_once(desk, "C", "y", "enter", "y")
        await desk.see("y replays a copy")
        await desk.app._typed._events.join()
        assert "It has succeeded" in desk.text
        assert retrying.pending() == []


@pytest.mark.parametrize(
    ("status", "words"),
    [(FAIL, "this task has failed: f5 retries it"), (PENDING, "has not succeeded yet")],
)
async def test_what_has_not_succeeded_is_not_replayed(
    retrying: Retrying, status: str, words: str
) -> None:
    retrying.failed(status=status)
    async with retrying.open(keys={"tasks.retry": "f5", "task.retry": "f7"}) as desk:
        await desk.press("C")
        assert words in desk.note
        await desk.press("enter", "C")
        assert words.replace("f5", "f7") in desk.note


async def test_trouble_is_said(retrying: Retrying) -> None:
    retrying.failed(status=SUCCESS, state=None)
    async with retrying.open() as desk:
        await ask(desk)
        desk.faults.errors["upsert_task"] = Unavailable("db1:5432 does not answer.")
        await desk.press("y")
        await desk.see("▲ db1:5432 does not answer.")
        await desk.press("enter")
        assert not isinstance(desk.app.screen, ReplayScreen)
        assert retrying.pending() == []


async def test_texts_of_rows_do_nothing_to_the_terminal(retrying: Retrying) -> None:
    retrying.stage.load(hostile())
    retrying.stage.change("UPDATE task SET status = 'success'")
    async with retrying.open((80, 24)) as desk:
        await ask(desk)
        check_inert(desk)
        await desk.press("y")
        await desk.see("▲" if "▲ The" in desk.text else "copy")
        check_inert(desk)


@pytest.mark.parametrize("key", ["r", "R", "C"])
async def test_without_a_queue_it_is_said_how_to_have_one(retrying: Retrying, key: str) -> None:
    retrying.failed(status=SUCCESS if key == "C" else FAIL)
    async with retrying.stage.open() as desk:
        for tab in ("1", "enter") if key != "R" else ("1",):
            await desk.press(tab, key)
            assert "set REDIS_ADDR, or start with --redis" in desk.note
            assert not isinstance(desk.app.screen, RetryScreen | ReplayScreen)


@pytest.mark.parametrize("key", ["r", "R", "C"])
async def test_what_is_read_only_says_so(retrying: Retrying, key: str) -> None:
    retrying.failed(status=SUCCESS if key == "C" else FAIL)
    async with retrying.open(read_only=True) as desk:
        await desk.press(key)
        assert "demo.db is open read-only: start without read-only to change it" in desk.note
        assert not isinstance(desk.app.screen, RetryScreen | ReplayScreen)
