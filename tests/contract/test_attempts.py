"""Attempts as the user means them: the rows of one execution are one."""

from __future__ import annotations

from datetime import timedelta

import pytest

from asynqhub_tui.models import FAIL, RUNNING, SUCCESS, Attempt
from asynqhub_tui.repository import Hub, TaskFilter
from tests.contract.builders import THEN, both_rows, make_attempt, make_task
from tests.contract.engines import Engine

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


async def attempts_of(hub: Hub, rows: list[Attempt]) -> list[Attempt]:
    """Write a task `t1` with these rows and read its attempts."""
    await hub.tasks.upsert_task(make_task())
    for row in rows:
        await hub.tasks.insert_attempt(row)
    return list(await hub.tasks.list_attempts("t1"))


def shape(attempts: list[Attempt]) -> list[tuple[int, str]]:
    """Return the attempts' numbers and statuses, oldest first."""
    return [(attempt.attempt, attempt.status) for attempt in reversed(attempts)]


async def test_an_attempt_is_read_as_it_was_written(hub: Hub) -> None:
    row = make_attempt(
        "t1",
        3,
        FAIL,
        finished_at=THEN + SECOND,
        duration_ms=977,
        error="任务故意失败: map[url:fail-http://x/1]",
        worker_name="host-7",
        asynq_task_id="5f1c",
        trace_id="trace",
        span_id="span",
    )
    assert await attempts_of(hub, [row]) == [row]


async def test_an_unknown_id_has_no_attempts(hub: Hub) -> None:
    assert list(await hub.tasks.list_attempts("t404")) == []


async def test_the_running_row_and_the_final_row_are_one_attempt(hub: Hub) -> None:
    start, end = both_rows("t1", 1, SUCCESS, at=THEN, took=timedelta(milliseconds=1500))
    start = start.model_copy(update={"worker_name": "host-7", "span_id": "span"})
    end = end.model_copy(update={"trace_id": "trace"})
    [attempt] = await attempts_of(hub, [start, end])
    derived = {"worker_name": "host-7", "span_id": "span", "duration_ms": 1500}
    assert attempt == end.model_copy(update=derived)
    assert not attempt.open


async def test_the_order_of_writing_does_not_matter_for_the_outcome(hub: Hub) -> None:
    [attempt] = await attempts_of(hub, both_rows("t1", 1, FAIL, at=THEN, took=SECOND)[::-1])
    assert (attempt.status, attempt.duration_ms) == (FAIL, 1000)


async def test_the_last_final_row_is_the_outcome(hub: Hub) -> None:
    rows = [
        *both_rows("t1", 1, FAIL, at=THEN, took=SECOND, error="first"),
        make_attempt("t1", 1, SUCCESS, duration_ms=7),
    ]
    [attempt] = await attempts_of(hub, rows)
    assert (attempt.status, attempt.error, attempt.duration_ms) == (SUCCESS, None, 7)


async def test_a_missing_final_row_leaves_the_attempt_open(hub: Hub) -> None:
    rows = [make_attempt("t1", 1), *both_rows("t1", 2, SUCCESS, at=THEN + MINUTE, took=SECOND)]
    attempts = await attempts_of(hub, rows)
    assert shape(attempts) == [(1, RUNNING), (2, SUCCESS)]
    assert attempts[1].open
    assert attempts[1].duration_ms is None


async def test_a_final_row_alone_is_an_attempt(hub: Hub) -> None:
    attempts = await attempts_of(hub, [make_attempt("t1", 1, FAIL, finished_at=THEN + MINUTE)])
    assert shape(attempts) == [(1, FAIL)]
    assert attempts[0].duration_ms == 60_000


@pytest.mark.parametrize(
    ("finished_after", "duration_ms", "expected"),
    [
        (timedelta(seconds=2), 1234, 1234),
        (timedelta(microseconds=2_999_999), None, 2999),
        (timedelta(0), None, 0),
        (timedelta(seconds=-3), None, 0),
        (timedelta(days=20), None, 1_728_000_000),
        (None, 88, 88),
        (None, None, None),
    ],
    ids=["given", "derived", "none", "clocks differ", "long", "without end", "unknown"],
)
async def test_durations(
    hub: Hub,
    finished_after: timedelta | None,
    duration_ms: int | None,
    expected: int | None,
) -> None:
    end = None if finished_after is None else THEN + finished_after
    row = make_attempt("t1", 1, SUCCESS, finished_at=end, duration_ms=duration_ms)
    [attempt] = await attempts_of(hub, [make_attempt(), row])
    assert attempt.duration_ms == expected
    assert (await hub.tasks.get_task("t1")).duration_ms == expected


@pytest.mark.parametrize(
    ("numbers", "last"), [((1, 2, 2), 2), ((1, 2, 1), 1)], ids=["run in place", "fresh message"]
)
async def test_attempt_numbers_repeat_after_a_rerun(
    hub: Hub, numbers: tuple[int, ...], last: int
) -> None:
    """The two histories that were seen on a real installation."""
    outcomes = zip(numbers, (FAIL, FAIL, SUCCESS), strict=True)
    rows = [
        row
        for step, (number, status) in enumerate(outcomes)
        for row in both_rows("t1", number, status, at=THEN + step * MINUTE, took=SECOND)
    ]
    attempts = await attempts_of(hub, rows)
    assert shape(attempts) == list(zip(numbers, (FAIL, FAIL, SUCCESS), strict=True))
    newest = (await hub.tasks.get_task("t1")).newest_attempt
    assert newest is not None
    assert (newest.attempt, newest.status) == (last, SUCCESS)


