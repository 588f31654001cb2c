"""What the PostgreSQL backend costs the server: pages read (buffers), and no scan of a table.

Counted by the server itself, from the sessions of one call after they have ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import psycopg
import pytest
from pydantic import SecretStr

from asynqhub_tui.backends import Target, open_hub
from asynqhub_tui.models import Count, Window
from asynqhub_tui.repository import Hub, Order, TaskFilter
from tests.contract.builders import ago
from tests.servers import PostgresServer

TASKS = 20_000

FILL = """
INSERT INTO worker (worker_name, queue_groups)
SELECT 'worker-' || n, '[{"name": "web", "priorities": {"default": 3, "low": 1}}]'
FROM generate_series(1, 12) AS n;

INSERT INTO task (task_id, worker_name, queue, payload, status, created_at, updated_at)
SELECT md5(n::text), 'worker-' || worker, 'worker-' || worker || ':web:' || priority,
    jsonb_build_object('text', repeat('x', 300)),
    CASE WHEN n % 200 = 0 THEN 'pending' WHEN n % 17 = 0 THEN 'fail' WHEN n % 101 = 0 THEN 'dead'
        ELSE 'success' END,
    at, at + make_interval(secs => n * 7919 % 600)
FROM (
    SELECT n, 1 + (n * 31 % 143) / 12 AS worker,
        CASE WHEN n % 3 = 0 THEN 'low' ELSE 'default' END AS priority,
        now() - make_interval(mins => 20000 - n) AS at
    FROM generate_series(1, 20000) AS n
) AS made;

INSERT INTO task_attempt (task_id, attempt, status, started_at, finished_at)
SELECT t.task_id, 1, row.status, t.created_at + interval '1 s',
    CASE WHEN row.status <> 'running' THEN t.updated_at END
FROM task AS t
CROSS JOIN LATERAL (
    SELECT unnest(ARRAY['running', nullif(t.status, 'pending')]) AS status
) AS row
WHERE row.status IS NOT NULL
ORDER BY t.created_at;

VACUUM ANALYZE;
"""

HIDDEN = """
SELECT count(*) FROM pg_class
WHERE relname IN ('task', 'task_attempt') AND relallvisible < relpages
"""

PAGES = """
SELECT sum(coalesce(heap_blks_read, 0) + coalesce(heap_blks_hit, 0)
    + coalesce(idx_blks_read, 0) + coalesce(idx_blks_hit, 0))::int FROM pg_statio_user_tables
"""

SCANS = """
SELECT sum(seq_scan)::int FROM pg_stat_user_tables WHERE relname IN ('task', 'task_attempt')
"""

SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'asynqhub-tui'"


@pytest.fixture(scope="module")
def dsn(postgres_server: PostgresServer) -> Iterator[str]:
    """An installation with 20,000 tasks, one a minute, which the planner knows about."""
    made = postgres_server.create_database()
    with psycopg.connect(made, autocommit=True) as connection:
        for statement in FILL.split(";\n"):
            if statement.strip():
                connection.execute(statement.encode())
        # A session that is just being opened holds vacuum up.
        while connection.execute(HIDDEN).fetchone() != (0,):
            connection.execute("VACUUM")
    yield made
    postgres_server.drop_database(made)


@dataclass
class Cost:
    pages: int = 0
    scans: int = 0


@asynccontextmanager
async def measured(dsn: str) -> AsyncIterator[tuple[Hub, Cost]]:
    """Open the installation, and fill in the cost of what was asked of it when it is closed."""
    cost = Cost()
    before = await counters(dsn)
    async with await open_hub(Target("postgres", SecretStr(dsn))) as hub:
        yield hub, cost
    after = await counters(dsn)
    cost.pages, cost.scans = after.pages - before.pages, after.scans - before.scans


async def counters(dsn: str) -> Cost:
    """Return the server's counters once no session of the dashboard is left to report to them."""
    with psycopg.connect(dsn, autocommit=True) as connection:

        def value(query: str) -> int:
            [number] = connection.execute(query.encode()).fetchone() or (0,)
            return int(number)

        async with asyncio.timeout(20):
            while value(SESSIONS):  # noqa: ASYNC110 - the server has no event for it
                await asyncio.sleep(0)
        return Cost(value(PAGES), value(SCANS))


PLAIN = TaskFilter()
FAIL = TaskFilter(statuses=("fail",))
FILTERS = {
    "all": PLAIN,
    "worker": TaskFilter("worker-3"),
    "fail": FAIL,
    "fail and dead": TaskFilter(statuses=("fail", "dead")),
    "success": TaskFilter(statuses=("success",)),
    "no such status": TaskFilter(statuses=("archived",)),
    "queue": TaskFilter(queue="worker-3:web:low"),
    "group": TaskFilter(queue="web"),
    "worker and status": TaskFilter("worker-3", ("dead",)),
    "status and queue": TaskFilter(statuses=("dead",), queue="worker-3:web:low"),
    "prefix": TaskFilter(task_id="a1b2"),
    "short prefix": TaskFilter(task_id="a"),
    "since": TaskFilter(since=ago(days=5)),
    "since and status": TaskFilter(statuses=("fail",), since=ago(days=5)),
    "running": TaskFilter(statuses=("running",)),
    "overdue": TaskFilter(statuses=("overdue",)),
}


