"""What cannot be done is said in one sentence, and nothing else happens."""

from __future__ import annotations

import pytest
from textual.widgets import Input

from asynqhub_tui.repository import Refused, Unavailable
from tests.screens.sample import Rows, fleet, sample
from tests.screens.stage import Desk, Stage

DOWN = Unavailable("db1:5432 does not answer (timed out after 1.5 s).", hint="Check the network.")


async def test_a_connection_that_is_refused_ends_the_program(stage: Stage) -> None:
    stage.not_opening = Refused(
        "db1:5432 turns the user hub away: the password is wrong.", hint="Check POSTGRES_DSN."
    )
    app = stage.app()
    async with app.run_test() as pilot:
        desk = Desk(pilot, stage)
        await desk.until(lambda: app._exit)
    assert app.failure is stage.not_opening
    assert app.defect is None


async def test_the_screen_is_there_before_the_connection(stage: Stage) -> None:
    gate = stage.hold_opening()
    stage.load(sample())
    app = stage.app()
    async with app.run_test() as pilot:
        desk = Desk(pilot, stage)
        await desk.see("connecting", "keys")
        for key in [
            "j",
            "G",
            "s",
            "p",
            "p",
            "A",
            "space",
            "y",
            "escape",
            "ctrl+r",
            "3",
            "D",
            "X",
            "1",
        ]:
            await pilot.press(key)
        assert app.defect is None
        gate.set()
        await desk.see("● live 2s", "status:failed", "✗ fail")


async def test_no_answer_is_taken_by_a_screen_that_is_taken_down(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.load(sample())
    app = stage.app()
    polling: list[bool] = []
    close_all = app._close_all

    async def close() -> None:
        polling.append(app._task_list.poller is not None and app._task_list.poller.running)
        await close_all()

    monkeypatch.setattr(app, "_close_all", close)
    async with app.run_test() as pilot:
        await Desk(pilot, stage).see("● live")
        assert app._task_list.poller is not None
        assert app._task_list.poller.running
    assert polling == [False]


async def test_a_defect_ends_the_program_and_is_kept(stage: Stage) -> None:
    stage.load(sample())
    app = stage.app()
    defect = ZeroDivisionError("a feed broke")
    stage.faults.errors["status_counts"] = defect

    async def run() -> None:
        async with app.run_test() as pilot:
            await Desk(pilot, stage).until(lambda: not app.is_running)

    with pytest.raises(ZeroDivisionError, match="a feed broke"):
        await run()
    assert app.defect is defect


async def test_enabling_fails(stage: Stage) -> None:
    stage.load(sample())
    async with stage.open() as desk:
        await desk.press("3")
        desk.faults.errors["upsert"] = DOWN
        await desk.press("X", "y")
        assert desk.note == str(DOWN)
        assert "disabled" not in desk.cursor_line
        assert "● live" in desk.lines()[0]


async def test_marking_all_fails(stage: Stage) -> None:
    stage.load(sample())
    async with stage.open() as desk:
        desk.faults.errors["task_refs"] = DOWN
        await desk.press("A")
        assert desk.note == str(DOWN)
        assert not desk.tasks.table.marks
        desk.faults.errors.clear()
        await desk.press("A")
        assert "64 marked" in desk.note


async def test_a_read_only_store_changes_nothing(stage: Stage) -> None:
    stage.load(Rows(fleet()))
    async with stage.open(read_only=True) as desk:
        await desk.press("3")
        assert "READ-ONLY" in desk.lines()[0]
        for key in ("X", "D"):
            await desk.press(key)
            assert desk.note == "demo.db is open read-only. Start without read-only to change it."
        assert "ai-worker" in desk.cursor_line
        assert not desk.faults.calls["upsert"]
        assert not desk.faults.calls["delete"]


async def open_dialog(desk: Desk) -> None:
    await desk.press("3", "D")
    await desk.see("Type its name")


async def confirm(desk: Desk) -> None:
    await desk.type("ai-worker")
    await desk.press("enter")


async def test_only_the_exact_name_deletes(stage: Stage) -> None:
    stage.load(Rows(fleet()))
    async with stage.open() as desk:
        await open_dialog(desk)
        for typed in ("", "ai-worke", "Ai-worker", "ai-worker "):
            desk.app.screen.query_one(Input).value = typed
            await desk.press("enter")
            assert "Type its name to delete it" in desk.text
        await desk.press("escape")
        assert "ai-worker" in desk.cursor_line
        assert not desk.faults.calls["delete"]


async def test_deleting_fails(stage: Stage) -> None:
    stage.load(Rows(fleet()))
    async with stage.open() as desk:
        await open_dialog(desk)
        desk.faults.errors["delete"] = DOWN
        await confirm(desk)
        await desk.see(str(DOWN))
        assert "purge" not in desk.text


async def test_a_worker_that_is_gone_meanwhile(stage: Stage) -> None:
    stage.load(Rows(fleet()))
    async with stage.open() as desk:
        await desk.press("3")
        stage.change("DELETE FROM worker WHERE worker_name = 'ai-worker'")
        await desk.press("D")
        await desk.see("There is no worker ai-worker.")
        await desk.press("escape", "X", "y")
        assert "There is no worker ai-worker." in desk.note


async def test_a_filter_that_is_none_says_what_would_be(stage: Stage) -> None:
    stage.load(sample())
    async with stage.open() as desk:
        await desk.press("slash")
        await desk.type("state:failed")
        await desk.press("enter")
        assert "There is no filter “state:”" in desk.note
        field = desk.tasks.query_one("#filter-input", Input)
        assert field.has_focus
        assert field.value == "state:failed"
        await desk.press("escape")
        assert "all tasks" in desk.text
