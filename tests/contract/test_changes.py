"""What a poll brings for the tasks on the screen."""

from __future__ import annotations

from datetime import timedelta

from asynqhub_tui.models import FAIL, PENDING, RUNNING, SUCCESS, Task
from asynqhub_tui.repository import Changes, Hub
from tests.contract.builders import ago, both_rows, make_attempt, make_task, numbered
from tests.contract.engines import Engine

SHOWN = ["t0003", "t0001", "t0002"]


def by_id(changes: Changes) -> dict[str, Task]:
    """Return the tasks of an answer by their id."""
    assert len({task.task_id for task in changes.tasks}) == len(changes.tasks)
    return {task.task_id: task for task in changes.tasks}


async def test_the_first_poll_brings_every_task_that_is_shown(hub: Hub, engine: Engine) -> None:
    tasks = numbered(6)
    engine.load(tasks=tasks)
    changes = await hub.tasks.changes(SHOWN)
    expected = {task.task_id: task.model_copy(update={"payload": None}) for task in tasks}
    assert by_id(changes) == {one: expected[one] for one in SHOWN}
    assert changes.missing == frozenset()


async def test_without_tasks_on_the_screen_nothing_comes(hub: Hub, engine: Engine) -> None:
    engine.load(tasks=numbered(2))
    changes = await hub.tasks.changes([])
    assert (changes.tasks, changes.missing) == ((), frozenset())
    changes = await hub.tasks.changes([], changes.mark)
    assert (changes.tasks, changes.missing) == ((), frozenset())


async def test_when_nothing_changed_no_task_looks_different(hub: Hub, engine: Engine) -> None:
    engine.load(tasks=numbered(6), attempts=[make_attempt("t0001")])
    first = await hub.tasks.changes(SHOWN)
    mark = first.mark
    for _ in range(3):
        again = await hub.tasks.changes(SHOWN, mark)
        mark = again.mark
        assert by_id(again).items() <= by_id(first).items()
        assert again.missing == frozenset()


async def test_a_changed_row_comes(hub: Hub, engine: Engine) -> None:
    engine.load(tasks=numbered(6))
    mark = (await hub.tasks.changes(SHOWN)).mark
    await hub.tasks.update_task_status("t0001", FAIL, 2, "boom", None)
    await hub.tasks.update_task_status("t0005", FAIL, 2, "boom", None)
    changes = await hub.tasks.changes(SHOWN, mark)
    task = by_id(changes)["t0001"]
    assert (task.status, task.last_attempt, task.error, task.payload) == (FAIL, 2, "boom", None)
    assert set(by_id(changes)) <= set(SHOWN)
    await hub.tasks.update_task_status("t0001", SUCCESS, 3, None, None)
    again = by_id(await hub.tasks.changes(SHOWN, changes.mark))
    assert again["t0001"].status == SUCCESS


async def test_a_replaced_row_comes(hub: Hub, engine: Engine) -> None:
    engine.load(tasks=numbered(4))
    mark = (await hub.tasks.changes(SHOWN)).mark
    await hub.tasks.upsert_task(make_task("t0002", priority=3))
    assert by_id(await hub.tasks.changes(SHOWN, mark))["t0002"].priority == 3


async def test_an_attempt_that_started_comes_though_the_row_is_the_same(
    hub: Hub, engine: Engine
) -> None:
    engine.load(tasks=numbered(6))
    mark = (await hub.tasks.changes(SHOWN)).mark
    start = ago(seconds=1)
    await hub.tasks.insert_attempt(make_attempt("t0002", at=start))
    changes = await hub.tasks.changes(SHOWN, mark)
    task = by_id(changes)["t0002"]
    assert task.status == PENDING
    assert task.newest_attempt == make_attempt("t0002", at=start)
    assert task.state(ago(seconds=0), timedelta(seconds=30)) == RUNNING


async def test_an_attempt_that_ended_comes_though_the_row_is_the_same(
    hub: Hub, engine: Engine
) -> None:
    start, end = both_rows(
        "t0002", 1, FAIL, at=ago(minutes=1), took=timedelta(seconds=2), error="no route"
    )
    engine.load(tasks=numbered(6), attempts=[start])
    mark = (await hub.tasks.changes(SHOWN)).mark
    await hub.tasks.insert_attempt(end)
    task = by_id(await hub.tasks.changes(SHOWN, mark))["t0002"]
    assert task.newest_attempt is not None
    assert (task.newest_attempt.status, task.error, task.duration_ms) == (FAIL, "no route", 2000)


async def test_a_task_that_comes_into_view_later_is_there(hub: Hub, engine: Engine) -> None:
    """Scrolling changes what is shown; the mark of the poll before does not hide it."""
    engine.load(tasks=numbered(6))
    mark = (await hub.tasks.changes(["t0001"])).mark
    await hub.tasks.update_task_status("t0004", FAIL, 1, "boom", None)
    changes = await hub.tasks.changes(["t0004"], mark)
    assert by_id(changes)["t0004"].status == FAIL


async def test_a_deleted_task_is_missing(hub: Hub, engine: Engine) -> None:
    engine.load(tasks=numbered(3), attempts=[make_attempt("t0001")])
    mark = (await hub.tasks.changes(["t0000", "t0001", "never"])).mark
    async for _ in hub.tasks.purge_worker("worker-1"):
        pass
    changes = await hub.tasks.changes(["t0000", "t0001", "never"], mark)
    assert changes.missing == {"t0000", "t0001", "never"}
    assert changes.tasks == ()