@pytest.mark.parametrize("filter", FILTERS.values(), ids=FILTERS.keys())
async def test_a_page_reads_no_table_and_few_pages(dsn: str, filter: TaskFilter) -> None:
    for order in Order:
        async with measured(dsn) as (hub, cost):
            page = await hub.tasks.list_tasks(filter, order=order)
        assert cost.scans == 0
        assert 0 < cost.pages <= 5_000
        if page.more and page.last is not None:
            async with measured(dsn) as (hub, cost):
                await hub.tasks.list_tasks(filter, after=page.last)
            assert cost.scans == 0
            assert cost.pages <= 5_000


@pytest.mark.parametrize("name", ["all", "worker", "fail", "success", "queue", "since"])
async def test_a_page_of_one_index_reads_little_more_than_its_rows(dsn: str, name: str) -> None:
    async with measured(dsn) as (hub, cost):
        page = await hub.tasks.list_tasks(FILTERS[name])
    assert len(page.tasks) == 50
    assert cost.pages <= 600


async def test_the_end_costs_what_the_beginning_does(dsn: str) -> None:
    for filter in (PLAIN, FAIL):
        async with measured(dsn) as (hub, cost):
            page = await hub.tasks.list_tasks(filter, from_end=True)
            await hub.tasks.list_tasks(filter, before=page.first)
        assert cost.scans == 0
        assert cost.pages <= 1_200


@pytest.mark.parametrize("filter", FILTERS.values(), ids=FILTERS.keys())
async def test_counting_reads_no_table(dsn: str, filter: TaskFilter) -> None:
    async with measured(dsn) as (hub, cost):
        await hub.tasks.count_tasks(filter)
    assert cost.scans == 0
    assert cost.pages <= 5_000
    async with measured(dsn) as (hub, cost):
        await hub.tasks.status_counts(replace(filter, statuses=()))
    assert cost.scans == 0


@pytest.mark.parametrize("name", ["all", "fail", "since and status"])
async def test_a_poll_that_brings_nothing_is_cheap(dsn: str, name: str) -> None:
    """Fifty tasks on the screen, close together or far apart."""
    async with measured(dsn) as (hub, first):
        shown = [task.task_id for task in (await hub.tasks.list_tasks(FILTERS[name])).tasks]
        changes = await hub.tasks.changes(shown)
    assert len(shown) == 50
    polls = 10
    async with measured(dsn) as (hub, cost):
        mark = changes.mark
        for _ in range(polls):
            changes = await hub.tasks.changes(shown, mark)
            mark = changes.mark
    assert cost.scans == 0
    assert first.scans == 0
    assert cost.pages / polls <= 400


async def test_the_polls_of_the_workers_screen_read_no_table(dsn: str) -> None:
    calls: list[Callable[[Hub], Awaitable[object]]] = [
        lambda hub: hub.tasks.fleet_stats(Window.HOUR),
        lambda hub: hub.tasks.fleet_series(2),
        lambda hub: hub.tasks.get_worker_stats("worker-3", Window.HOUR),
    ]
    for call in calls:
        async with measured(dsn) as (hub, cost):
            await call(hub)
        assert cost.scans == 0
        assert 0 < cost.pages <= 5_000


async def test_above_the_cap_the_planner_s_statistics_tell_about_how_many(dsn: str) -> None:
    async with await open_hub(Target("postgres", SecretStr(dsn))) as hub:
        assert await hub.tasks.count_tasks(PLAIN) == Count(value=TASKS, kind="about")
        for filter in (FAIL, TaskFilter("worker-3"), FILTERS["group"]):
            about = await hub.tasks.count_tasks(filter)
            exact = await hub.tasks.count_tasks(filter, cap=TASKS)
            assert about.kind == "about"
            assert exact.exact
            assert abs(about.value - exact.value) < 0.1 * exact.value
        counts = (await hub.tasks.status_counts()).by_status
        assert counts["success"].kind == "about"
        assert counts["pending"].exact


async def test_a_search_that_stops_early_says_how_far_it_looked_and_goes_on(dsn: str) -> None:
    """The only match lies at the far end: the list is searched some 3,000 rows at a time."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("UPDATE task SET status = 'odd' WHERE task_id = md5('1')")
    async with await open_hub(Target("postgres", SecretStr(dsn))) as hub:
        rare = TaskFilter(statuses=("odd",))
        page = await hub.tasks.list_tasks(rare, order=Order.CREATED)
        pages = 1
        while not page.tasks:
            assert page.more
            assert page.last is not None
            assert page.searched_to == page.last.at
            before = page.searched_to
            page = await hub.tasks.list_tasks(rare, after=page.last)
            pages += 1
            assert page.searched_to is None or page.searched_to < before
        assert 5 <= pages <= 7
        assert [task.status for task in page.tasks] == ["odd"]
        rest = await hub.tasks.list_tasks(rare, after=page.last)
        assert (rest.tasks, rest.more, rest.searched_to) == ((), False, None)
        above = await hub.tasks.list_tasks(rare, before=page.first)
        assert above.tasks == ()
        assert above.searched_to is not None
        assert above.searched_to > page.tasks[0].created_at
        refs = [ref async for batch in hub.tasks.task_refs(rare) for ref in batch]
        assert len(refs) == 1
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("UPDATE task SET status = 'success' WHERE status = 'odd'")
        connection.execute("VACUUM ANALYZE task")
