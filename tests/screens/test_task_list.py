"""The task list while rows come, change and go, and while one pages through many."""

from __future__ import annotations

import pytest

from asynqhub_tui.figures import TimeFormat
from asynqhub_tui.repository import Unavailable
from asynqhub_tui.widgets.task_window import MAX_PAGES, PAGE_ROWS
from tests.screens.sample import sample, task_id
from tests.screens.stage import Desk, Stage


def rows(desk: Desk) -> list[str]:
    """The lines of the list, without the cursor's sign."""
    top = desk.tasks.table.region.y
    lines = desk.lines()[top + 1 : top + 1 + len(desk.tasks.table.in_view())]
    return [line.replace("▌", " ").ljust(40) for line in lines]


def in_view(desk: Desk) -> list[str]:
    return desk.tasks.table.ids_in_view()


def current(desk: Desk) -> str:
    task = desk.tasks.table.current
    assert task is not None
    assert task.task_id[:4] in desk.cursor_line
    return task.task_id


async def test_new_rows_push_the_view_down_and_the_cursor_stays_on_its_task(stage: Stage) -> None:
    stage.load(sample())
    async with stage.open() as desk:
        await desk.press("j", "j", "j", "j", "j")
        before, line = current(desk), desk.lines().index(desk.cursor_line)
        fresh = stage.load_new(3)
        await desk.pass_time(2)
        assert in_view(desk)[:4] == [*fresh, task_id(0)]
        assert current(desk) == before
        assert desk.lines().index(desk.cursor_line) == line + 3
        assert "new, g" not in desk.text


async def test_rows_stay_where_they_are_while_one_reads_further_down(stage: Stage) -> None:
    stage.load(sample())
    async with stage.open(times=TimeFormat.UTC) as desk:
        await desk.press("G", "k", "k", "k")
        before, lines = current(desk), rows(desk)
        fresh = stage.load_new(3)
        await desk.pass_time(2)
        assert rows(desk) == lines
        assert current(desk) == before
        assert "▲ 3 new, g" in desk.text
        await desk.press("g")
        assert current(desk) == fresh[0]
        assert "new, g" not in desk.text


async def test_what_is_above_is_not_new_for_that(stage: Stage) -> None:
    stage.load(sample())
    async with stage.open() as desk:
        await desk.press("G")
        await desk.pass_time(2)
        assert desk.tasks.table.top_row > 0
        assert "new, g" not in desk.text
        stage.load_new(2)
        await desk.pass_time(2)
        await desk.pass_time(2)
        assert "▲ 2 new, g" in desk.text
        stage.load_new(1, first=20_000)
        await desk.pass_time(2)
        assert "▲ 3 new, g" in desk.text


async def test_the_number_of_new_rows_falls_as_one_goes_up_to_them(stage: Stage) -> None:
    stage.load(sample())
    async with stage.open() as desk:
        await desk.press("G")
        stage.load_new(40)
        await desk.pass_time(2)
        unseen = desk.tasks.table.unseen
        for _ in range(4):
            await desk.press("ctrl+u")
        assert 0 < desk.tasks.table.unseen < unseen
        assert f"▲ {desk.tasks.table.unseen} new, g" in desk.text
        for _ in range(4):
            await desk.press("ctrl+u")
        assert "new, g" not in desk.text


async def test_a_cursor_at_the_top_follows_once_nobody_is_at_the_keyboard(stage: Stage) -> None:
    stage.load(sample())
    async with stage.open() as desk:
        await desk.press("g")
        stage.load_new(1)
        await desk.pass_time(2)
        assert current(desk) == task_id(0)
        await desk.press("k")
        newest = stage.load_new(1, first=20_000)
        await desk.pass_time(11)
        assert current(desk) == newest[0]


@pytest.mark.parametrize("key", ["space", "v"])
async def test_marks_hold_a_cursor_at_the_top(stage: Stage, key: str) -> None:
    stage.load(sample())
    async with stage.open() as desk:
        await desk.press(key, "k")
        stage.load_new(1)
        await desk.pass_time(11)
        assert current(desk) == task_id(0)


async def test_paging_through_all_rows_and_back(stage: Stage) -> None:
    number = MAX_PAGES * PAGE_ROWS + 400
    stage.load(sample(number))
    ids = [task_id(index) for index in range(number)]
    async with stage.open((80, 400)) as desk:
        table = desk.tasks.table

        async def turn(key: str, last: str) -> None:
            while current(desk) != last:
                await desk.press(key)
                seen = in_view(desk)
                assert len(seen) == table.page_rows
                first = ids.index(seen[0])
                assert seen == ids[first : first + len(seen)]
                assert len(table.window) <= MAX_PAGES * PAGE_ROWS

        await turn("ctrl+d", ids[-1])
        assert not table.window.at_top
        await turn("ctrl+u", ids[0])
        assert not table.window.at_end
        await desk.press("G")
        assert current(desk) == ids[-1]
        await desk.press("g")
        assert current(desk) == ids[0]


async def test_a_page_below_rows_that_were_let_go_meanwhile_is_not_taken(stage: Stage) -> None:
    number = MAX_PAGES * PAGE_ROWS + 200
    stage.load(sample(number))
    async with stage.open((80, 400)) as desk:
        table = desk.tasks.table
        while len(table.window) < MAX_PAGES * PAGE_ROWS:
            await desk.press("ctrl+d")
        gate = desk.faults.hold("list_tasks after")
        while desk.faults.calls["list_tasks after"] < MAX_PAGES:
            await desk.pilot.press("ctrl+d")
        stage.load_new(PAGE_ROWS)
        stage.clock.passed += 2
        desk.poller.refresh(desk.tasks.list.feed)
        await desk.until(lambda: table.unseen)
        gate.set()
        await desk.rest()
        held = [task.task_id for task in table.window.rows]
        first = held.index(task_id(0))
        assert held[first:] == [task_id(index) for index in range(len(held) - first)]