async def test_newest_start_comes_first_whatever_was_written_first(hub: Hub) -> None:
    rows = [make_attempt("t1", n, FAIL, at=THEN + s * MINUTE) for n, s in ((3, 2), (1, 0), (2, 1))]
    attempts = await attempts_of(hub, rows)
    assert [attempt.attempt for attempt in attempts] == [3, 2, 1]


async def test_attempts_that_started_together_go_by_their_number(hub: Hub) -> None:
    attempts = await attempts_of(hub, [make_attempt("t1", n, FAIL) for n in (2, 3, 1)])
    assert [attempt.attempt for attempt in attempts] == [3, 2, 1]
    newest = (await hub.tasks.get_task("t1")).newest_attempt
    assert newest == attempts[0]


async def test_a_task_shows_its_newest_attempt_in_every_answer(hub: Hub) -> None:
    rows = [
        *both_rows("t1", 1, FAIL, at=THEN, took=SECOND, error="older"),
        *both_rows("t1", 2, FAIL, at=THEN + MINUTE, took=2 * SECOND, error="newer"),
    ]
    newest, _ = await attempts_of(hub, rows)
    await hub.tasks.upsert_task(make_task("t2", status=FAIL, last_error="of the row"))
    await hub.tasks.update_task_status("t1", FAIL, 2, "of the row", None)
    one = await hub.tasks.get_task("t1")
    assert one.newest_attempt == newest
    assert (one.error, one.duration_ms) == ("newer", 2000)
    assert (await hub.tasks.get_task("t2")).error == "of the row"
    listed = (await hub.tasks.list_tasks(TaskFilter(task_id="t1"))).tasks
    failed = await hub.tasks.list_failed_tasks()
    changed = (await hub.tasks.changes(["t1"])).tasks
    for answer in (listed, [task for task in failed if task.task_id == "t1"], changed):
        assert [task.newest_attempt for task in answer] == [newest]


async def errors_of(hub: Hub) -> list[tuple[str | None, bool]]:
    """Return the error of `t1`, and whether it is old, as every answer has it."""
    changes = await hub.tasks.changes(["t1"])
    answers = [
        await hub.tasks.get_task("t1"),
        *(await hub.tasks.list_tasks(TaskFilter(task_id="t1"))).tasks,
        *(await hub.tasks.list_failed_tasks()),
        *changes.tasks,
    ]
    return [(task.error, task.error_is_old) for task in answers]


async def test_while_a_rerun_goes_on_the_error_before_it_stands(hub: Hub) -> None:
    rows = [
        *both_rows("t1", 1, FAIL, at=THEN, took=SECOND, error="older"),
        *both_rows("t1", 2, FAIL, at=THEN + MINUTE, took=SECOND, error="newer"),
    ]
    failed, _ = await attempts_of(hub, rows)
    await hub.tasks.update_task_status("t1", FAIL, 2, None, None)
    mark = (await hub.tasks.changes(["t1"])).mark
    start, end = both_rows("t1", 2, SUCCESS, at=THEN + 2 * MINUTE, took=SECOND)
    await hub.tasks.insert_attempt(start)
    assert await errors_of(hub) == [("newer", True)] * 4
    [changed] = (await hub.tasks.changes(["t1"], mark)).tasks
    assert (changed.newest_attempt, changed.failed_attempt) == (start, failed)
    await hub.tasks.insert_attempt(end)
    assert await errors_of(hub) == [(None, False)] * 4
    await hub.tasks.update_task_status("t1", SUCCESS, 2, "of the row", None)
    assert (await hub.tasks.get_task("t1")).error is None


@pytest.mark.parametrize("silent", [1, 3, 4, 7, 30])
async def test_the_error_stands_however_many_attempts_went_silent_since(
    hub: Hub, engine: Engine, silent: int
) -> None:
    rows = both_rows("t1", 1, FAIL, at=THEN, took=SECOND, error="boom")
    rows += [make_attempt("t1", 1, at=THEN + (step + 1) * MINUTE) for step in range(silent)]
    engine.load(tasks=[make_task(status=FAIL)], attempts=rows)
    assert await errors_of(hub) == [("boom", True)] * 4


async def test_the_search_for_an_error_ends(hub: Hub, engine: Engine) -> None:
    rows = both_rows("t1", 1, FAIL, at=THEN, took=SECOND, error="boom")
    rows += [make_attempt("t1", 1, at=THEN + (step + 1) * MINUTE) for step in range(200)]
    engine.load(tasks=[make_task(status=FAIL, last_error="of the row")], attempts=rows)
    assert await errors_of(hub) == [("of the row", False)] * 4


async def test_the_limit_counts_attempts_and_not_rows(hub: Hub, engine: Engine) -> None:
    rows = [
        row
        for number in range(230)
        for row in both_rows("t1", number + 1, FAIL, at=THEN + number * MINUTE, took=SECOND)
    ]
    engine.load(tasks=[make_task()], attempts=rows)
    for limit, expected in (
        (None, 50),
        (0, 50),
        (-1, 50),
        (201, 50),
        (1, 1),
        (3, 3),
        (200, 200),
    ):
        attempts = await hub.tasks.list_attempts("t1", limit)
        assert [attempt.attempt for attempt in attempts] == list(range(230, 230 - expected, -1))
        assert all(attempt.status == FAIL for attempt in attempts)
