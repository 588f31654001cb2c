"""The dialog that deletes a worker: what it offers, asks and tells, at any height."""

from __future__ import annotations

import pytest
from textual.widgets import Input

from asynqhub_tui.models import Task
from asynqhub_tui.repository import Unavailable
from asynqhub_tui.screens.delete_worker import DeleteWorkerScreen
from tests.contract.builders import make_task
from tests.screens.sample import Rows, fleet, sample
from tests.screens.stage import Desk, Stage

DOWN = Unavailable("db1:5432 does not answer (timed out after 1.5 s).")
LOW = pytest.mark.parametrize(
    "size", [(80, 16), (100, 12), (80, 24), (200, 60)], ids=["80x16", "100x12", "80x24", "200x60"]
)


def tasks(number: int, name: str = "t") -> list[Task]:
    """Return so many tasks of ai-worker, without attempts."""
    return [
        make_task(f"{name}-{one}", worker_name="ai-worker", queue="ai-worker:embedding:low")
        for one in range(number)
    ]


async def open_dialog(desk: Desk) -> None:
    """Open it for ai-worker, which has tasks."""
    await desk.press("3", "D")
    await desk.see("The store keeps it while it has tasks")


async def confirm_purge(desk: Desk) -> None:
    await desk.press("P")
    await desk.see("Type its name to purge and delete it")
    await desk.type("ai-worker")
    await desk.press("enter")


def is_open(desk: Desk) -> bool:
    return isinstance(desk.app.screen, DeleteWorkerScreen)


async def test_a_worker_with_tasks_is_not_asked_for_by_name(stage: Stage) -> None:
    stage.load(sample())
    async with stage.open() as desk:
        await open_dialog(desk)
        assert "Type its name" not in desk.text
        assert desk.cursor_line.split() == ["▌", "n", "cancel"]
        assert "X  disable it" in desk.text
        assert "P  purge its tasks and attempts, then delete it" in desk.text


@pytest.mark.parametrize("key", ["enter", "n", "escape", "q"])
async def test_to_do_nothing_is_what_is_offered_first(stage: Stage, key: str) -> None:
    stage.load(sample())
    async with stage.open() as desk:
        await open_dialog(desk)
        await desk.press(key)
        assert not is_open(desk)
        assert not any(desk.faults.calls[name] for name in ("delete", "upsert", "purge_worker"))


async def test_no_lower_case_key_does_anything(stage: Stage) -> None:
    stage.load(sample())
    async with stage.open() as desk:
        await open_dialog(desk)
        await desk.press("x", "p", "d", "y")
        assert desk.cursor_line.split() == ["▌", "n", "cancel"]
        assert not any(desk.faults.calls[name] for name in ("delete", "upsert", "purge_worker"))


async def test_a_disabled_worker_is_not_offered_to_be_disabled(stage: Stage) -> None:
    stage.load(sample())
    stage.change("UPDATE worker SET is_enabled = 0")
    async with stage.open() as desk:
        await open_dialog(desk)
        assert "disable it" not in desk.text


async def test_disabling_instead_of_deleting(stage: Stage) -> None:
    stage.load(sample())
    async with stage.open() as desk:
        await open_dialog(desk)
        await desk.press("X")
        await desk.see("The worker ai-worker is disabled.")
        await desk.press("escape")
        await desk.until(lambda: "disabled" in desk.cursor_line)


async def test_one_name_purges_and_deletes(stage: Stage) -> None:
    stage.load(sample())
    async with stage.open() as desk:
        await open_dialog(desk)
        await confirm_purge(desk)
        await desk.see(
            "Deleted 24 tasks and 32 attempt rows.",
            "The worker ai-worker is deleted.",
            "Its row is saved in state/restore",
        )
        await desk.press("q")
        await desk.until(lambda: "ai-worker" not in desk.text)


async def test_only_the_exact_name_purges(stage: Stage) -> None:
    stage.load(sample())
    async with stage.open() as desk:
        await open_dialog(desk)
        await desk.press("P")
        for typed in ("", "ai-worke", "Ai-worker", "ai-worker "):
            desk.app.screen.query_one(Input).value = typed
            await desk.press("enter")
            assert "Type its name to purge and delete it" in desk.text
        await desk.press("escape")
        assert not is_open(desk)
        assert not desk.faults.calls["purge_worker"]


