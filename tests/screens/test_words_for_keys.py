"""Footer, help and palette name the keys as they are, the user's own too."""

from __future__ import annotations

import pytest
from textual.command import CommandPalette

from asynqhub_tui.keys import COMMON, TASK, TASKS, WORKERS, Key, shown
from tests.screens.sample import sample, task_id
from tests.screens.stage import Desk, Stage

OWN = {"tasks.open": "o", "data.pause": "f5,P", "tasks.filter": "f"}


async def test_own_keys_work_in_place_of_the_usual_ones(stage: Stage) -> None:
    stage.load(sample())
    async with stage.open(keys=OWN) as desk:
        await desk.press("p")
        assert "● live" in desk.lines()[0]
        for key in ("f5", "P"):
            await desk.press(key)
            assert "paused" in desk.lines()[0]
            await desk.press(key)
        await desk.press("enter")
        assert "all tasks" in desk.text
        await desk.press("o")
        assert f"task {task_id(0)}" in desk.text


async def test_own_keys_stand_in_footer_help_and_palette(stage: Stage) -> None:
    stage.load(sample())
    async with stage.open((100, 60), keys=OWN) as desk:
        footer = desk.lines()[-1]
        assert footer.startswith(" o open   r retry")
        assert "f filter" in footer
        assert "f5 pause" in footer
        await desk.press("question_mark")
        assert desk.line("pause or resume polling").strip().startswith("f5 P")
        assert desk.line("open the task").split() == ["o", "open", "the", "task"]
        await desk.press("escape", "f5")
        assert desk.note == "paused; f5 resumes, ctrl+r asks once"
        await desk.press("f5", "colon")
        await desk.type("pause")
        await desk.until(lambda: "Pause or resume polling" in desk.text)
        assert "f5" in desk.text


@pytest.mark.parametrize(
    ("lead", "keys"), [((), TASKS), (("enter",), TASK), (("3",), WORKERS)], ids=["1", "2", "3"]
)
async def test_the_help_has_every_key_of_its_screen(
    stage: Stage, lead: tuple[str, ...], keys: tuple[Key, ...]
) -> None:
    stage.load(sample())
    async with stage.open((80, 90)) as desk:
        await desk.press(*lead, "question_mark")
        for key in (*keys, *COMMON):
            names = shown(key, {}, all_keys=True)
            assert f"{names:<16}{key.help}" in [line.strip() for line in desk.lines()]


async def test_the_help_speaks_of_scrolling_only_where_it_scrolls(stage: Stage) -> None:
    async with stage.open((120, 60)) as desk:
        await desk.press("question_mark")
        assert "j k" not in desk.line("Keys")
        assert "more lines" not in desk.text
        await desk.pilot.resize_terminal(80, 24)
        await desk.until(lambda: "more lines   j k" in desk.text)


async def test_the_interval_before_a_connection_says_so(stage: Stage) -> None:
    gate = stage.hold_opening()
    app = stage.app()
    async with app.run_test() as pilot:
        desk = Desk(pilot, stage)
        await desk.see("connecting")
        await pilot.press("plus")
        await desk.see("not connected yet")
        gate.set()
        app.exit()


async def test_the_help_scrolls_where_it_does_not_fit(stage: Stage) -> None:
    async with stage.open((80, 24)) as desk:
        await desk.press("question_mark")
        assert "suspend" not in desk.text
        await desk.press("space", "space", "space")
        assert "suspend" in desk.text
        await desk.press("ctrl+u", "ctrl+u", "ctrl+u")
        assert desk.line("Keys")


async def test_the_palette_runs_what_it_lists(stage: Stage) -> None:
    stage.load(sample())
    async with stage.open() as desk:
        await desk.press("colon")
        assert isinstance(desk.app.screen, CommandPalette)
        await desk.type("mark all that match")
        await desk.see("Mark all that match the filter")
        await desk.pilot.press("enter")
        await desk.until(lambda: "64 marked" in desk.text)


async def test_the_palette_has_every_action(stage: Stage) -> None:
    async with stage.open() as desk:
        for tab, keys in (("1", TASKS), ("2", TASK), ("3", WORKERS)):
            await desk.press(tab)
            listed = {one.title.lower() for one in desk.app.get_system_commands(desk.app.screen)}
            assert {key.help.lower() for key in keys} <= listed


async def test_a_footer_too_narrow_for_all_keeps_the_one_for_help(stage: Stage) -> None:
    async with stage.open((30, 24)) as desk:
        assert desk.lines()[-1].rstrip().endswith("? keys")
