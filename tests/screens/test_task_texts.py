"""What the list, its preview and the task screen say of a task: one thing by one name."""

from __future__ import annotations

import json

import pytest

from asynqhub_tui.models import SUCCESS
from asynqhub_tui.screens.tasks import DETAIL_DELAY
from tests.contract.builders import make_attempt, make_worker
from tests.screens.sample import Rows, before, fleet, huge, one_task, rerun, sample
from tests.screens.stage import Desk, Stage

WIDE = (200, 60)


async def look_at_preview(desk: Desk) -> None:
    """Let the preview be read, which comes after the list."""
    desk.poller.refresh()
    await desk.rest()
    await desk.see("PAYLOAD")


async def test_while_a_rerun_goes_on_its_last_error_is_shown_as_an_old_one(stage: Stage) -> None:
    stage.load(rerun())
    async with stage.open(WIDE) as desk:
        await look_at_preview(desk)
        assert "● running" in desk.cursor_line
        assert "was: panic error cause by: runtime error" in desk.cursor_line
        assert desk.line("ERROR of attempt 2, started 13:58:11")
        await desk.press("enter")
        assert desk.line("ERROR of attempt 2, started 13:58:11")
        assert desk.line("panic error cause by: runtime error: index out of range [3] with length")
        await desk.press("k")
        assert "ERROR of attempt 2, started" not in desk.text
        assert desk.line("ERROR of attempt 2")
        await desk.press("k")
        assert "! no report" in desk.cursor_line
        assert desk.line("ERROR of attempt 2, started 13:54:11")


async def test_a_task_that_has_succeeded_shows_no_old_error(stage: Stage) -> None:
    rows = rerun()
    end = before(seconds=20)
    [task], start = rows.tasks, before(seconds=40)
    done = make_attempt(task.task_id, 2, SUCCESS, at=start, finished_at=end)
    succeeded = task.model_copy(update={"status": SUCCESS, "updated_at": end})
    stage.load(Rows(rows.workers, [succeeded], [*rows.attempts, done]))
    async with stage.open(WIDE) as desk:
        await look_at_preview(desk)
        assert "✓ success" in desk.cursor_line
        assert "panic error" not in desk.text
        await desk.press("enter")
        assert "ERROR of" not in desk.text


async def test_an_attempt_without_a_report_has_one_name(stage: Stage) -> None:
    task = one_task()
    stage.load(Rows(fleet(), [task], [make_attempt(task.task_id, at=before(minutes=9))]))
    async with stage.open(WIDE) as desk:
        await look_at_preview(desk)
        assert desk.line(" 1 ! no report      -")
        await desk.press("enter")
        assert desk.line(" 1 ! no report      -")


async def test_the_preview_is_read_again_only_when_the_task_has_changed(stage: Stage) -> None:
    stage.load(rerun())
    async with stage.open(WIDE) as desk:
        await look_at_preview(desk)
        await desk.pilot.pause(DETAIL_DELAY * 1.5)  # asked anew once the cursor has come to rest
        read = desk.faults.calls["get_task"]
        for _ in range(3):
            await desk.pass_time(2)
        assert desk.faults.calls["get_task"] == read
        stage.change("UPDATE task SET status = 'dead', updated_at = updated_at + 1")
        stage.change("DELETE FROM task_attempt WHERE finished_at IS NULL")
        await desk.pass_time(2)
        await desk.pass_time(2)
        assert desk.faults.calls["get_task"] == read + 1
        assert desk.line("† dead  5a698b4a")


async def test_the_preview_of_a_large_payload_is_its_beginning(stage: Stage) -> None:
    stage.load(huge())
    async with stage.open(WIDE) as desk:
        await look_at_preview(desk)
        assert desk.line("PAYLOAD  1,803,914 B")
        assert desk.line("… 5,000 characters")
        assert desk.line('"n": 0,')