async def test_tasks_that_come_before_it_is_deleted_are_refused_and_offered(stage: Stage) -> None:
    stage.load(Rows(fleet()))
    async with stage.open() as desk:
        await desk.press("3", "D")
        await desk.see("Type its name to delete it")
        stage.load(Rows(tasks=tasks(2)))
        await desk.type("ai-worker")
        await desk.press("enter")
        await desk.see("still has tasks", "What can be done", "n  cancel", "X  disable it")
        await confirm_purge(desk)
        await desk.see("Deleted 2 tasks", "The worker ai-worker is deleted.")


async def test_tasks_that_come_during_a_purge_are_offered_again(stage: Stage) -> None:
    stage.load(Rows(fleet(), tasks(3)))
    async with stage.open() as desk:
        await open_dialog(desk)
        gate = desk.faults.hold("delete")
        await confirm_purge(desk)
        await desk.until(lambda: desk.faults.calls["delete"])
        stage.load(Rows(tasks=tasks(1, "late")))
        gate.set()
        await desk.see("Deleted 3 tasks", "still has tasks", "P  purge")
        await confirm_purge(desk)
        await desk.see("Deleted 1 task and 0 attempt rows.", "The worker ai-worker is deleted.")


async def test_a_purge_is_stopped_between_two_batches(stage: Stage) -> None:
    stage.load(Rows(fleet(), tasks(1_200)))
    async with stage.open() as desk:
        await open_dialog(desk)
        desk.faults.hold("purge_worker batch")
        await confirm_purge(desk)
        await desk.see("Purge and delete worker ai-worker", "500 tasks", "42%", "esc stops")
        await desk.press("escape")
        await desk.see(
            "Deleted 500 tasks and 0 attempt rows.",
            "the worker stays, and every task that is left is whole",
        )
        await desk.press("escape")
        assert not is_open(desk)
        await desk.press("enter")
        assert "700 of " in desk.line(" / worker:ai-worker")


async def test_a_purge_that_fails_says_how_far_it_came(stage: Stage) -> None:
    stage.load(sample())
    async with stage.open() as desk:
        await open_dialog(desk)
        desk.faults.errors["purge_worker batch"] = DOWN
        await confirm_purge(desk)
        await desk.see(str(DOWN), "Deleted 24 tasks and 32 attempt rows.")
        assert not desk.faults.calls["delete"]


async def test_a_worker_that_cannot_be_deleted_after_its_purge(stage: Stage) -> None:
    stage.load(sample())
    async with stage.open() as desk:
        await open_dialog(desk)
        desk.faults.errors["delete"] = DOWN
        await confirm_purge(desk)
        await desk.see("Deleted 24 tasks and 32 attempt rows.", str(DOWN), "esc closes")


@LOW
async def test_what_is_chosen_is_on_the_screen_at_any_height(
    stage: Stage, size: tuple[int, int]
) -> None:
    stage.load(sample())
    async with stage.open(size) as desk:
        await desk.press("3", "D")
        await desk.see("n  cancel", "X  disable it", "P  purge")
        assert "Delete worker ai-worker" in desk.text
        await desk.press("P")
        await desk.see("Type its name to purge and delete it")
        await desk.type("ai-worker")
        await desk.see("Enter to purge and delete it")
        field = desk.app.screen.query_one(Input).region
        assert field.height == 1
        assert field.bottom <= size[1]
        assert desk.lines()[field.y].strip() == "ai-worker"


async def test_what_does_not_fit_scrolls(stage: Stage) -> None:
    stage.load(sample())
    async with stage.open((80, 12)) as desk:
        await open_dialog(desk)
        assert "more lines" in desk.text
        assert "A running hub registers" not in desk.text
        await desk.press("pagedown", "pagedown", "pagedown")
        assert "A running hub registers" in desk.text
        assert "lines above" in desk.text
        await desk.press("pageup", "pageup", "pageup")
        assert "Delete worker ai-worker" in desk.text


async def test_the_dialog_follows_the_size_of_the_terminal(stage: Stage) -> None:
    stage.load(sample())
    async with stage.open((80, 30)) as desk:
        await open_dialog(desk)
        await desk.press("P")
        await desk.pilot.resize_terminal(80, 10)
        await desk.until(lambda: "more lines" in desk.text)
        assert "Type its name" in desk.text
        await desk.pilot.resize_terminal(80, 30)
        await desk.until(lambda: "A running hub registers" in desk.text)
