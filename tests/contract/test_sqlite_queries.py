"""How the SQLite backend runs its queries: cancelled, limited, and served by an index."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from asynqhub_tui.backends import open_hub
from asynqhub_tui.backends.sqlite import connection, create, selection
from asynqhub_tui.backends.sqlite.connection import Session, Statements
from asynqhub_tui.backends.sqlite.rows import Row
from asynqhub_tui.models import DEAD, FAIL, OVERDUE, RUNNING, Count
from asynqhub_tui.repository import Cursor, Hub, Refused, TaskFilter, Unavailable
from tests.contract.builders import THEN, ago, ids, make_attempt, make_task, make_worker, numbered
from tests.contract.engines import Sqlite

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"


@pytest.fixture
def engine(tmp_path: Path) -> Sqlite:
    """A file with the worker `worker-1`."""
    create(tmp_path / "hub.db")
    fresh = Sqlite(str(tmp_path / "hub.db"))
    fresh.load([make_worker()])
    return fresh


@pytest.fixture
async def hub(engine: Sqlite) -> AsyncIterator[Hub]:
    """The same, open."""
    async with await open_hub(engine.target()) as opened:
        yield opened


@pytest.fixture
async def session(engine: Sqlite) -> AsyncIterator[Session]:
    """One connection to the file, which writes."""
    path = Path(engine.dsn)
    opened = await Session.open(path, "hub.db", mode="rw", query_only=False)
    yield opened
    await opened.close()


async def begin(*tasks: asyncio.Task[Any]) -> None:
    """Let tasks run up to where they wait."""
    await asyncio.wait(tasks, timeout=0)
    assert not any(task.done() for task in tasks)


async def test_cancelling_interrupts_the_query(session: Session) -> None:
    """The next query would wait for ever if the first went on."""
    query = asyncio.create_task(session.fetch(ENDLESS))
    waiting = asyncio.create_task(session.fetch("SELECT 1"))
    await begin(query, waiting)
    query.cancel()
    with pytest.raises(asyncio.CancelledError):
        await query
    assert await waiting == [(1,)]


async def test_cancelling_one_that_waits_leaves_the_running_one(session: Session) -> None:
    count = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 200000)"
    running = asyncio.create_task(session.fetch(f"{count} SELECT max(i) FROM n"))
    waiting = asyncio.create_task(session.fetch("SELECT 1"))
    await begin(running, waiting)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await running == [(200_000,)]


async def test_a_query_that_takes_too_long_is_stopped(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "TIME_LIMIT", 0.05)
    with pytest.raises(Unavailable, match=r"hub\.db took longer than 0\.05 s"):
        await session.fetch(ENDLESS)
    monkeypatch.undo()
    assert await session.fetch("SELECT 1") == [(1,)]


async def test_a_transaction_that_is_cancelled_leaves_nothing(session: Session) -> None:
    begun = asyncio.Event()

    async def change() -> None:
        async with session.transaction("IMMEDIATE") as statements:
            await statements.execute("UPDATE worker SET default_timeout = 1")
            begun.set()
            await statements.fetch(ENDLESS)

    work = asyncio.create_task(change())
    await begun.wait()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert await session.fetch("SELECT default_timeout FROM worker") == [(30,)]
    async with session.transaction("IMMEDIATE") as statements:
        await statements.execute("UPDATE worker SET default_timeout = 2")
    assert await session.fetch("SELECT default_timeout FROM worker") == [(2,)]


async def test_closing_interrupts_what_runs(session: Session) -> None:
    query = asyncio.create_task(session.fetch(ENDLESS))
    waiting = asyncio.create_task(session.fetch("SELECT 1"))
    await begin(query, waiting)
    await session.close()
    for work in (query, waiting):
        with pytest.raises(Unavailable):
            await work
    with pytest.raises(Unavailable, match="closed"):
        await session.fetch("SELECT 1")


async def test_a_closed_hub_answers_no_more(engine: Sqlite) -> None:
    hub = await open_hub(engine.target())
    await hub.close()
    with pytest.raises(Unavailable, match="closed"):
        await hub.tasks.list_tasks(TaskFilter())
    with pytest.raises(Unavailable, match="closed"):
        await hub.workers.upsert(make_worker())


async def test_reading_goes_through_a_connection_that_cannot_write(engine: Sqlite) -> None:
    for mode in ("ro", "rw"):
        reader = await Session.open(Path(engine.dsn), "hub.db", mode=mode, query_only=True)
        with pytest.raises(Refused, match="cannot be written"):
            await reader.execute("DELETE FROM worker")
        await reader.close()


async def test_what_sqlite_cannot_hold_is_refused(hub: Hub) -> None:
    with pytest.raises(Refused, match="64 bits"):
        await hub.tasks.upsert_task(make_task(last_attempt=2**63))
    with pytest.raises(Refused, match="surrogate"):
        await hub.tasks.upsert_task(make_task(last_error="\ud800"))
    with pytest.raises(Refused, match="surrogate"):
        await hub.tasks.list_tasks(TaskFilter(task_id="\udc80"))


async def test_a_text_that_is_no_utf_8_is_shown_all_the_same(engine: Sqlite, hub: Hub) -> None:
    engine.load(tasks=[make_task()])
    with closing(sqlite3.connect(engine.dsn)) as raw, raw:
        raw.execute("UPDATE task SET last_error = CAST(x'41ff42' AS TEXT)")
    assert (await hub.tasks.get_task("t1")).last_error == "A\ufffdB"


async def test_a_search_by_state_ends_at_its_bound_and_says_where(
    engine: Sqlite, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "SCAN_ROWS", 10)
    tasks = numbered(35, status=FAIL)
    overdue = ["t0000", "t0009", "t0012", "t0033"]
    engine.load(tasks=tasks, attempts=[make_attempt(one, at=ago(days=1)) for one in overdue])
    filter = TaskFilter(statuses=(OVERDUE,))
    page = await hub.tasks.list_tasks(filter)
    assert (ids(page.tasks), page.more) == (["t0033"], True)
    assert page.searched_to == THEN + timedelta(seconds=25)
    pages = [page]
    while pages[-1].more:
        pages.append(await hub.tasks.list_tasks(filter, after=pages[-1].last))
    assert [ids(page.tasks) for page in pages] == [["t0033"], [], ["t0012", "t0009"], ["t0000"]]
    assert pages[-1].searched_to is None
    up = await hub.tasks.list_tasks(filter, from_end=True)
    assert (ids(up.tasks), up.searched_to) == (
        ["t0009", "t0000"],
        THEN + timedelta(seconds=9),
    )
    above = await hub.tasks.list_tasks(filter, before=up.first)
    assert ids(above.tasks) == ["t0012"]
    assert await hub.tasks.count_tasks(filter) == Count(value=1, kind="at_least")
    counts = await hub.tasks.status_counts()
    assert (counts.overdue, counts.running.exact) == (Count(value=1, kind="at_least"), False)
    refs = [ref.task_id async for batch in hub.tasks.task_refs(filter) for ref in batch]
    assert refs == overdue[::-1]


@pytest.fixture
def plans(engine: Sqlite, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """SQLite's plan for every query that is run from here on, a step a line."""
    seen: list[list[str]] = []
    fetch = Statements.fetch

    async def explained(
        self: Statements, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()
    ) -> list[Row]:
        if not sql.startswith("PRAGMA"):
            with closing(sqlite3.connect(engine.dsn)) as raw:
                plan = raw.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)
                seen.append([step for _, _, _, step in plan])
        return await fetch(self, sql, parameters)

    monkeypatch.setattr(Statements, "fetch", explained)
    return seen


