"""What the screens ask of a store, call by call, beside the hub's own way to ask the same."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from asynqhub_tui.models import FAIL, FAILED_STATUSES, OVERDUE, RUNNING, Window
from asynqhub_tui.repository import Cursor, Page, TaskFilter, TaskStore, WorkerRepository
from tests.benchmarks import hub_queries
from tests.benchmarks.hub_queries import Statement

STEADY, SCREEN = 400, 5_000
"""Budgets of design.md in buffers: the task list's poll, and everything else that is not on a
slower clock."""

PAGE_ROWS = 100
"""Rows of a page, as the task list asks for them."""

VISIBLE_ROWS = 50

PAGES_DOWN = 3

_HOURS = 24


@dataclass(frozen=True, slots=True)
class Question:
    """One call, or the calls of one poll.

    `budget` is in buffers, None for what runs on a slower clock. `hub` are the statements that
    Asynq-Hub and its web UI send for the same, empty where they cannot answer it. `prepare` runs
    before each call.
    """

    what: str
    budget: int | None
    ask: Callable[[], Awaitable[Any]]
    hub: Sequence[Statement] = ()
    prepare: Callable[[], Awaitable[Any]] | None = None


class SteadyList:
    """A task list that is open at its top, and what each poll of it asks."""

    def __init__(self, tasks: TaskStore, filter: TaskFilter, meanwhile: Callable[[], None]) -> None:
        self._tasks = tasks
        self._filter = filter
        self._meanwhile = meanwhile
        self._shown: list[str] = []
        self._first: Cursor | None = None
        self._mark: object | None = None

    async def open(self) -> None:
        """Read the first page, poll once, and let happen what happens between two polls."""
        page = await self._tasks.list_tasks(self._filter, limit=PAGE_ROWS)
        self._shown = sorted(task.task_id for task in page.tasks[:VISIBLE_ROWS])
        self._first = page.first
        self._mark = None
        await self.poll()
        self._meanwhile()

    async def poll(self) -> None:
        """Ask for changes in the visible rows, and for rows above the first."""
        changes = await self._tasks.changes(self._shown, self._mark)
        self._mark = changes.mark
        if self._first is not None:
            await self._tasks.list_tasks(self._filter, before=self._first, limit=PAGE_ROWS)


class OpenTask:
    """A task that is open, and what a poll of its screen asks when it has changed."""

    def __init__(self, tasks: TaskStore, task_id: str) -> None:
        self._tasks = tasks
        self._id = task_id
        self._mark: object | None = None

    async def poll(self) -> None:
        """Ask whether it has changed."""
        self._mark = (await self._tasks.changes([self._id], self._mark)).mark

    async def read(self) -> None:
        """Read all of it, for the first time."""
        self._mark = None
        await self.poll()
        await self._tasks.get_task(self._id)
        await self._tasks.list_attempts(self._id)


def filters(task_id: str) -> dict[str, TaskFilter]:
    """Return the filters to measure, by what they are called; `task_id` is one of the newest."""
    worker, queue = "worker-01", "worker-01:web:default"
    return {
        "status fail": TaskFilter(statuses=(FAIL,)),
        "status failed (fail, dead)": TaskFilter(statuses=FAILED_STATUSES),
        "worker, the largest": TaskFilter(worker_name=worker),
        "worker, the smallest": TaskFilter(worker_name="worker-20"),
        "worker + status fail": TaskFilter(worker_name=worker, statuses=(FAIL,)),
        "queue": TaskFilter(queue=queue),
        "queue group (60 queues)": TaskFilter(queue="web"),
        "queue + status fail": TaskFilter(queue=queue, statuses=(FAIL,)),
        "queue group + failed": TaskFilter(queue="batch", statuses=FAILED_STATUSES),
        "since 1 h": TaskFilter(since=datetime.now(UTC) - timedelta(hours=1)),
        "since 24 h + fail": TaskFilter(
            since=datetime.now(UTC) - timedelta(hours=24), statuses=(FAIL,)
        ),
        "id prefix, 4 characters": TaskFilter(task_id=task_id[:4]),
        "id prefix, 1 character": TaskFilter(task_id=task_id[:1]),
        "running": TaskFilter(statuses=(RUNNING,)),
        "overdue": TaskFilter(statuses=(OVERDUE,)),
    }


async def questions(
    tasks: TaskStore,
    workers: WorkerRepository,
    busy: Callable[[], None],
    anew: Callable[[], TaskStore],
) -> list[Question]:
    """Return what the screens ask.

    `busy` lets 20 of the newest tasks change; `anew` returns a store that has read nothing yet.
    """
    names = [worker.worker_name for worker in await workers.list()]
    [failed] = await tasks.list_failed_tasks(limit=1)
    asked = await _list(tasks, "all tasks", TaskFilter(), STEADY, busy)
    asked.append(Question("all tasks: counts by status", None, tasks.status_counts))
    for name, filter in filters(failed.task_id).items():
        asked += await _list(tasks, name, filter, SCREEN, None)
    of_worker = TaskFilter(worker_name=names[0])
    one = OpenTask(tasks, failed.task_id)
    asks_hub = hub_queries.task(failed.task_id)
    asked += [
        Question("worker: counts by status", None, lambda: tasks.status_counts(of_worker)),
        Question("task: opened", SCREEN, one.read, asks_hub),
        Question("task: poll, nothing new", SCREEN, one.poll, asks_hub, one.poll),
        Question("workers: list", SCREEN, workers.list, hub_queries.workers()),
    ]
    for window in Window:
        asked += _figures(window, names, busy, anew)
    return [*asked, *_hours(names, busy, anew)]


class KeptFigures:
    """The figures of workers on a screen that is left open, and what each poll of it asks."""

    def __init__(
        self,
        ask: Callable[[TaskStore], Awaitable[Any]],
        anew: Callable[[], TaskStore],
        meanwhile: Callable[[], None],
    ) -> None:
        self._ask = ask
        self._anew = anew
        self._meanwhile = meanwhile
        self._tasks = anew()

    async def first(self) -> None:
        """Ask with nothing known."""
        self._tasks = self._anew()
        await self.poll()

    async def open(self) -> None:
        """Ask as a screen that has been open for a while, and let happen what then happens."""
        await self.poll()
        self._meanwhile()

    async def poll(self) -> None:
        """Ask again."""
        await self._ask(self._tasks)


def _figures(
    window: Window,
    workers: Sequence[str],
    busy: Callable[[], None],
    anew: Callable[[], TaskStore],
) -> list[Question]:
    # Asynq-Hub knows no window: it answers for all time, worker by worker.
    asked = [one for name in workers for one in hub_queries.statistics(name)]
    what = f"workers: figures of {window}"
    kept = KeptFigures(lambda tasks: tasks.fleet_stats(window), anew, busy)
    if window is Window.ALL:
        return [Question(what, None, kept.poll, asked)]
    return [
        Question(f"{what}: first read", None, kept.first, asked),
        Question(f"{what}: poll, 20 tasks changed", None, kept.poll, asked, kept.open),
    ]


def _hours(
    workers: Sequence[str], busy: Callable[[], None], anew: Callable[[], TaskStore]
) -> list[Question]:
    asked = [hub_queries.series(name, _HOURS) for name in workers]
    kept = KeptFigures(lambda tasks: tasks.fleet_series(_HOURS), anew, busy)
    what = f"workers: {_HOURS} hours of attempts"
    return [
        Question(f"{what}: first read", None, kept.first, asked),
        Question(f"{what}: poll, 20 tasks changed", None, kept.poll, asked, kept.open),
    ]


async def _list(
    tasks: TaskStore, name: str, filter: TaskFilter, poll: int, busy: Callable[[], None] | None
) -> list[Question]:
    """Return what a task list with this filter asks; the hub's page shows the same rows."""
    first = hub_queries.page(filter)
    still = SteadyList(tasks, filter, lambda: None)
    asked = [Question("first page", SCREEN, lambda: _page(tasks, filter), first)]
    down, cursor = await _go_down(tasks, filter)
    if down:
        there = hub_queries.page(filter, number=down // hub_queries.PAGE_ROWS)
        ask = partial(_page, tasks, filter, after=cursor)
        asked.append(Question(f"page by cursor, {down} down", SCREEN, ask, there))
    asked += [
        Question("last page", SCREEN, lambda: _page(tasks, filter, from_end=True)),
        Question("poll, nothing new", poll, still.poll, first, still.open),
    ]
    if busy is not None:
        changing = SteadyList(tasks, filter, busy)
        what = "poll, 20 tasks changed"
        asked.append(Question(what, poll, changing.poll, first, changing.open))
    counted = hub_queries.count(filter)
    asked.append(Question("count", None, lambda: tasks.count_tasks(filter), counted))
    return [replace(one, what=f"{name}: {one.what}") for one in asked]


async def _page(tasks: TaskStore, filter: TaskFilter, **where: Any) -> Page:
    return await tasks.list_tasks(filter, limit=PAGE_ROWS, **where)


async def _go_down(tasks: TaskStore, filter: TaskFilter) -> tuple[int, Cursor | None]:
    """Go a few pages down; return how many rows lie above, 0 where there is but one page."""
    above, cursor = 0, None
    for _ in range(PAGES_DOWN):
        page = await _page(tasks, filter, after=cursor)
        if not page.more:
            break
        above, cursor = above + len(page.tasks), page.last
    return above, cursor