async def test_a_page_for_another_filter_is_not_taken(stage: Stage) -> None:
    stage.load(sample(400))
    async with stage.open() as desk:
        gate = desk.faults.hold("list_tasks from_end")
        await desk.pilot.press("G")
        await desk.until(lambda: desk.faults.calls["list_tasks from_end"])
        await desk.pilot.press("s")
        await desk.see("status:failed", "▌  ✗ exhausted")
        gate.set()
        await desk.rest()
        held = desk.tasks.table.window.rows
        assert {task.status for task in held} == {"fail", "dead"}
        assert current(desk) == held[0].task_id


async def test_moves_while_the_newest_rows_are_being_read_are_not_lost(stage: Stage) -> None:
    stage.load(sample(400))
    async with stage.open() as desk:
        await desk.press("G", "k")
        gate = desk.faults.hold("list_tasks")
        read = desk.faults.calls["list_tasks"]
        await desk.pilot.press("g", "j", "j")
        await desk.until(lambda: desk.faults.calls["list_tasks"] > read)
        gate.set()
        await desk.until(lambda: desk.tasks.table.window.at_top)
        await desk.rest()
        assert current(desk) == task_id(2)


async def test_the_cursor_stays_on_its_task_when_newer_rows_come_with_those_asked_for(
    stage: Stage,
) -> None:
    stage.load(sample())
    async with stage.open() as desk:
        gate = desk.faults.hold("list_tasks")
        fresh = stage.load_new(3)
        await desk.pilot.press("g", "j")
        assert current(desk) == task_id(1)
        gate.set()
        await desk.until(lambda: in_view(desk)[:3] == fresh)
        assert current(desk) == task_id(1)


async def test_moves_while_the_oldest_rows_are_being_read_are_not_lost(stage: Stage) -> None:
    stage.load(sample(400))
    async with stage.open() as desk:
        await desk.press("j", "j", "j")
        gate = desk.faults.hold("list_tasks from_end")
        await desk.pilot.press("G", "k", "k")
        await desk.until(lambda: desk.faults.calls["list_tasks from_end"])
        gate.set()
        await desk.until(lambda: desk.tasks.table.window.at_end)
        await desk.rest()
        assert current(desk) == task_id(397)


async def test_a_page_that_could_not_be_read_is_read_later(stage: Stage) -> None:
    stage.load(sample(400))
    async with stage.open() as desk:
        desk.faults.errors["list_tasks after"] = Unavailable("db1 does not answer.")
        table = desk.tasks.table
        while "db1 does not answer" not in desk.text:
            await desk.press("ctrl+d")
        held = len(table.window)
        desk.faults.errors.clear()
        await desk.pass_time(2)
        assert "db1 does not answer" not in desk.text
        await desk.until(lambda: len(table.window) > held)


async def test_marks_survive_polls_and_rows_that_change(stage: Stage) -> None:
    stage.load(sample())
    async with stage.open() as desk:
        await desk.press("space", "space")
        stage.load_new(2)
        stage.change("UPDATE task SET status = 'success' WHERE task_id = ?", task_id(0))
        await desk.pass_time(2)
        marked = [line for line in desk.lines() if "◆" in line]
        assert len(marked) == 2
        assert "✓ success" in marked[0]
        assert task_id(0)[:4] in marked[0]


async def test_marking_all_says_how_many_and_can_be_stopped(stage: Stage) -> None:
    stage.load(sample(2_500))
    async with stage.open() as desk:
        gate = desk.faults.hold("task_refs batch")
        await desk.pilot.press("A")
        await desk.see("marking all that match: 1,000   u stops")
        await desk.press("u")
        gate.set()
        await desk.rest()
        assert not desk.tasks.table.marks
        await desk.press("A")
        assert "2,500 marked" in desk.note
        stage.load_new(1)
        await desk.pass_time(2)
        assert len(desk.tasks.table.marks) == 2_500


async def test_a_task_that_is_gone_is_shown_as_gone(stage: Stage) -> None:
    stage.load(sample())
    async with stage.open() as desk:
        await desk.press("j")
        stage.change("DELETE FROM task_attempt WHERE task_id = ?", task_id(1))
        stage.change("DELETE FROM task WHERE task_id = ?", task_id(1))
        await desk.pass_time(2)
        assert "- gone" in desk.cursor_line
        await desk.press("enter")
        await desk.see("The store no longer has this task.")


async def test_an_open_task_shows_what_comes(stage: Stage) -> None:
    stage.load(sample())
    async with stage.open() as desk:
        await desk.press("j", "j", "j", "enter")
        assert "● running   attempt 1 of 2" in desk.text
        assert "TOOK" in desk.text
        stage.change(
            """INSERT INTO task_attempt (task_id, attempt, status, started_at, finished_at, error)
            SELECT task_id, attempt, 'fail', started_at, started_at + 2000000, 'it broke'
            FROM task_attempt WHERE task_id = ?""",
            task_id(3),
        )
        stage.change("UPDATE task SET status = 'fail' WHERE task_id = ?", task_id(3))
        await desk.pass_time(2)
        assert "↻ retries left   attempt 1 of 2" in desk.text
        assert "ERROR of attempt 1" in desk.text
        assert "2.0s" in desk.cursor_line