@pytest.mark.parametrize(
    ("filter", "index"),
    [
        (TaskFilter(), "task_created"),
        (TaskFilter(since=THEN), "task_created"),
        (TaskFilter("worker-1"), "task_worker_created"),
        (TaskFilter(statuses=(FAIL,)), "task_status_updated"),
        (TaskFilter(queue="worker-1:web:low"), "task_queue_updated"),
        (TaskFilter(statuses=(RUNNING,)), "task_unfinished"),
        (TaskFilter("worker-1", (OVERDUE,)), "task_worker_unfinished"),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else "",
)
@pytest.mark.parametrize("way", ["first page", "after", "before", "end"])
async def test_an_index_gives_a_page_in_its_order(
    engine: Sqlite, hub: Hub, plans: list[list[str]], filter: TaskFilter, index: str, way: str
) -> None:
    """Without one, opening a page would read and sort the whole table."""
    cursor = Cursor(filter.order, THEN, 1)
    await hub.tasks.list_tasks(
        filter,
        after=cursor if way == "after" else None,
        before=cursor if way == "before" else None,
        from_end=way == "end",
    )
    for plan in plans:
        assert any(f"INDEX {index}" in step for step in plan), plan
    plan = plans[-1]
    sorts = [step for step in plan if step == "USE TEMP B-TREE FOR ORDER BY"]
    assert sorts in ([], plan[-1:]), plan  # of the page itself, with its attempts, at the end


async def test_several_statuses_are_found_in_the_index_alone(
    hub: Hub, plans: list[list[str]]
) -> None:
    await hub.tasks.list_tasks(TaskFilter(statuses=(FAIL, DEAD)))
    assert any("COVERING INDEX task_status_updated" in step for step in plans[0]), plans[0]


async def test_the_newest_attempt_is_looked_up_in_the_index_alone(
    hub: Hub, plans: list[list[str]]
) -> None:
    await hub.tasks.count_tasks(TaskFilter(statuses=(OVERDUE,)))
    bound, count = plans
    assert any("COVERING INDEX task_unfinished" in step for step in bound), bound
    assert any("COVERING INDEX attempt_newest" in step for step in count), count
