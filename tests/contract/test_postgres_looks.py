"""How far the PostgreSQL backend looks: enough for the answer, and no further than it takes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from asynqhub_tui import notices
from asynqhub_tui.backends import open_hub
from asynqhub_tui.backends.postgres import open_tasks, prefix, walk
from asynqhub_tui.backends.postgres.connection import Database
from asynqhub_tui.models import OVERDUE, PENDING, RUNNING, Task
from asynqhub_tui.repository import Cursor, Hub, HubError, Page, TaskFilter
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


RARE = {
    "one worker": TaskFilter(worker_name="worker-1", statuses=("fail",)),
    "all workers": TaskFilter(task_id="f"),
}


@pytest.mark.parametrize("filter", RARE.values(), ids=RARE)
@pytest.mark.parametrize("down", [True, False], ids=["down", "up"])
async def test_a_page_ends_early_where_rows_were_updated_again_and_again(
    hub: Hub, engine: Engine, monkeypatch: pytest.MonkeyPatch, filter: TaskFilter, down: bool
) -> None:
    """Each of them takes several pages then; what is left out comes with the next page."""
    monkeypatch.setattr(walk, "MOST_PAGES", 1_000)
    monkeypatch.setattr(prefix, "PREFIX_CAP", 10)
    rare = [f"f{number:03}" for number in range(0, 900, 30)]
    tasks = [
        task(name, QUEUES[0], number, status="fail" if name in rare else "success")
        for number in range(900)
        for name in [f"{'t' if number % 30 else 'f'}{number:03}"]
    ]
    engine.load(tasks=tasks)
    calm = await _pages(hub, filter, down=down)
    with psycopg.connect(engine.dsn, autocommit=True) as other:
        for _ in range(6):
            other.execute("UPDATE task SET priority = priority + 1, updated_at = updated_at + '1s'")
    churned = await _pages(hub, filter, down=down)
    for pages in (calm, churned):
        found = [one.task_id for page in pages for one in page.tasks]
        assert found == (rare if down else rare[::-1])
    assert len(calm) == 1
    assert len(churned) > 2
    assert all(page.searched_to for page in churned[:-1])


async def _pages(hub: Hub, filter: TaskFilter, *, down: bool) -> list[Page]:
    """Return all pages of a list, each with its rows in the direction of the walk."""
    pages = [await hub.tasks.list_tasks(filter, limit=50, from_end=not down)]
    while pages[-1].more:
        after, before = (pages[-1].last, None) if down else (None, pages[-1].first)
        pages.append(await hub.tasks.list_tasks(filter, limit=50, after=after, before=before))
    return pages if down else [replace(page, tasks=page.tasks[::-1]) for page in pages]


async def test_ids_are_not_looked_at_where_surely_too_many_begin_so(
    hub: Hub, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefix, "PREFIX_CAP", 10)
    engine.load(
        tasks=[task(f"{number % 2}{number:03}", QUEUES[0], number) for number in range(400)]
    )
    filter = TaskFilter(task_id="1")
    before = await hub.tasks.list_tasks(filter, limit=100)
    with psycopg.connect(engine.dsn, autocommit=True) as other:
        other.execute("ANALYZE task")
    monkeypatch.setattr(prefix, "_BY_PREFIX", "SELECT 1 / 0")
    fetch, sent = Database._fetch_twice, list[str]()

    async def sending(database: Database, query: str, *further: Any) -> Any:
        sent.append(query)
        return await fetch(database, query, *further)

    monkeypatch.setattr(Database, "_fetch_twice", sending)
    with notices.collecting("list tasks"):  # as in a poll, whose plans are looked at
        page = await hub.tasks.list_tasks(filter, limit=100)
    assert page == before
    assert any(query.startswith("EXPLAIN") for query in sent)
    assert not any("EXPLAIN" in query.removeprefix("EXPLAIN") for query in sent)
    assert [one.task_id for one in page.tasks] == [f"1{number:03}" for number in range(1, 200, 2)]
    with pytest.raises(HubError):
        await hub.tasks.list_tasks(TaskFilter(task_id="100"))


@pytest.mark.parametrize("since", [None, 600], ids=["all", "since"])
async def test_the_oldest_rows_are_found_by_ids_behind_the_first(
    hub: Hub, engine: Engine, since: int | None
) -> None:
    """Also where ids and times of creation do not go together."""
    numbers = [*range(0, 900, 2), *range(899, 0, -2)]
    engine.load(
        [make_worker("worker-2")],
        [
            task(f"t{number:03}", QUEUES[0], number).model_copy(
                update={"worker_name": f"worker-{1 + number % 2}"}
            )
            for number in numbers
        ],
    )
    oldest = 899 if since is None else since
    filter = TaskFilter(since=None if since is None else START - since * S)
    page = await hub.tasks.list_tasks(filter, limit=100, from_end=True)
    expected = [f"t{number:03}" for number in range(oldest - 99, oldest + 1)]
    assert [one.task_id for one in page.tasks] == expected
    above = await hub.tasks.list_tasks(filter, limit=100, before=page.first)
    assert [one.task_id for one in above.tasks] == [
        f"t{number:03}" for number in range(oldest - 199, oldest - 99)
    ]
    together = [
        make_task(f"n{number}", at=START + S, worker_name=f"worker-{1 + number % 2}")
        for number in range(6)
    ]
    engine.load(tasks=together)
    newest = TaskFilter(since=START + S)
    page = await hub.tasks.list_tasks(newest, limit=100, from_end=True)
    assert [one.task_id for one in page.tasks] == [f"n{number}" for number in range(5, -1, -1)]
    none = await hub.tasks.list_tasks(TaskFilter(since=START + 2 * S), limit=100, from_end=True)
    assert (none.tasks, none.more) == ((), False)


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
