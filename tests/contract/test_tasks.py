"""One task at a time: writing, reading, refusing."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta, timezone

import pytest

from asynqhub_tui.models import FAIL, PENDING, SUCCESS, Task
from asynqhub_tui.repository import Hub, NotFound, Refused, TaskFilter
from tests.contract.builders import (
    QUEUE,
    THEN,
    WORKER,
    ago,
    ids,
    make_attempt,
    make_task,
    make_worker,
    without_payload,
)


async def test_a_new_task_is_read_as_it_was_written(hub: Hub) -> None:
    task = make_task(
        "5a69f0",
        priority=3,
        status=FAIL,
        last_attempt=2,
        last_error="no route to host",
        last_worker_name="host-7",
        trace_id="trace",
        updated_at=THEN + timedelta(hours=1, microseconds=1),
        payload='{"a": 1}',
    )
    await hub.tasks.upsert_task(task)
    assert await hub.tasks.get_task("5a69f0") == task


async def test_times_are_kept_to_the_microsecond_in_utc(hub: Hub) -> None:
    kathmandu = timezone(timedelta(hours=5, minutes=45))
    at = datetime(2024, 2, 29, 3, 15, 0, 1, tzinfo=kathmandu)
    await hub.tasks.upsert_task(make_task(at=at))
    read = await hub.tasks.get_task("t1")
    assert read.created_at == at
    assert read.created_at.isoformat() == "2024-02-28T21:30:00.000001+00:00"


async def test_an_update_keeps_the_worker_and_the_creation(hub: Hub) -> None:
    await hub.workers.upsert(make_worker("worker-2"))
    await hub.tasks.upsert_task(make_task(payload='{"n": 1}'))
    changed = make_task(
        at=ago(days=1),
        worker_name="worker-2",
        queue="worker-1:web:critical",
        priority=3,
        payload='{"n": 2}',
        status=SUCCESS,
        last_attempt=4,
        last_error="e",
        last_worker_name="w",
        trace_id="t",
    )
    before = ago(seconds=5)
    await hub.tasks.upsert_task(changed)
    read = await hub.tasks.get_task("t1")
    assert read.worker_name == WORKER
    assert read.created_at == THEN
    assert before < read.updated_at < ago(seconds=-5)
    kept = {"worker_name": WORKER, "created_at": THEN, "updated_at": read.updated_at}
    assert read == changed.model_copy(update=kept)


async def test_an_update_may_name_a_worker_that_is_unknown(hub: Hub) -> None:
    await hub.tasks.upsert_task(make_task())
    await hub.tasks.upsert_task(make_task(worker_name="gone", status=SUCCESS))
    read = await hub.tasks.get_task("t1")
    assert (read.worker_name, read.status) == (WORKER, SUCCESS)


async def test_the_newest_attempt_of_a_written_task_is_ignored(hub: Hub) -> None:
    await hub.tasks.upsert_task(make_task(newest_attempt=make_attempt()))
    assert (await hub.tasks.get_task("t1")).newest_attempt is None
    assert list(await hub.tasks.list_attempts("t1")) == []


@pytest.mark.parametrize(
    ("task", "said"),
    [
        (make_task(""), "id"),
        (make_task(payload=None), "payload"),
        (make_task(worker_name="nobody"), "nobody"),
    ],
    ids=["no id", "no payload", "unknown worker"],
)
async def test_a_task_that_cannot_be_is_refused(hub: Hub, task: Task, said: str) -> None:
    with pytest.raises(Refused, match=said):
        await hub.tasks.upsert_task(task)
    assert (await hub.tasks.list_tasks(TaskFilter())).tasks == ()


async def test_an_unknown_id_is_not_found(hub: Hub) -> None:
    await hub.tasks.upsert_task(make_task("known"))
    for wrong in ("unknown", "know", "KNOWN", "", "known'--"):
        with pytest.raises(NotFound):
            await hub.tasks.get_task(wrong)


async def test_a_status_is_set_with_its_circumstances(hub: Hub) -> None:
    await hub.tasks.upsert_task(make_task(payload='{"kept": true}'))
    await hub.tasks.upsert_task(make_task("t2"))
    before = ago(seconds=5)
    await hub.tasks.update_task_status("t1", FAIL, 3, "boom", "host-1")
    read = await hub.tasks.get_task("t1")
    assert before < read.updated_at < ago(seconds=-5)
    expected = {
        "status": FAIL,
        "last_attempt": 3,
        "last_error": "boom",
        "last_worker_name": "host-1",
        "updated_at": read.updated_at,
    }
    assert read == make_task(payload='{"kept": true}').model_copy(update=expected)
    assert await hub.tasks.get_task("t2") == make_task("t2")


async def test_a_status_may_come_without_an_error(hub: Hub) -> None:
    await hub.tasks.upsert_task(make_task(last_error="old", last_worker_name="old"))
    await hub.tasks.update_task_status("t1", SUCCESS, 1, None, None)
    read = await hub.tasks.get_task("t1")
    assert (read.last_error, read.last_worker_name) == (None, None)


async def test_the_status_of_an_unknown_task_changes_nothing(hub: Hub) -> None:
    await hub.tasks.upsert_task(make_task())
    await hub.tasks.update_task_status("t", FAIL, 1, None, None)
    assert await hub.tasks.get_task("t1") == make_task()


async def test_an_attempt_of_an_unknown_task_is_refused(hub: Hub) -> None:
    with pytest.raises(Refused, match="t404"):
        await hub.tasks.insert_attempt(make_attempt("t404"))


async def test_an_empty_text_is_the_same_as_none(hub: Hub) -> None:
    empty = {"last_error": "", "last_worker_name": "", "trace_id": ""}
    await hub.tasks.upsert_task(make_task().model_copy(update=empty))
    await hub.tasks.upsert_task(make_task("t2"))
    texts = {"error": "", "worker_name": "", "asynq_task_id": "", "trace_id": "", "span_id": ""}
    await hub.tasks.insert_attempt(make_attempt().model_copy(update=texts))
    read = await hub.tasks.get_task("t1")
    assert read.model_copy(update={"newest_attempt": None}) == make_task()
    assert read.newest_attempt == make_attempt()
    await hub.tasks.update_task_status("t2", PENDING, 0, "", "")
    assert (await hub.tasks.get_task("t2")).last_error is None


async def test_two_upserts_at_once_leave_one_task(hub: Hub) -> None:
    await asyncio.gather(
        *(hub.tasks.upsert_task(make_task(last_attempt=number)) for number in range(8))
    )
    page = await hub.tasks.list_tasks(TaskFilter())
    assert ids(page.tasks) == ["t1"]
    assert page.tasks[0].last_attempt in range(8)


async def test_reads_and_writes_go_on_at_the_same_time(hub: Hub) -> None:
    await asyncio.gather(
        *(hub.tasks.upsert_task(make_task(f"t{number}")) for number in range(10)),
        *(hub.tasks.list_tasks(TaskFilter()) for _ in range(10)),
        *(hub.tasks.status_counts() for _ in range(5)),
    )
    assert len((await hub.tasks.list_tasks(TaskFilter())).tasks) == 10


@pytest.mark.parametrize("status", ["archived", "", "Ünknown", "[red]x[/]", "a\x1b[31m"])
async def test_an_unknown_status_is_a_status(hub: Hub, status: str) -> None:
    await hub.tasks.upsert_task(make_task(status=status))
    await hub.tasks.insert_attempt(make_attempt(status=status or "odd"))
    page = await hub.tasks.list_tasks(TaskFilter())
    assert page.tasks[0].status == status
    counts = await hub.tasks.status_counts()
    assert counts.by_status[status].value == 1
    stats = await hub.tasks.get_worker_stats(WORKER)
    assert (stats.total_tasks, stats.success_tasks, stats.failed_tasks) == (1, 0, 0)
    assert stats.queues[0].total == 1
    if status:
        found = await hub.tasks.list_tasks(TaskFilter(statuses=(status,)))
        assert ids(found.tasks) == ["t1"]


async def test_a_list_gives_the_same_rows_without_payloads(hub: Hub) -> None:
    tasks = [make_task("t1", payload='{"n": 1}'), make_task("t2", queue=QUEUE + "x", priority=1)]
    for task in tasks:
        await hub.tasks.upsert_task(task)
    await hub.tasks.insert_attempt(make_attempt("t1"))
    listed = {task.task_id: task for task in (await hub.tasks.list_tasks(TaskFilter())).tasks}
    assert listed["t1"] == without_payload(await hub.tasks.get_task("t1"))
    assert listed["t2"] == without_payload(tasks[1])
