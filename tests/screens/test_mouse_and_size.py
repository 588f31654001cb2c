"""The mouse, and terminals that change their size."""

from __future__ import annotations

import itertools

import pytest
from textual import events
from textual.widget import Widget

from asynqhub_tui.widgets.detail import Detail
from asynqhub_tui.widgets.header import Header
from tests.screens.sample import rerun, sample, task_id
from tests.screens.stage import Desk, Stage

SIZES = ((80, 24), (200, 60), (40, 10), (140, 40), (79, 23), (120, 40), (20, 5))


async def click(desk: Desk, widget: Widget, x: int, y: int) -> None:
    await desk.pilot.click(widget, offset=(x, y))
    await desk.rest()


async def wheel(desk: Desk, widget: Widget, event: type[events.MouseEvent]) -> None:
    await desk.pilot._post_mouse_events([event], widget, offset=(5, 5))
    await desk.rest()


async def test_a_click_goes_to_a_row_and_a_second_one_opens_it(stage: Stage) -> None:
    stage.load(sample())
    async with stage.open() as desk:
        await click(desk, desk.tasks.table, 20, 4)
        assert task_id(3)[:4] in desk.cursor_line
        await click(desk, desk.tasks.table, 20, 4)
        assert f"task {task_id(3)}" in desk.text


async def test_a_click_beside_the_rows_does_nothing(stage: Stage) -> None:
    stage.load(sample(3))
    async with stage.open() as desk:
        await desk.press("j")
        for y in (0, 4, 20):
            await click(desk, desk.tasks.table, 5, y)
            assert task_id(1)[:4] in desk.cursor_line


async def test_the_wheel_moves_the_cursor(stage: Stage) -> None:
    stage.load(sample())
    async with stage.open() as desk:
        await wheel(desk, desk.tasks.table, events.MouseScrollDown)
        assert task_id(3)[:4] in desk.cursor_line
        await wheel(desk, desk.tasks.table, events.MouseScrollUp)
        assert task_id(0)[:4] in desk.cursor_line


async def test_a_click_on_a_tab_shows_its_screen(stage: Stage) -> None:
    stage.load(sample())
    async with stage.open() as desk:
        line = desk.line("3 Workers")
        header = desk.app.screen.query_one(Header)
        await click(desk, header, line.index("Workers") + 2, 1)
        assert "tasks of the last hour" in desk.text


async def test_a_click_chooses_the_pane_and_folds(stage: Stage) -> None:
    stage.load(rerun())
    async with stage.open() as desk:
        await desk.press("enter")
        payload = desk.task.payload
        at = next(y for y, line in enumerate(desk.lines()) if '"nested": {' in line)
        await click(desk, payload, 5, at - payload.region.y)
        assert '"nested": {' in desk.cursor_line
        await click(desk, payload, 5, at - payload.region.y)
        assert '"nested": { … 4 lines }' in desk.cursor_line


async def test_a_click_chooses_from_a_menu(stage: Stage) -> None:
    stage.load(sample())
    async with stage.open() as desk:
        await desk.press("w")
        menu = desk.app.screen.query_one("#menu")
        await click(desk, menu, 5, 2)
        assert desk.line(" / worker:ai-worker")


async def test_the_cursor_stays_on_its_task_in_every_size(stage: Stage) -> None:
    stage.load(sample())
    async with stage.open() as desk:
        for _ in range(30):
            desk.tasks.table.move(1)
        for width, height in SIZES:
            await desk.pilot.resize_terminal(width, height)
            await desk.rest()
            assert desk.tasks.table.cursor == 30
            if desk.tasks.table.page_rows:
                assert 30 in desk.tasks.table.in_view()
                assert task_id(30)[:3] in desk.cursor_line
            assert len(desk.lines()) == height


@pytest.mark.parametrize("keys", [("enter",), ("3",), ("3", "D"), ("question_mark",), ("slash",)])
async def test_every_screen_bears_every_size(stage: Stage, keys: tuple[str, ...]) -> None:
    stage.load(sample())
    async with stage.open() as desk:
        await desk.press(*keys)
        for width, height in itertools.chain(SIZES, [(1, 1), (120, 40)]):
            await desk.pilot.resize_terminal(width, height)
            await desk.rest()
            strips = desk.app.screen._compositor.render_strips()
            assert {strip.cell_length for strip in strips} == {width}


async def test_the_preview_comes_and_goes_with_the_width(stage: Stage) -> None:
    stage.load(sample())
    async with stage.open((139, 40)) as desk:
        detail = desk.tasks.query_one(Detail)
        assert not detail.display
        await desk.pilot.resize_terminal(140, 40)
        await desk.pass_time(2)
        await desk.see("ATTEMPTS", "PAYLOAD")
        await desk.press("j")
        await desk.see(task_id(1))
        await desk.pilot.resize_terminal(139, 40)
        await desk.until(lambda: "ATTEMPTS" not in desk.text)
        asked = desk.faults.calls["get_task"]
        await desk.pass_time(10)
        assert desk.faults.calls["get_task"] == asked
