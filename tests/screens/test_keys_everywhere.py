"""Each key that all screens have does what the help says."""

from __future__ import annotations

from unittest.mock import patch

import pytest
from textual._compositor import LayoutUpdate
from textual.command import CommandPalette

from asynqhub_tui.keys import COMMON, Key
from asynqhub_tui.screens.help import HelpScreen
from tests.screens.effects import Effect, cases, check
from tests.screens.sample import task_id
from tests.screens.stage import Desk, Stage


def at(desk: Desk) -> int:
    """The row of the cursor, after a look at the screen whether its sign is on that row's task."""
    row = desk.tasks.table.cursor
    assert task_id(row)[:4] in desk.cursor_line
    return row


async def down(desk: Desk, key: str) -> None:
    before = at(desk)
    await desk.press(key)
    assert at(desk) == before + 1


async def up(desk: Desk, key: str) -> None:
    await desk.press("j", "j", "j")
    before = at(desk)
    await desk.press(key)
    assert at(desk) == before - 1


async def page_down(desk: Desk, key: str) -> None:
    before = at(desk)
    await desk.press(key)
    assert at(desk) == before + desk.tasks.table.page_rows // 2


async def page_up(desk: Desk, key: str) -> None:
    await desk.press("G", key)
    assert at(desk) == 63 - desk.tasks.table.page_rows // 2


async def top(desk: Desk, key: str) -> None:
    await desk.press("G")
    read = desk.faults.calls["list_tasks"]
    await desk.press(key)
    assert at(desk) == 0
    assert desk.faults.calls["list_tasks"] > read


async def bottom(desk: Desk, key: str) -> None:
    await desk.press("g", key)
    assert at(desk) == 63


async def next_pane(desk: Desk, key: str) -> None:
    await desk.press("enter")
    assert "✗ fail" in desk.cursor_line
    await desk.press(key)
    assert "connection refused" in desk.cursor_line
    await desk.press(key)
    assert desk.cursor_line.endswith("{")
    await desk.press(key)
    assert "✗ fail" in desk.cursor_line


async def tasks(desk: Desk, key: str) -> None:
    await desk.press("3", key)
    assert "all tasks" in desk.text


async def last_task(desk: Desk, key: str) -> None:
    await desk.press("j", "enter", "escape", key)
    assert f"task {task_id(1)}" in desk.text


async def workers(desk: Desk, key: str) -> None:
    await desk.press(key)
    assert "tasks of the last hour" in desk.text


async def costs(desk: Desk, key: str) -> None:
    assert "COST" not in desk.text
    await desk.press(key)
    assert "COST" in desk.text
    assert desk.line(" list tasks ").split()[2] == "1"
    await desk.press("3")
    await desk.see("COST", "fleet stats")
    await desk.press(key, "1")
    assert "COST" not in desk.text


async def pause(desk: Desk, key: str) -> None:
    await desk.press(key)
    asked = desk.faults.calls.total()
    await desk.pass_time(3_600)
    assert "paused" in desk.lines()[0]
    assert desk.faults.calls.total() == asked
    await desk.press(key)
    assert "● live 2s" in desk.lines()[0]
    assert desk.faults.calls.total() > asked


async def slower(desk: Desk, key: str) -> None:
    await desk.press(key)
    assert "● live 5s" in desk.lines()[0]
    assert desk.note == "polling every 5s"
    asked = desk.faults.calls["changes"]
    await desk.pass_time(4)
    assert desk.faults.calls["changes"] == asked + 1  # that was arranged before
    await desk.pass_time(4)
    assert desk.faults.calls["changes"] == asked + 1
    await desk.pass_time(1)
    assert desk.faults.calls["changes"] == asked + 2


async def faster(desk: Desk, key: str) -> None:
    await desk.press(key)
    assert "● live 1s" in desk.lines()[0]
    await desk.press(key, key, key)
    assert "● live 0.5s" in desk.lines()[0]


async def now(desk: Desk, key: str) -> None:
    asked = desk.faults.calls.copy()
    await desk.press(key)
    assert desk.faults.calls["changes"] == asked["changes"] + 1
    assert desk.faults.calls["status_counts"] == asked["status_counts"] + 1


