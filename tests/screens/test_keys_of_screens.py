"""Each key of a screen's own does what the help says."""

from __future__ import annotations

from asynqhub_tui.keys import TASK, TASKS, WORKERS, Key
from asynqhub_tui.screens.delete_worker import DeleteWorkerScreen
from asynqhub_tui.widgets.menu import Menu
from tests.screens.effects import Effect, cases, check
from tests.screens.sample import task_id
from tests.screens.stage import Desk, Stage


def marks(desk: Desk) -> int:
    """How many rows on the screen carry the sign of a mark."""
    return sum("◆" in line for line in desk.lines())


def menu_is_open(desk: Desk) -> bool:
    return desk.app.screen.query_one(Menu).is_open


async def open_task(desk: Desk, key: str) -> None:
    await desk.press("j", key)
    assert f"task {task_id(1)}" in desk.text


async def say_what_retry_needs(desk: Desk, key: str) -> None:
    await desk.press(key)
    assert "set REDIS_ADDR, or start with --redis" in desk.note


async def replay_in_the_list(desk: Desk, key: str) -> None:
    await desk.press(key)
    assert "this task has failed: r retries it" in desk.note
    await desk.press("j")
    await say_what_retry_needs(desk, key)


async def mark(desk: Desk, key: str) -> None:
    await desk.press(key)
    assert marks(desk) == 1
    assert desk.tasks.table.cursor == 1
    assert "1 marked" in desk.note
    await desk.press("k", key)
    assert marks(desk) == 0


async def mark_range(desk: Desk, key: str) -> None:
    await desk.press("j", key, "j", "j")
    assert marks(desk) == 3
    assert "marking a range" in desk.note
    await desk.press(key)
    assert "3 marked" in desk.note
    assert list(desk.tasks.table.marks) == [task_id(1), task_id(2), task_id(3)]
    await desk.press("j", key, "j", "escape")
    assert "3 marked" in desk.note


async def mark_all(desk: Desk, key: str) -> None:
    await desk.press("s", key)
    assert "16 marked" in desk.note
    assert marks(desk) == 16


async def unmark(desk: Desk, key: str) -> None:
    await desk.press("space", "v", key)
    assert marks(desk) == 0
    assert desk.note == ""


async def type_filter(desk: Desk, key: str) -> None:
    await desk.press(key)
    await desk.type("status:dead")
    await desk.press("enter")
    assert "8 of 64" in desk.line(" / status:dead")


async def next_status(desk: Desk, key: str) -> None:
    for words in ("failed", "pending", "running", "overdue", "success", "dead"):
        await desk.press(key)
        assert desk.line(f" / status:{words}")
    await desk.press(key)
    assert "all tasks" in desk.text


async def choose_worker(desk: Desk, key: str) -> None:
    await desk.press(key)
    assert "Tasks of which worker?" in desk.text
    await desk.press("j", "enter")
    assert not menu_is_open(desk)
    assert "24 of 64" in desk.line(" / worker:ai-worker")
    await desk.press(key, "0")
    assert "all tasks" in desk.text


async def copy(desk: Desk, key: str) -> None:
    await desk.press(key)
    assert menu_is_open(desk)
    assert "task id" in desk.text
    await desk.press("escape")
    assert not menu_is_open(desk)


TASKS_EFFECTS: dict[str, Effect] = {
    "tasks.open": open_task,
    "tasks.retry": say_what_retry_needs,
    "tasks.retry_all": say_what_retry_needs,
    "tasks.replay": replay_in_the_list,
    "tasks.mark": mark,
    "tasks.mark_range": mark_range,
    "tasks.mark_all": mark_all,
    "tasks.unmark": unmark,
    "tasks.filter": type_filter,
    "tasks.status": next_status,
    "tasks.worker": choose_worker,
    "tasks.copy": copy,
}


@cases(TASKS, TASKS_EFFECTS)
async def test_key_of_the_task_list(stage: Stage, key: Key, effect: Effect) -> None:
    await check(stage, key, effect)


async def fold(desk: Desk, key: str) -> None:
    assert '"url"' in desk.text
    await desk.press(key)
    assert desk.cursor_line.endswith("{")
    await desk.press(key)
    assert "{ … 2 lines }" in desk.cursor_line
    assert '"url"' not in desk.text
    await desk.press(key)
    assert '"url"' in desk.text


async def replay(desk: Desk, key: str) -> None:
    await desk.press(key)
    assert "this task has failed: r retries it" in desk.note
    await desk.press("escape", "j", "j", "enter", key)
    assert "has not succeeded yet" in desk.note
    await desk.press("escape", "k", "enter")
    await say_what_retry_needs(desk, key)


TASK_EFFECTS: dict[str, Effect] = {
    "task.fold": fold,
    "task.retry": say_what_retry_needs,
    "task.replay": replay,
    "task.copy": copy,
}


@cases(TASK, TASK_EFFECTS)
async def test_key_of_a_task(stage: Stage, key: Key, effect: Effect) -> None:
    await check(stage, key, effect, "enter")


async def its_tasks(desk: Desk, key: str) -> None:
    await desk.press("G", key)
    assert desk.line(" / worker:worker-1")


async def window(desk: Desk, key: str) -> None:
    for words in ("the last 24 h", "the last 7 d", "all time", "the last hour"):
        await desk.press(key)
        assert f"tasks of {words}" in desk.text
        assert desk.workers.window == desk.workers._stats["ai-worker"].window


async def enable(desk: Desk, key: str) -> None:
    assert "disabled" not in desk.cursor_line
    await desk.press(key)
    assert "Disable worker ai-worker?" in desk.text
    await desk.press("n")
    assert "disabled" not in desk.cursor_line
    await desk.press(key, "y")
    assert desk.note == "The worker ai-worker is disabled."
    assert "disabled" in desk.cursor_line
    await desk.press(key, "y")
    assert desk.note == "The worker ai-worker is enabled."
    assert "disabled" not in desk.cursor_line


async def delete(desk: Desk, key: str) -> None:
    await desk.press("j", key)
    await desk.see("Delete worker mail-worker", "Type its name to delete it")
    await desk.type("mail-worker")
    await desk.press("enter")
    await desk.see("The worker mail-worker is deleted.")
    await desk.press("enter")
    assert not isinstance(desk.app.screen, DeleteWorkerScreen)
    assert "mail-worker" not in desk.text


async def copy_of_worker(desk: Desk, key: str) -> None:
    await desk.press(key)
    assert menu_is_open(desk)
    assert "configuration as JSON" in desk.text


WORKERS_EFFECTS: dict[str, Effect] = {
    "workers.open": its_tasks,
    "workers.window": window,
    "workers.enable": enable,
    "workers.delete": delete,
    "workers.copy": copy_of_worker,
}


@cases(WORKERS, WORKERS_EFFECTS)
async def test_key_of_the_workers(stage: Stage, key: Key, effect: Effect) -> None:
    await check(stage, key, effect, "3")
