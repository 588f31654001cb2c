"""How screens ask the store, and what they say when it does not answer."""

from __future__ import annotations

from asynqhub_tui.repository import Unavailable
from tests.screens.sample import sample, task_id
from tests.screens.stage import Desk, Stage

DOWN = Unavailable("db1:5432 does not answer (timed out after 1.5 s).", hint="Check the network.")


def statuses(desk: Desk) -> set[str]:
    return {task.status for task in desk.tasks.table.window.rows}


async def test_one_request_at_a_time(stage: Stage) -> None:
    stage.load(sample())
    async with stage.open((160, 40)) as desk:
        for key in ("j", "3", "w", "1", "enter", "escape", "s"):
            await desk.press(key)
            await desk.pass_time(30)
        assert desk.faults.calls["fleet_stats"] > 1
        assert desk.faults.most_under_way == 1


async def test_an_answer_for_the_filter_before_is_never_painted(stage: Stage) -> None:
    stage.load(sample())
    async with stage.open() as desk:
        gate = desk.faults.hold("list_tasks")
        await desk.pilot.press("s")
        await desk.until(lambda: desk.faults.under_way)
        assert "reading the first page" in desk.text
        await desk.pilot.press("s")
        await desk.until(lambda: desk.faults.calls["list_tasks"] >= 3)
        gate.set()
        await desk.rest()
        assert statuses(desk) == {"pending"}
        assert desk.line(" / status:pending")
        assert "16 of 64" in desk.text


async def test_a_screen_that_was_left_asks_nothing(stage: Stage) -> None:
    stage.load(sample())
    async with stage.open() as desk:
        desk.faults.hold("changes")
        stage.clock.passed += 2
        desk.poller.pause(False)
        await desk.until(lambda: desk.faults.under_way == 1)
        await desk.press("3")
        assert desk.faults.under_way == 0
        asked = desk.faults.calls["changes"]
        await desk.pass_time(100)
        assert desk.faults.calls["changes"] == asked
        assert desk.tasks.poller is not None
        assert not desk.tasks.poller.running
        desk.faults.gates.clear()
        await desk.press("1")
        assert desk.faults.calls["changes"] > asked


async def test_to_change_screens_asks_the_overview_nothing_anew(stage: Stage) -> None:
    stage.load(sample())
    async with stage.open() as desk:
        for key in ("3", "1", "2", "3"):
            await desk.press(key)
        assert desk.faults.calls["status_counts"] == 1
        assert desk.faults.calls["list"] == 1
        assert desk.faults.calls["fleet_series"] == 2


async def test_a_store_that_does_not_answer(stage: Stage) -> None:
    stage.load(sample())
    async with stage.open() as desk:
        desk.faults.errors["*"] = DOWN
        await desk.pass_time(2)
        assert desk.banner == (
            "db1:5432 does not answer (timed out after 1.5 s). Check the network."
            " Showing data from 14:02:11, 2s old. Next try in 1s."
        )
        assert "▲ stale" in desk.lines()[0]
        assert task_id(0)[:4] in desk.cursor_line
        for wait, following in ((1, 2), (2, 4), (4, 8)):
            await desk.pass_time(wait)
            assert desk.banner.endswith(f"Next try in {following}s.")
        await desk.press("j", "space")
        assert "1 marked" in desk.note
        desk.faults.errors.clear()
        await desk.pass_time(8)
        assert "does not answer" not in desk.text
        assert "● live 2s" in desk.lines()[0]
        assert "1 marked" in desk.note


async def test_trying_again_at_once(stage: Stage) -> None:
    stage.load(sample())
    async with stage.open() as desk:
        desk.faults.errors["*"] = DOWN
        for _ in range(4):
            await desk.pass_time(10)
        assert desk.banner.endswith("40s old. Next try in 8s.")
        desk.faults.errors.clear()
        await desk.press("ctrl+r")
        await desk.until(lambda: "does not answer" not in desk.text)


async def test_a_store_that_never_answered(stage: Stage) -> None:
    stage.faults.errors["*"] = DOWN
    async with stage.open() as desk:
        await desk.see("does not answer", "Next try in 1s.")
        assert "Showing data" not in desk.text
        assert "reading the first page" in desk.text


async def test_a_failure_that_is_left_is_told_on_the_next_screen(stage: Stage) -> None:
    stage.load(sample())
    async with stage.open() as desk:
        desk.faults.errors["*"] = DOWN
        await desk.press("3")
        await desk.see("does not answer")
        desk.faults.errors.clear()
        await desk.press("1")
        assert "does not answer" not in desk.text
        await desk.press("3")
        await desk.pass_time(1)
        assert "does not answer" not in desk.text


async def test_paused_one_can_still_ask_once_and_look_elsewhere(stage: Stage) -> None:
    stage.load(sample())
    async with stage.open() as desk:
        await desk.press("p")
        fresh = stage.load_new(1)
        await desk.pass_time(100)
        assert fresh[0][:4] not in desk.text
        await desk.press("ctrl+r")
        await desk.see(fresh[0][:4], "paused")
        await desk.press("s")
        assert statuses(desk) == {"fail", "dead"}
        await desk.press("3")
        await desk.see("worker-1", "paused", "heartbeat")


async def test_the_interval_is_that_of_all_screens(stage: Stage) -> None:
    stage.load(sample())
    async with stage.open(interval=10.0) as desk:
        assert "● live 10s" in desk.lines()[0]
        await desk.press("minus", "3")
        assert "● live 5s" in desk.lines()[0]
        await desk.press("minus", "1")
        assert "● live 2s" in desk.lines()[0]
