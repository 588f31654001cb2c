"""How far the PostgreSQL backend looks: enough for the answer, and no further than it takes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import timedelta

import pytest

from asynqhub_tui.backends import open_hub
from asynqhub_tui.backends.postgres import open_tasks
from asynqhub_tui.models import OVERDUE, PENDING, RUNNING, Task
from asynqhub_tui.repository import Cursor, Hub, TaskFilter
from tests.contract.builders import ago, both_rows, make_attempt, make_task, make_worker
from tests.contract.engines import ENGINES, Engine

QUEUES = make_worker().queues()


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """A PostgreSQL installation without rows."""
    with ENGINES["postgres"](request) as fresh:
        yield fresh


@pytest.fixture
async def hub(engine: Engine) -> AsyncIterator[Hub]:
    """The same with a worker, open."""
    engine.load([make_worker()])
    async with await open_hub(engine.target()) as opened:
        yield opened


async def test_a_poll_that_follows_the_first_does_not_bring_attempts_again(
    hub: Hub, engine: Engine
) -> None:
    at = ago(seconds=30)
    tasks = [make_task(name, at=at) for name in ("t1", "t2")]
    rows = [row for task in tasks for row in both_rows(task.task_id, 1, "success", at=at, took=S)]
    engine.load(tasks=tasks, attempts=rows)
    shown = ["t1", "t2"]
    first = await hub.tasks.changes(shown)
    assert {task.task_id for task in first.tasks} == {"t1", "t2"}
    second = await hub.tasks.changes(shown, first.mark)
    assert second.tasks == ()
    engine.load(attempts=both_rows("t2", 2, "success", at=at + S, took=S))
    third = await hub.tasks.changes(shown, second.mark)
    assert [task.task_id for task in third.tasks] == ["t2"]


@pytest.mark.parametrize("down", [True, False], ids=["down", "up"])
async def test_a_group_of_which_one_queue_is_busy_is_listed_whole(
    hub: Hub, engine: Engine, down: bool
) -> None:
    busy = [task(f"b{number:04}", QUEUES[0], number) for number in range(700)]
    quiet = [task(f"q{number:04}", QUEUES[1 + number % 2], 650.5 + number) for number in range(100)]
    engine.load(tasks=[*busy, *quiet])
    expected = sorted([*busy, *quiet], key=lambda one: one.updated_at, reverse=True)
    filter = TaskFilter(queue="web")
    found: list[str] = []
    if down:
        after: Cursor | None = None
        while True:
            page = await hub.tasks.list_tasks(filter, limit=200, after=after)
            found += [one.task_id for one in page.tasks]
            after = page.last
            if not page.more:
                break
    else:
        page = await hub.tasks.list_tasks(filter, limit=200, from_end=True)
        found = [one.task_id for one in page.tasks]
        while page.more:
            page = await hub.tasks.list_tasks(filter, limit=200, before=page.first)
            found = [one.task_id for one in page.tasks] + found
    assert found == [one.task_id for one in expected]


async def test_a_page_of_a_rare_status_goes_on_until_it_is_full(hub: Hub, engine: Engine) -> None:
    tasks = [
        task(f"t{number:04}", QUEUES[0], number, status="fail" if number % 20 == 0 else "success")
        for number in range(2_000)
    ]
    engine.load(tasks=tasks)
    filter = TaskFilter(worker_name="worker-1", statuses=("fail",))
    page = await hub.tasks.list_tasks(filter, limit=50)
    assert [one.task_id for one in page.tasks] == [f"t{n:04}" for n in range(0, 1_000, 20)]
    assert page.searched_to is None
    assert page.more


@pytest.mark.parametrize(
    ("bound", "rows", "attempts", "exact"),
    [
        ("STARTED", (), 3, {RUNNING: False, OVERDUE: False}),
        ("OPEN", (), 3, {RUNNING: False, OVERDUE: False}),
        ("UNFINISHED", (RUNNING,) * 3, 0, {RUNNING: False, OVERDUE: False}),
        ("UNFINISHED", (PENDING,) * 3, 0, {RUNNING: True, OVERDUE: False}),
    ],
)
async def test_where_a_look_at_open_tasks_meets_its_bound_the_count_says_so(
    hub: Hub,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    bound: str,
    rows: Sequence[str],
    attempts: int,
    exact: dict[str, bool],
) -> None:
    tasks = [make_task(f"r{n}", at=ago(hours=3), status=one) for n, one in enumerate(rows)]
    begun = [make_task(f"a{n}", at=ago(seconds=n), status="fail") for n in range(attempts)]
    opened = [make_attempt(one.task_id, at=one.created_at) for one in begun]
    engine.load(tasks=[*tasks, *begun], attempts=opened)
    for most, told in ((3, dict.fromkeys(exact, True)), (2, exact)):
        monkeypatch.setattr(open_tasks, bound, most)
        counts = await hub.tasks.status_counts()
        assert {RUNNING: counts.running.exact, OVERDUE: counts.overdue.exact} == told


S = timedelta(seconds=1)

START = ago(days=1)


def task(task_id: str, queue: str, number: float, status: str = "success") -> Task:
    """Return a task that was created and updated `number` seconds before a fixed time."""
    at = START - number * S
    return make_task(task_id, at=at, queue=queue, status=status)
