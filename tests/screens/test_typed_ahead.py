"""Several keys in one read, as a slow line brings them, mean what they mean one by one."""

from __future__ import annotations

import asyncio
from unittest.mock import patch

import pytest
from textual.command import CommandPalette
from textual.events import Key, Paste
from textual.keys import _character_to_key
from textual.widgets import Input

from asynqhub_tui.keys import COMMON, TASK, TASKS, WORKERS
from asynqhub_tui.models import FAIL
from asynqhub_tui.repository import TaskFilter
from asynqhub_tui.screens.delete_worker import DeleteWorkerScreen
from asynqhub_tui.screens.help import HelpScreen
from asynqhub_tui.screens.tasks import TasksScreen
from asynqhub_tui.widgets import reading
from tests.screens import sample
from tests.screens.sample import task_id
from tests.screens.stage import Desk, Stage
from tests.screens.test_copy import terminal_of


def event(key: str) -> Key:
    """Return what the terminal's driver makes of a key."""
    if len(key) > 1:
        return Key(key, " " if key == "space" else None)
    return Key(_character_to_key(key), key)


async def at_once(desk: Desk, *keys: str) -> None:
    """Press keys, all before the first of them is looked at, and wait for what they do."""
    for key in keys:
        desk.app.post_message(event(key))
    await desk.pilot.pause()
    await desk.app._typed._events.join()
    await desk.rest()


@pytest.fixture
def loaded(stage: Stage) -> Stage:
    stage.load(sample.sample())
    return stage


async def test_a_filter_and_the_next_one(loaded: Stage) -> None:
    async with loaded.open() as desk:
        await at_once(desk, "/", *"status:fail", "enter", "p", "/", *"worker:ai-worker", "enter")
        assert desk.app.session.paused
        assert desk.tasks.filter == TaskFilter(statuses=(FAIL,), worker_name="ai-worker")


async def test_a_word_of_the_filter_is_completed_before_the_next_one(loaded: Stage) -> None:
    async with loaded.open() as desk:
        await at_once(desk, "/", *"st", "tab", *"dea", "tab", "space", *"wor", "tab", *"ai", "tab")
        assert desk.tasks.query_one(Input).value == "status:dead worker:ai-worker"


async def test_a_filter_that_is_left_again(loaded: Stage) -> None:
    async with loaded.open() as desk:
        await at_once(desk, "/", *"jjj", "left", "backspace", *"q", "escape", "j", "j")
        assert not desk.tasks.filter
        assert desk.tasks.table.cursor == 2


async def test_pasted_text_keeps_its_place_between_keys(loaded: Stage) -> None:
    async with loaded.open() as desk:
        desk.app.post_message(event("/"))
        desk.app.post_message(Paste("status:fail"))
        await at_once(desk, "enter", "p")
        assert desk.tasks.filter.statuses == (FAIL,)
        assert desk.app.session.paused


async def test_to_a_task_and_back(loaded: Stage) -> None:
    async with loaded.open() as desk:
        await at_once(desk, "1", "j", "enter", "escape", "j", "enter", "tab", "escape", "j")
        assert isinstance(desk.app.screen, TasksScreen)
        assert desk.tasks.table.cursor == 3
        assert desk.task.task_id == task_id(2)


async def test_the_name_of_a_worker_goes_to_the_dialog(loaded: Stage) -> None:
    async with loaded.open() as desk:
        await desk.press("3", "j")
        gate = desk.faults.hold("worker_usage")
        await at_once(desk, "D", *"mail-worker")
        assert isinstance(desk.app.screen, DeleteWorkerScreen)
        await at_once(desk, "enter")  # before there was anything to read it confirms nothing
        gate.set()
        await desk.see("Enter to delete it")
        assert desk.app.screen.query_one(Input).value == "mail-worker"
        assert not desk.faults.calls["delete"]


async def test_no_change_is_chosen_before_the_choices_are_on_the_screen(loaded: Stage) -> None:
    async with loaded.open() as desk:
        await desk.press("3")
        gate = desk.faults.hold("worker_usage")
        for key in ("D", *"mail X by X-ray", "enter", "X"):
            desk.app.post_message(event(key))
        await desk.until(lambda: desk.faults.under_way)
        gate.set()
        await desk.see("X  disable it")
        await desk.app._typed._events.join()
        assert isinstance(desk.app.screen, DeleteWorkerScreen)
        await at_once(desk, "escape", "X", "y", "enter")
        assert "Disable worker ai-worker?" in desk.text
        assert not desk.faults.calls["upsert"]
        await desk.press("y")
        await desk.until(lambda: "The worker ai-worker is disabled" in desk.note)