async def times(desk: Desk, key: str) -> None:
    def updated() -> str:
        return desk.cursor_line.split()[9]

    assert updated() == "now"
    await desk.press(key)
    assert (updated(), desk.note) == ("14:02:08", "times: local")
    await desk.press(key)
    assert (updated(), desk.note) == ("14:02:08", "times: utc")
    await desk.press(key)
    assert (updated(), desk.note) == ("now", "times: relative")


async def theme(desk: Desk, key: str) -> None:
    dark = desk.app.screen.styles.background
    await desk.press(key)
    assert desk.app.theme == "light"
    assert desk.app.screen.styles.background != dark
    await desk.press(key)
    assert desk.app.screen.styles.background == dark


async def mouse(desk: Desk, key: str) -> None:
    await desk.press(key)
    assert desk.note == "mouse off: the terminal selects text again"
    await desk.press(key)
    assert desk.note == "mouse on"


async def redraw(desk: Desk, key: str) -> None:
    with patch.object(type(desk.app), "_display", autospec=True) as display:
        await desk.press(key)
    (sent,) = [call.args[2] for call in display.call_args_list]
    assert isinstance(sent, LayoutUpdate)  # the whole screen, not what has changed in it
    assert len(sent.strips) == desk.app.size.height


async def palette(desk: Desk, key: str) -> None:
    await desk.press(key)
    assert isinstance(desk.app.screen, CommandPalette)
    await desk.press("escape")
    assert not isinstance(desk.app.screen, CommandPalette)


async def show_help(desk: Desk, key: str) -> None:
    await desk.press(key)
    assert isinstance(desk.app.screen, HelpScreen)
    assert "mark all that match the filter" in desk.text
    await desk.press("escape")
    assert "all tasks" in desk.text


async def back(desk: Desk, key: str) -> None:
    await desk.press("3", "enter")
    assert "worker:ai-worker" in desk.text
    await desk.press(key)
    assert "tasks of the last hour" in desk.text
    await desk.press(key)
    assert "all tasks" in desk.text
    await desk.press(key, key)
    assert desk.app.is_running
    assert not desk.app._exit


async def quit_here(desk: Desk, key: str) -> None:
    await desk.press("3", key)
    assert "all tasks" in desk.text
    await desk.pilot.press(key)
    await desk.until(lambda: desk.app._exit)


async def quit_at_once(desk: Desk, key: str) -> None:
    await desk.press("3", "D")
    await desk.pilot.press(key)
    await desk.until(lambda: desk.app._exit)


async def suspend(desk: Desk, key: str) -> None:
    with patch.object(type(desk.app), "action_suspend_process", autospec=True) as action:
        await desk.press("slash", key)
        action.assert_called_once()


EFFECTS: dict[str, Effect] = {
    "move.down": down,
    "move.up": up,
    "move.page_down": page_down,
    "move.page_up": page_up,
    "move.top": top,
    "move.bottom": bottom,
    "move.pane": next_pane,
    "go.tasks": tasks,
    "go.task": last_task,
    "go.workers": workers,
    "data.pause": pause,
    "data.slower": slower,
    "data.faster": faster,
    "data.costs": costs,
    "data.now": now,
    "look.times": times,
    "look.theme": theme,
    "look.mouse": mouse,
    "look.redraw": redraw,
    "program.palette": palette,
    "program.help": show_help,
    "program.back": back,
    "program.quit_here": quit_here,
    "program.quit": quit_at_once,
    "program.suspend": suspend,
}


@cases(COMMON, EFFECTS)
async def test_key(stage: Stage, key: Key, effect: Effect) -> None:
    await check(stage, key, effect)


@pytest.mark.parametrize("tab", ["2", "3"])
async def test_common_keys_work_on_the_other_screens(stage: Stage, tab: str) -> None:
    async with stage.open() as desk:
        await desk.press(tab, "plus")
        assert "● live 5s" in desk.lines()[0]
        await desk.press("p")
        assert "paused" in desk.lines()[0]
        await desk.press("1")
        assert "paused" in desk.lines()[0]
        await desk.press("p")
        assert "● live 5s" in desk.lines()[0]
