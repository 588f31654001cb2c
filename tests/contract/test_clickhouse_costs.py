"""How far ClickHouse is searched: lists of a large table are read stretch by stretch."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest

from asynqhub_tui.backends import open_hub
from asynqhub_tui.backends.clickhouse import counts, database, states, stretches
from asynqhub_tui.models import DEAD, FAIL, OVERDUE, SUCCESS, Count, Task
from asynqhub_tui.repository import Hub, Order, Page, TaskFilter
from tests.chdb_store import ChdbStore
from tests.contract.builders import ago, ids, make_attempt, make_task, make_worker
from tests.contract.engines import Chdb

DAYS = 10


def history() -> list[Task]:
    """Return tasks over DAYS days, a tenth of them failed, one in forty dead."""
    draw = random.Random(5)
    made = []
    for number in range(300):
        status = DEAD if number % 40 == 0 else FAIL if number % 10 == 3 else SUCCESS
        at = ago(days=draw.random() * DAYS)
        later = timedelta(minutes=draw.randrange(2000))
        made.append(make_task(f"t{number:04}", at=at, updated_at=at + later, status=status))
    return sorted(made, key=lambda task: task.created_at)


TASKS = history()


@pytest.fixture
def engine(chdb_store: ChdbStore) -> Iterator[Chdb]:
    """An installation with the tasks of the history, written in many parts."""
    with chdb_store.installation() as (dsn, client):
        made = Chdb(dsn, client)
        made.load([make_worker()])
        for start in range(0, len(TASKS), 75):
            made.load(tasks=TASKS[start : start + 75])
        yield made


@pytest.fixture
async def hub(engine: Chdb, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hub]:
    """The same, open; no table is small enough to be read without asking."""
    for module in (database, stretches, counts):
        monkeypatch.setattr(module, "SMALL", 0)
    async with await open_hub(engine.target()) as opened:
        yield opened


async def walk(hub: Hub, filter: TaskFilter, order: Order, *, upwards: bool) -> list[Page]:
    pages = [await hub.tasks.list_tasks(filter, limit=80, order=order, from_end=upwards)]
    while pages[-1].more:
        after, before = (None, pages[-1].first) if upwards else (pages[-1].last, None)
        pages.append(await hub.tasks.list_tasks(filter, limit=80, after=after, before=before))
    return pages


def expected(statuses: tuple[str, ...], order: Order) -> list[str]:
    """Return the ids that a list must show, in its order."""
    found = [task for task in TASKS if task.status in statuses]
    found.sort(key=lambda task: (getattr(task, f"{order}_at"), task.task_id), reverse=True)
    return ids(found)


@pytest.mark.parametrize(
    ("statuses", "budget"), [((FAIL,), 2_000_000), ((FAIL, DEAD), 2_000_000), ((FAIL,), 350)]
)
@pytest.mark.parametrize("order", Order)
async def test_stretches_leave_nothing_out_and_show_nothing_twice(
    hub: Hub,
    monkeypatch: pytest.MonkeyPatch,
    statuses: tuple[str, ...],
    order: Order,
    budget: int,
) -> None:
    monkeypatch.setattr(stretches, "BUDGET", budget)
    filter = TaskFilter(statuses=statuses)
    for upwards in (False, True):
        pages = await walk(hub, filter, order, upwards=upwards)
        if upwards:
            pages.reverse()
        assert [one for page in pages for one in ids(page.tasks)] == expected(statuses, order)
    refs = [ref.task_id async for batch in hub.tasks.task_refs(filter) for ref in batch]
    assert refs == expected(statuses, filter.order)


async def test_a_search_that_costs_too_much_says_how_far_it_looked(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stretches, "BUDGET", 75)
    filter = TaskFilter(statuses=("never",))
    page = await hub.tasks.list_tasks(filter)
    assert (page.tasks, page.more) == ((), False), "the index of statuses knows"
    filter = TaskFilter(statuses=(DEAD,))
    page = await hub.tasks.list_tasks(filter, limit=200)
    assert page.more
    assert page.searched_to is not None
    assert all(task.updated_at >= page.searched_to for task in page.tasks)
    number = await hub.tasks.count_tasks(filter)
    assert number.kind == "at_least"
    assert number.value < len(expected((DEAD,), Order.UPDATED))


async def test_counts_of_a_large_table(hub: Hub) -> None:
    found = await hub.tasks.status_counts(cap=2000)
    for status in (FAIL, DEAD, SUCCESS):
        number = len(expected((status,), Order.CREATED))
        assert found.by_status[status] == Count(value=number)
    capped = await hub.tasks.status_counts(cap=10)
    assert capped.by_status[FAIL] == Count(value=10, kind="at_least")


async def test_open_attempts_of_failed_tasks_are_looked_for_as_far_as_is_said(
    engine: Chdb, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    recent, old = expected((FAIL,), Order.CREATED)[0], expected((FAIL,), Order.CREATED)[-1]
    engine.load(attempts=[make_attempt(recent, at=ago(hours=2))])
    engine.load(attempts=[make_attempt(old, at=ago(days=9))])
    overdue = TaskFilter(statuses=(OVERDUE,))
    page = await hub.tasks.list_tasks(overdue)
    assert set(ids(page.tasks)) == {recent, old}
    assert await hub.tasks.count_tasks(overdue) == Count(value=2)
    monkeypatch.setattr(states, "ATTEMPTS_LOOKED_AT", 0)
    page = await hub.tasks.list_tasks(overdue)
    assert ids(page.tasks) == []
    assert (await hub.tasks.count_tasks(overdue)).kind == "at_least"