async def test_what_was_asked_a_moment_ago_counts_as_not_yet_read(
    loaded: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "GLANCE", 3600.0)
    async with loaded.open() as desk:
        await desk.press("3", "X")
        await desk.see("Disable worker ai-worker?")
        await desk.press("y", "enter")
        assert "Disable worker ai-worker?" in desk.text
        monkeypatch.setattr(reading, "GLANCE", 0.0)
        await desk.press("y")
        await desk.until(lambda: "The worker ai-worker is disabled" in desk.note)


async def test_a_dialog_that_is_left_again(loaded: Stage) -> None:
    async with loaded.open() as desk:
        await at_once(desk, "3", "j", "D", *"q1X", "escape", "j", "1", "j")
        assert isinstance(desk.app.screen, TasksScreen)
        assert desk.tasks.table.cursor == 1
        assert desk.workers.table.cursor == 2


async def test_an_entry_of_a_menu(loaded: Stage) -> None:
    async with loaded.open() as desk:
        with terminal_of(desk) as copied:
            await at_once(desk, "j", "y", "i", "j", "y", "j", "k", "enter", "j")
        assert copied == [task_id(1), task_id(2)]
        assert desk.tasks.table.cursor == 3
        await at_once(desk, "w", "1", "p")
        assert desk.tasks.filter.worker_name == "ai-worker"
        assert desk.app.session.paused


async def test_a_menu_of_a_task_that_is_still_being_read(loaded: Stage) -> None:
    async with loaded.open() as desk:
        gate = desk.faults.hold("changes")
        desk.app.post_message(event("enter"))
        desk.app.post_message(event("y"))
        desk.app.post_message(event("p"))  # on the screen it would pause
        await desk.see("this task was not read yet; nothing was copied")
        assert not desk.app.session.paused
        gate.set()


async def test_the_palette(loaded: Stage) -> None:
    async with loaded.open() as desk:
        await at_once(desk, ":", *"quit 1")
        assert isinstance(desk.app.screen, CommandPalette)
        assert desk.app.screen.query_one(Input).value == "quit 1"
        await at_once(desk, "escape", "j")
        assert desk.tasks.table.cursor == 1


async def test_the_help(loaded: Stage) -> None:
    async with loaded.open() as desk:
        await at_once(desk, "?", "j", "j")
        assert isinstance(desk.app.screen, HelpScreen)
        await at_once(desk, "q", "j", "?", "q", "j")
        assert isinstance(desk.app.screen, TasksScreen)
        assert desk.tasks.table.cursor == 2


OPENERS = [
    (tab, key.keys.split(",")[0])
    for tab, keys in (("1", TASKS), ("enter", TASK), ("3", WORKERS))
    for key in (*keys, *COMMON)
    if key.action in ("filter", "choose_worker", "copy", "enable", "delete", "go('workers')")
    or key.action in ("app.help", "app.command_palette")
]


@pytest.mark.parametrize(("tab", "key"), OPENERS, ids=map("-".join, OPENERS))
async def test_what_opens_something_takes_the_next_key(loaded: Stage, tab: str, key: str) -> None:
    async with loaded.open() as desk:
        await desk.press("3", "1", tab)
        await at_once(desk, key, "q")
        assert not desk.app._exit


@pytest.mark.parametrize("key", ["ctrl+c", "ctrl+z"])
async def test_what_works_everywhere_does_not_wait(loaded: Stage, key: str) -> None:
    async with loaded.open() as desk:
        gate = desk.faults.hold("get_task")
        for one in ("y", "p", "j", "j"):
            desk.app.post_message(event(one))
        await desk.until(lambda: desk.faults.under_way)
        assert desk.tasks.table.cursor == 0
        action = "action_quit" if key == "ctrl+c" else "action_suspend_process"
        with patch.object(type(desk.app), action, autospec=True) as called:
            desk.app.post_message(event(key))
            await desk.until(lambda: called.call_count)
        gate.set()
        await desk.until(lambda: desk.tasks.table.cursor == 2)


async def test_a_remapped_key_does_not_wait_either(loaded: Stage) -> None:
    async with loaded.open(keys={"program.quit": "f10, ctrl+q"}) as desk:
        gate = desk.faults.hold("get_task")
        for one in ("y", "p", "j", "ctrl+q"):
            desk.app.post_message(event(one))
        await desk.until(lambda: desk.app._exit)
        gate.set()
        await asyncio.sleep(0)
        assert desk.tasks.table.cursor == 0


async def test_no_key_is_lost_or_doubled(loaded: Stage) -> None:
    async with loaded.open() as desk:
        for _ in range(20):
            await at_once(desk, *"jjjjjjjk")
        assert desk.tasks.table.cursor == 62
        await at_once(desk, *"kkkkkkkkkk")
        assert desk.tasks.table.cursor == 52