async def test_of_many_attempts_the_preview_shows_the_newest(stage: Stage) -> None:
    task = one_task(status="dead", last_attempt=9)
    attempts = [
        make_attempt(task.task_id, number, "fail", at=before(minutes=10 - number))
        for number in range(1, 10)
    ]
    stage.load(Rows(fleet(), [task], attempts))
    async with stage.open(WIDE) as desk:
        await look_at_preview(desk)
        assert desk.line("ATTEMPTS, the newest 8")
        assert desk.line(" 2 ✗ fail")
        assert " 1 ✗ fail" not in desk.text


async def test_a_long_worker_s_name_leaves_room_for_the_queue(stage: Stage) -> None:
    name = "worker-" + "long-" * 30
    task = one_task(worker_name=name, queue=f"{name}:web:low")
    stage.load(Rows([make_worker(name)], [task]))
    async with stage.open((80, 24)) as desk:
        await desk.press("enter")
        assert desk.line("queue worker-long").endswith("-:web:low")


async def test_a_long_string_is_read_whole(stage: Stage) -> None:
    text = "".join(f"{number:03} " for number in range(300))
    stage.load(Rows(fleet(), [one_task(payload=json.dumps({"text": text}))]))
    async with stage.open((80, 60)) as desk:
        await desk.press("enter", "tab", "j")
        assert "… 1,200 characters" in desk.cursor_line
        await desk.press("enter")
        top = desk.task.payload.region.y
        shown = "".join(line[2:].strip("▌").strip() for line in desk.lines()[top + 1 : -2])
        assert "".join(text.split()) in "".join(shown.split())
        await desk.press("j", "j", "enter")
        assert "… 1,200 characters" in desk.cursor_line


@pytest.mark.parametrize("size", [(120, 40), WIDE])
async def test_a_long_queue_name_keeps_its_priority(stage: Stage, size: tuple[int, int]) -> None:
    group = "image_generation_high_resolution"
    mine = one_task(queue=f"worker-1:{group}:critical")
    other = one_task(queue=f"elsewhere:{group}:low").model_copy(update={"task_id": "other"})
    stage.load(Rows(fleet(), [mine, other]))
    async with stage.open(size) as desk:
        assert "ution critical" in desk.line("  5a698")
        assert "ution low" in desk.line("▌  ○ pending      other")


async def test_the_name_of_a_queue_on_a_narrow_task_screen_keeps_its_end(stage: Stage) -> None:
    stage.load(Rows(fleet(), [one_task(queue=f"worker-1:{'long_' * 20}:critical")]))
    async with stage.open((80, 24)) as desk:
        await desk.press("enter")
        assert desk.line("queue worker-1:long_").endswith("_:critical")


async def test_sentences_name_the_user_s_own_keys(stage: Stage) -> None:
    own = {
        "go.tasks": "f1",
        "tasks.open": "o",
        "tasks.retry": "f2",
        "tasks.copy": "f3",
        "tasks.unmark": "f4",
        "tasks.mark_range": "f5",
        "tasks.mark_all": "f6",
        "task.retry": "f7",
        "task.replay": "f8",
        "move.top": "f9",
        "program.back": "f10",
    }
    stage.load(sample())
    async with stage.open(keys=own) as desk:
        await desk.press("2")
        assert desk.line("no task was opened yet: f1 shows the list, o opens one")
        await desk.press("f1", "space")
        assert desk.note == "1 marked   f2 retry marked   f3 copy its id   f4 unmark"
        await desk.press("f5")
        assert desk.note == "marking a range   move, f5 ends it, f10 leaves it"
        await desk.press("f10", "G")
        stage.load_new(1)
        await desk.pass_time(2)
        assert "new, f9" in desk.text
        await desk.press("f9", "j", "o", "f8")
        assert desk.note == "this task has failed: f7 retries it"


async def test_one_is_singular(stage: Stage) -> None:
    stage.load(Rows(fleet(), [one_task(payload='{"a": {"b": 1}}')]))
    async with stage.open() as desk:
        assert desk.line(" 1 task  by creation")
        await desk.press("space", "y")
        assert desk.line("id of the marked task")
        await desk.press("escape", "u", "enter", "tab", "j", "enter")
        assert desk.line('"a": { … 1 line }')
