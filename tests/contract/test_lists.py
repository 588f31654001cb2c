"""Lists of tasks: their orders, and paging by cursor either way."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import timedelta
from operator import attrgetter

import pytest

from asynqhub_tui.models import DEAD, FAIL, SUCCESS, Task
from asynqhub_tui.repository import Hub, Order, Page, TaskFilter
from tests.contract.builders import THEN, WORKER, ids, make_task, make_worker, numbered
from tests.contract.engines import Engine

EVERYTHING = TaskFilter()


def shuffled(number: int, *, seed: int = 1, **fields: str) -> list[Task]:
    """Return tasks whose times are out of order, and of which many share one."""
    draw = random.Random(seed)
    return [
        make_task(
            f"t{index:04}",
            at=THEN + timedelta(seconds=draw.randrange(number // 5)),
            updated_at=THEN + timedelta(days=1, seconds=draw.randrange(number // 5)),
            **fields,
        )
        for index in range(number)
    ]


async def walk(
    hub: Hub, filter: TaskFilter, *, limit: int, order: Order | None = None, upwards: bool = False
) -> list[Page]:
    """Read a list page by page, from one end to the other."""
    pages = [await hub.tasks.list_tasks(filter, limit=limit, order=order, from_end=upwards)]
    while pages[-1].more:
        after, before = (None, pages[-1].first) if upwards else (pages[-1].last, None)
        pages.append(await hub.tasks.list_tasks(filter, limit=limit, after=after, before=before))
    return pages


def joined(pages: Sequence[Page]) -> list[str]:
    """Return the ids on the pages, in their order."""
    return [one for page in pages for one in ids(page.tasks)]


async def test_an_empty_installation_has_an_empty_page(hub: Hub) -> None:
    for from_end in (False, True):
        page = await hub.tasks.list_tasks(EVERYTHING, from_end=from_end)
        assert (page.tasks, page.more, page.searched_to) == ((), False, None)


async def test_the_limit_is_bounded(hub: Hub, engine: Engine) -> None:
    engine.load(tasks=numbered(230))
    newest_first = [f"t{index:04}" for index in range(229, -1, -1)]
    for limit, expected in (
        (None, 50),
        (0, 50),
        (-1, 50),
        (201, 50),
        (1, 1),
        (7, 7),
        (200, 200),
    ):
        page = await hub.tasks.list_tasks(EVERYTHING, limit=limit)
        assert ids(page.tasks) == newest_first[:expected]
        assert page.more


async def test_an_offset_skips_rows(hub: Hub, engine: Engine) -> None:
    engine.load(tasks=numbered(30))
    page = await hub.tasks.list_tasks(EVERYTHING, limit=5, offset=20)
    assert ids(page.tasks) == ["t0009", "t0008", "t0007", "t0006", "t0005"]
    assert page.more
    page = await hub.tasks.list_tasks(EVERYTHING, limit=5, offset=28)
    assert ids(page.tasks) == ["t0001", "t0000"]
    assert not page.more


@pytest.mark.parametrize(
    ("filter", "order"),
    [
        (EVERYTHING, Order.CREATED),
        (TaskFilter(worker_name=WORKER), Order.CREATED),
        (TaskFilter(worker_name=WORKER, statuses=(FAIL,)), Order.CREATED),
        (TaskFilter(since=THEN - timedelta(days=1)), Order.CREATED),
        (TaskFilter(statuses=(FAIL,)), Order.UPDATED),
        (TaskFilter(queue="worker-1:web:default"), Order.UPDATED),
        (TaskFilter(queue="web"), Order.UPDATED),
    ],
)
async def test_the_order_follows_the_filter(
    hub: Hub, engine: Engine, filter: TaskFilter, order: Order
) -> None:
    tasks = shuffled(100, status=FAIL)
    engine.load(tasks=tasks)
    page = await hub.tasks.list_tasks(filter, limit=200)
    assert page.order is order
    times = [getattr(task, f"{order}_at") for task in page.tasks]
    assert times == sorted(times, reverse=True)
    assert sorted(ids(page.tasks)) == sorted(ids(tasks))


@pytest.mark.parametrize("order", Order)
@pytest.mark.parametrize("filter", [EVERYTHING, TaskFilter(statuses=(FAIL,))], ids=["all", "fail"])
async def test_both_orders_are_there_on_request(
    hub: Hub, engine: Engine, filter: TaskFilter, order: Order
) -> None:
    engine.load(tasks=shuffled(60, status=FAIL))
    page = await hub.tasks.list_tasks(filter, limit=200, order=order)
    assert page.order is order
    times = list(map(attrgetter(f"{order}_at"), page.tasks))
    assert times == sorted(times, reverse=True)
    assert page.first is not None
    assert page.first.order is order


@pytest.mark.parametrize("order", Order)
@pytest.mark.parametrize(
    "filter",
    [
        EVERYTHING,
        TaskFilter(worker_name=WORKER),
        TaskFilter(statuses=(FAIL, DEAD)),
        TaskFilter(queue="web", statuses=(FAIL,)),
    ],
    ids=["all", "worker", "statuses", "queue and status"],
)
async def test_paging_shows_every_task_once_either_way(
    hub: Hub, engine: Engine, filter: TaskFilter, order: Order
) -> None:
    """500 tasks whose times were not written in order, and of which many share one."""
    tasks = shuffled(500, status=FAIL)
    engine.load(tasks=tasks)
    whole = sorted(ids(tasks))
    down = await walk(hub, filter, limit=131, order=order)
    assert sorted(joined(down)) == whole
    times = [getattr(task, f"{order}_at") for page in down for task in page.tasks]
    assert times == sorted(times, reverse=True)
    up = await walk(hub, filter, limit=143, order=order, upwards=True)
    assert joined(up[::-1]) == joined(down)
    assert all(page.order is order for page in (*down, *up))


async def test_a_page_can_be_left_in_both_directions(hub: Hub, engine: Engine) -> None:
    engine.load(tasks=numbered(30))
    first = await hub.tasks.list_tasks(EVERYTHING, limit=10)
    second = await hub.tasks.list_tasks(EVERYTHING, limit=10, after=first.last)
    third = await hub.tasks.list_tasks(EVERYTHING, limit=10, after=second.last)
    assert joined([first, second, third]) == [f"t{index:04}" for index in range(29, -1, -1)]
    assert [page.more for page in (first, second, third)] == [True, True, False]
    back = await hub.tasks.list_tasks(EVERYTHING, limit=10, before=third.first)
    assert (ids(back.tasks), back.more) == (ids(second.tasks), True)
    back = await hub.tasks.list_tasks(EVERYTHING, limit=10, before=back.first)
    assert (ids(back.tasks), back.more) == (ids(first.tasks), False)


async def test_before_gives_the_rows_just_above_the_cursor(hub: Hub, engine: Engine) -> None:
    engine.load(tasks=numbered(30))
    end = await hub.tasks.list_tasks(EVERYTHING, limit=5, from_end=True)
    assert (ids(end.tasks), end.more) == (["t0004", "t0003", "t0002", "t0001", "t0000"], True)
    above = await hub.tasks.list_tasks(EVERYTHING, limit=2, before=end.first)
    assert ids(above.tasks) == ["t0006", "t0005"]


async def test_the_end_of_a_short_list_is_its_beginning(hub: Hub, engine: Engine) -> None:
    engine.load(tasks=numbered(3))
    end = await hub.tasks.list_tasks(EVERYTHING, limit=3, from_end=True)
    assert (ids(end.tasks), end.more) == (["t0002", "t0001", "t0000"], False)


async def test_new_tasks_are_found_above_the_first(hub: Hub, engine: Engine) -> None:
    engine.load(tasks=numbered(5))
    page = await hub.tasks.list_tasks(EVERYTHING)
    nothing = await hub.tasks.list_tasks(EVERYTHING, before=page.first)
    assert (nothing.tasks, nothing.more) == ((), False)
    await hub.tasks.upsert_task(make_task("new", at=THEN + timedelta(days=1)))
    above = await hub.tasks.list_tasks(EVERYTHING, before=page.first)
    assert ids(above.tasks) == ["new"]


async def test_paging_while_rows_move(hub: Hub, engine: Engine) -> None:
    """Under an order by update, a row that changes moves to the top: no other is skipped, none is
    shown twice, and those that moved are found above the first page.
    """
    fail = TaskFilter(statuses=(FAIL,))
    engine.load(tasks=shuffled(200, status=FAIL))
    draw = random.Random(7)
    page = top = await hub.tasks.list_tasks(fail, limit=20)
    assert page.order is Order.UPDATED
    seen = ids(page.tasks)
    moved: set[str] = set()
    while page.more:
        for task_id in draw.sample([f"t{index:04}" for index in range(200)], 4):
            await hub.tasks.update_task_status(task_id, FAIL, 2, None, None)
            moved.add(task_id)
        page = await hub.tasks.list_tasks(fail, limit=20, after=page.last)
        seen += ids(page.tasks)
    assert len(seen) == len(set(seen))
    everything = {f"t{index:04}" for index in range(200)}
    assert everything - set(seen) <= moved
    above: list[str] = []
    first = top.first
    while first is not None:
        page = await hub.tasks.list_tasks(fail, limit=20, before=first)
        above += ids(page.tasks)
        first = page.first if page.more else None
    assert set(above) == moved
    assert len(above) == len(moved)


async def test_a_task_that_leaves_the_filter_leaves_the_list(hub: Hub, engine: Engine) -> None:
    fail = TaskFilter(statuses=(FAIL,))
    engine.load(tasks=numbered(6, status=FAIL))
    page = await hub.tasks.list_tasks(fail, limit=2)
    await hub.tasks.update_task_status("t0003", SUCCESS, 1, None, None)
    rest = await hub.tasks.list_tasks(fail, after=page.last)
    assert ids(rest.tasks) == ["t0002", "t0001", "t0000"]


async def test_failed_tasks_are_those_of_status_fail(hub: Hub, engine: Engine) -> None:
    later = timedelta(days=1)
    engine.load(
        [make_worker("worker-2")],
        [
            make_task("a", status=FAIL, updated_at=THEN + 3 * later),
            make_task("b", status=DEAD),
            make_task("c", status=SUCCESS),
            make_task("d", status=FAIL, worker_name="worker-2", at=THEN + later),
            make_task("e", status=FAIL, worker_name="worker-2", updated_at=THEN + 2 * later),
        ],
    )
    assert ids(await hub.tasks.list_failed_tasks()) == ["a", "e", "d"]  # by update
    assert ids(await hub.tasks.list_failed_tasks("worker-2")) == ["d", "e"]  # by creation
    assert ids(await hub.tasks.list_failed_tasks(WORKER)) == ["a"]
    assert ids(await hub.tasks.list_failed_tasks("nobody")) == []
    assert all(task.payload is None for task in await hub.tasks.list_failed_tasks())


@pytest.mark.parametrize("worker", [None, WORKER])
async def test_the_limit_of_failed_tasks_is_bounded(
    hub: Hub, engine: Engine, worker: str | None
) -> None:
    engine.load(tasks=numbered(1010, status=FAIL))
    for limit, expected in ((None, 100), (0, 100), (-5, 100), (1001, 100), (1, 1), (1000, 1000)):
        tasks = await hub.tasks.list_failed_tasks(worker, limit)
        assert ids(tasks) == [f"t{index:04}" for index in range(1009, 1009 - expected, -1)]
