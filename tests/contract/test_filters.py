"""What a filter finds."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace
from datetime import timedelta

from asynqhub_tui.models import (
    DEAD,
    FAIL,
    NO_TIMEOUT,
    OVERDUE,
    PENDING,
    RUNNING,
    STATUSES,
    SUCCESS,
    Task,
)
from asynqhub_tui.repository import Hub, Order, TaskFilter
from tests.contract.builders import THEN, ago, both_rows, ids, make_attempt, make_task, make_worker
from tests.contract.engines import Engine

MINUTE = timedelta(minutes=1)


async def found(hub: Hub, filter: TaskFilter) -> set[str]:
    """Return the ids that every answer about `filter` agrees on."""
    listed = ids((await hub.tasks.list_tasks(filter, limit=200)).tasks)
    other = await hub.tasks.list_tasks(filter, limit=200, order=Order.UPDATED)
    refs = [ref.task_id async for batch in hub.tasks.task_refs(filter) for ref in batch]
    assert len(listed) == len(set(listed))
    assert set(ids(other.tasks)) == set(listed)
    assert sorted(refs) == sorted(listed)
    assert (await hub.tasks.count_tasks(filter, cap=1000)).value == len(listed)
    return set(listed)


async def test_combinations_find_what_their_parts_say(hub: Hub, engine: Engine) -> None:
    draw = random.Random(3)
    workers = ["worker-1", "worker-2"]
    tasks = [
        make_task(
            f"{draw.choice('ab')}{draw.choice('0-A')}{index:03}",
            worker_name=(owner := draw.choice(workers)),
            queue=f"{owner}:{draw.choice(['web', 'mail'])}:{draw.choice(['low', 'default'])}",
            status=draw.choice(STATUSES[2:]),
            at=THEN + timedelta(minutes=draw.randrange(60)),
            updated_at=THEN + timedelta(minutes=60 + draw.randrange(60)),
        )
        for index in range(180)
    ]
    engine.load([make_worker("worker-2", ["web", "mail"])], tasks)
    choices = itertools.product(
        (None, "worker-2"),
        ((), (FAIL,), (FAIL, DEAD)),
        (None, "worker-1:web:low", "worker-2:mail:default", "mail"),
        (None, "a", "b-"),
        (None, THEN + timedelta(minutes=30)),
    )
    for worker, statuses, queue, prefix, since in draw.sample(list(choices), 35):
        expected = {
            task.task_id
            for task in tasks
            if (worker is None or task.worker_name == worker)
            and (not statuses or task.status in statuses)
            and (queue is None or _in_queue(task, queue))
            and (prefix is None or task.task_id.startswith(prefix))
            and (since is None or task.created_at >= since)
        }
        filter = TaskFilter(worker, statuses, queue, prefix, since)
        page = await hub.tasks.list_tasks(filter, limit=200)
        assert sorted(ids(page.tasks)) == sorted(expected), filter
        assert (await hub.tasks.count_tasks(filter)).value == len(expected), filter


def _in_queue(task: Task, queue: str) -> bool:
    # Only worker-2 has a group `mail`; what worker-1 has in such a queue is not of that group.
    if queue == "mail":
        return task.worker_name == "worker-2" and ":mail:" in task.queue
    return task.queue == queue


async def test_one_or_several_statuses(hub: Hub, engine: Engine) -> None:
    engine.load(
        tasks=[make_task(status, status=status) for status in (PENDING, SUCCESS, FAIL, DEAD)]
    )
    assert await found(hub, TaskFilter(statuses=(FAIL,))) == {FAIL}
    assert await found(hub, TaskFilter(statuses=(FAIL, DEAD))) == {FAIL, DEAD}
    assert await found(hub, TaskFilter(statuses=("archived",))) == set()
    assert await found(hub, TaskFilter()) == {PENDING, SUCCESS, FAIL, DEAD}


async def test_a_full_queue_name_is_exact(hub: Hub, engine: Engine) -> None:
    queues = ["worker-1:web:low", "worker-1:web:lower", "worker-1:web", "web"]
    engine.load(tasks=[make_task(queue, queue=queue) for queue in queues])
    assert await found(hub, TaskFilter(queue="worker-1:web:low")) == {"worker-1:web:low"}
    assert await found(hub, TaskFilter(queue="worker-1:web")) == {"worker-1:web"}


async def test_a_queue_group_stands_for_its_queues(hub: Hub, engine: Engine) -> None:
    engine.load(
        [make_worker("worker-2", ["web", "mail"]), make_worker("worker-3", ["mail"])],
        [
            make_task("a", queue="worker-1:web:low"),
            make_task("b", queue="worker-1:web:critical"),
            make_task("c", queue="worker-2:web:default", worker_name="worker-2"),
            make_task("d", queue="worker-2:mail:default", worker_name="worker-2"),
            make_task("e", queue="worker-3:web:default", worker_name="worker-3"),
            make_task("f", queue="worker-1:web:urgent"),
            make_task("g", queue="web"),
        ],
    )
    assert await found(hub, TaskFilter(queue="web")) == {"a", "b", "c"}
    assert await found(hub, TaskFilter(queue="mail")) == {"d"}
    assert await found(hub, TaskFilter(queue="web", worker_name="worker-2")) == {"c"}
    assert await found(hub, TaskFilter(queue="web", worker_name="nobody")) == set()


async def test_what_is_no_group_is_a_queue(hub: Hub, engine: Engine) -> None:
    engine.load(tasks=[make_task("a", queue="legacy"), make_task("b", queue="legacy2")])
    assert await found(hub, TaskFilter(queue="legacy")) == {"a"}
    assert await found(hub, TaskFilter(queue="nothing")) == set()


async def test_an_id_or_the_beginning_of_one(hub: Hub, engine: Engine) -> None:
    names = ["5a69", "5a69f0", "5A69", "5a-69", "5a-69-b", "5a7", "5", "z", "zz", "~", "Z-1", "_"]
    engine.load(tasks=[make_task(name) for name in names])
    for prefix in (*names, "5a", "5A", "5a-", "Z", "Z-", "~~", "5a69f0f", "-", "a"):
        expected = {name for name in names if name.startswith(prefix)}
        assert await found(hub, TaskFilter(task_id=prefix)) == expected, prefix


async def test_since_is_the_earliest_creation(hub: Hub, engine: Engine) -> None:
    engine.load(
        tasks=[make_task(f"t{n}", at=THEN + n * MINUTE, updated_at=ago(hours=1)) for n in range(3)]
    )
    assert await found(hub, TaskFilter(since=THEN + MINUTE)) == {"t1", "t2"}
    after = THEN + MINUTE + timedelta(microseconds=1)
    assert await found(hub, TaskFilter(since=after)) == {"t2"}
    assert await found(hub, TaskFilter(since=ago(minutes=1))) == set()


async def test_no_character_means_anything_to_the_store(hub: Hub, engine: Engine) -> None:
    wildcards = ["%", "_", "%%", "*", "?"]
    odd_ones = [*wildcards, "'", '"', "\\", "a'b--", "é", "\x1b[0m"]
    names = {odd: f"x{odd}y" for odd in odd_ones}
    engine.load(
        [*(make_worker(name, [odd]) for odd, name in names.items()), make_worker("xay", ["a"])],
        [
            *(
                make_task(name, worker_name=name, queue=f"{name}:{odd}:low", status=name)
                for odd, name in names.items()
            ),
            make_task("xay", worker_name="xay", queue="xay:a:low", status="xay"),
            make_task("xaay", worker_name="xay", queue="xay:aa:low", status="xaay"),
        ],
    )
    everything = TaskFilter()
    for odd, name in names.items():
        filters = [
            replace(everything, queue=odd),
            replace(everything, queue=f"{name}:{odd}:low"),
            TaskFilter(name, (name,), odd, name, THEN),
        ]
        if odd in wildcards:  # alone: where several parts hold, one that is too wide does not show
            filters += [
                replace(everything, worker_name=name),
                replace(everything, statuses=(name,)),
                replace(everything, task_id=name),
            ]
        for filter in filters:
            assert ids((await hub.tasks.list_tasks(filter)).tasks) == [name], filter
            assert (await hub.tasks.count_tasks(filter)).value == 1, filter
        beginning = f"x{odd}"
        expected = {one for one in names.values() if one.startswith(beginning)}
        assert await found(hub, replace(everything, task_id=beginning)) == expected


async def test_running_and_overdue_go_by_the_newest_attempt(hub: Hub, engine: Engine) -> None:
    """Each worker's own timeout decides, and asynq's where a worker sets none."""
    workers = [
        make_worker("slow", default_timeout=3600),
        make_worker("none", default_timeout=0),
        make_worker("fast", default_timeout=30),
    ]
    by_name = {worker.worker_name: worker for worker in workers}
    starts = {
        "slow-running": ("slow", ago(minutes=50)),
        "slow-overdue": ("slow", ago(minutes=70)),
        "none-running": ("none", ago(minutes=20)),
        "none-overdue": ("none", ago(minutes=40)),
        "fast-running": ("fast", ago(seconds=0)),
        "fast-overdue": ("fast", ago(minutes=5)),
    }
    tasks = [
        make_task(task_id, worker_name=worker, at=ago(hours=2))
        for task_id, (worker, _) in starts.items()
    ]
    attempts = [make_attempt(task_id, at=at) for task_id, (_, at) in starts.items()]
    engine.load(workers, tasks, attempts)
    assert by_name["none"].timeout == NO_TIMEOUT
    running = {"slow-running", "none-running", "fast-running"}
    overdue = {"slow-overdue", "none-overdue", "fast-overdue"}
    assert await found(hub, TaskFilter(statuses=(RUNNING,))) == running
    assert await found(hub, TaskFilter(statuses=(OVERDUE,))) == overdue
    assert await found(hub, TaskFilter(statuses=(RUNNING, OVERDUE))) == running | overdue
    assert await found(hub, TaskFilter(statuses=(PENDING,))) == running | overdue
    only = TaskFilter(worker_name="slow", statuses=(OVERDUE,))
    assert await found(hub, only) == {"slow-overdue"}


async def test_a_report_may_be_a_little_late(hub: Hub, engine: Engine) -> None:
    """Past its timeout, an open attempt still counts as running for ten seconds."""
    engine.load(
        [make_worker("slow", default_timeout=600)],
        [make_task("late", worker_name="slow"), make_task("too-late", worker_name="slow")],
        [make_attempt("late", at=ago(seconds=601)), make_attempt("too-late", at=ago(seconds=611))],
    )
    assert await found(hub, TaskFilter(statuses=(RUNNING,))) == {"late"}
    assert await found(hub, TaskFilter(statuses=(OVERDUE,))) == {"too-late"}
    counts = await hub.tasks.status_counts()
    stats = await hub.tasks.get_worker_stats("slow")
    assert (counts.running.value, counts.overdue.value) == (1, 1)
    assert (stats.running_tasks, stats.overdue_tasks) == (1, 1)


async def test_what_counts_as_open(hub: Hub, engine: Engine) -> None:
    start, before = ago(seconds=1), ago(minutes=30)
    engine.load(
        tasks=[
            make_task("rerun", status=FAIL, at=before),
            make_task("believed", status=SUCCESS, at=before),
            make_task("closed", status=PENDING, at=before),
            make_task("older", status=FAIL, at=before),
            make_task("ended-otherwise", status=FAIL, at=before),
            make_task("again-at-once", status=FAIL, at=before),
            make_task("ended-at-once", status=FAIL, at=before),
            make_task("row", status=RUNNING, at=before, updated_at=start),
            make_task("old-row", status=RUNNING, at=before),
            make_task("queued", status=PENDING, at=before),
        ],
        attempts=[
            *both_rows("rerun", 1, FAIL, at=before, took=MINUTE),
            make_attempt("rerun", 1, at=start),
            make_attempt("believed", 1, at=start),
            *both_rows("closed", 1, FAIL, at=start, took=timedelta(0)),
            make_attempt("older", 1, at=before),
            *both_rows("older", 2, FAIL, at=before + MINUTE, took=MINUTE),
            *both_rows("ended-otherwise", 1, "cancelled", at=start, took=timedelta(0)),
            *both_rows("again-at-once", 1, FAIL, at=start, took=timedelta(0)),
            make_attempt("again-at-once", 2, at=start),
            make_attempt("ended-at-once", 1, at=start),
            *both_rows("ended-at-once", 2, FAIL, at=start, took=timedelta(0)),
        ],
    )
    running = {"rerun", "row", "again-at-once"}
    assert await found(hub, TaskFilter(statuses=(RUNNING,))) == running
    assert await found(hub, TaskFilter(statuses=(OVERDUE,))) == {"old-row"}
    assert await found(hub, TaskFilter(statuses=(SUCCESS, RUNNING))) == {*running, "believed"}
    failed = {"rerun", "older", "ended-otherwise", "again-at-once", "ended-at-once"}
    assert await found(hub, TaskFilter(statuses=(FAIL, OVERDUE))) == {*failed, "old-row"}
    counts = await hub.tasks.status_counts()
    assert (counts.running.value, counts.overdue.value) == (3, 1)


async def test_tasks_that_run_are_paged_like_any_other(hub: Hub, engine: Engine) -> None:
    now = ago(seconds=0)
    tasks = [make_task(f"t{index:03}", at=now - index * MINUTE) for index in range(90)]
    engine.load(tasks=tasks, attempts=[make_attempt(task.task_id, at=now) for task in tasks[::3]])
    running = TaskFilter(statuses=(RUNNING,))
    page = await hub.tasks.list_tasks(running, limit=7)
    seen = ids(page.tasks)
    while page.more:
        page = await hub.tasks.list_tasks(running, limit=7, after=page.last)
        seen += ids(page.tasks)
    assert seen == ids(tasks[::3])
