"""Others write to PostgreSQL at the same time: what the dashboard makes of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from datetime import timedelta

import psycopg
import pytest
from pydantic import SecretStr

from asynqhub_tui.backends import Target, open_hub
from asynqhub_tui.backends.postgres import changes as changes_module
from asynqhub_tui.models import FAIL, RUNNING, PurgeProgress
from asynqhub_tui.repository import Hub, TaskFilter
from tests.contract.builders import THEN, WORKER, make_attempt, make_task, make_worker, numbered
from tests.contract.engines import Postgres
from tests.servers import PostgresServer

ATTEMPT = "INSERT INTO task_attempt (task_id, attempt, status) VALUES (%s, %s, %s)"


@pytest.fixture
def dsn(postgres_server: PostgresServer) -> Iterator[str]:
    """An installation with `worker-1` and the tasks t0000 to t0299, all failed."""
    with postgres_server.installation() as made:
        Postgres(made).load([make_worker()], numbered(300, status=FAIL))
        yield made


@pytest.fixture
async def hub(dsn: str) -> AsyncIterator[Hub]:
    """The same, open."""
    async with await open_hub(Target("postgres", SecretStr(dsn))) as opened:
        yield opened


async def purged(hub: Hub, *, batch: int) -> list[PurgeProgress]:
    """Purge `worker-1` and return what was told on the way."""
    return [step async for step in hub.tasks.purge_worker(WORKER, batch=batch)]


async def test_an_attempt_that_commits_late_is_found(hub: Hub, dsn: str) -> None:
    """Ids are given out before the commit: a later one may be seen first."""
    shown = ["t0001", "t0002"]
    mark = (await hub.tasks.changes(shown)).mark
    with psycopg.connect(dsn) as slow, psycopg.connect(dsn, autocommit=True) as fast:
        slow.execute(ATTEMPT, ("t0001", 1, RUNNING))
        fast.execute(ATTEMPT, ("t0002", 1, RUNNING))
        changes = await hub.tasks.changes(shown, mark)
        assert [task.task_id for task in changes.tasks] == ["t0002"]
        slow.commit()
        changes = await hub.tasks.changes(shown, changes.mark)
        assert [task.task_id for task in changes.tasks] == ["t0001"]
        assert (await hub.tasks.changes(shown, changes.mark)).tasks == ()


async def test_after_a_flood_of_attempts_every_shown_task_is_read(
    hub: Hub, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes_module, "_NEW_ATTEMPTS", 20)
    shown = ["t0001", "t0002"]
    mark = (await hub.tasks.changes(shown)).mark
    with psycopg.connect(dsn, autocommit=True) as other:
        other.execute(ATTEMPT, ("t0002", 1, RUNNING))
        other.cursor().executemany(ATTEMPT, [(f"t{n:04}", 1, RUNNING) for n in range(100, 130)])
    changes = await hub.tasks.changes(shown, mark)
    newest = {task.task_id: task.newest_attempt for task in changes.tasks}
    assert newest["t0001"] is None
    assert newest["t0002"] is not None


async def test_references_are_complete_though_rows_move(hub: Hub, dsn: str) -> None:
    """A task that fails again while the list is read is in it, once."""
    Postgres(dsn).load(tasks=[make_task(f"u{n:04}", status=FAIL, at=THEN) for n in range(2200)])
    seen: list[str] = []
    async with aclosing(hub.tasks.task_refs(TaskFilter(statuses=(FAIL,)))) as batches:
        async for batch in batches:
            seen += [ref.task_id for ref in batch]
            if len(seen) == 1000:
                for moved in (seen[5], "u0003", "u0004"):
                    await hub.tasks.update_task_status(moved, FAIL, 2, None, None)
    assert len(seen) == len(set(seen)) == 2500


async def test_a_purge_holds_its_own_against_a_worker_that_reports(hub: Hub, dsn: str) -> None:
    """Attempts arrive during the purge, until their task is gone."""
    stop = threading.Event()
    written, refused = [], []

    def report() -> None:
        with psycopg.connect(dsn, autocommit=True) as connection:
            number = 0
            while not stop.is_set():
                task_id = f"t{299 - number % 300:04}"
                number += 1
                try:
                    connection.execute(ATTEMPT, (task_id, number, RUNNING))
                    written.append(task_id)
                except psycopg.errors.ForeignKeyViolation:
                    refused.append(task_id)

    reporting = asyncio.create_task(asyncio.to_thread(report))
    try:
        async with asyncio.timeout(60):
            while not written:  # noqa: ASYNC110 - a thread, not a task, fills it
                await asyncio.sleep(0)
            steps = await purged(hub, batch=20)
            while not refused:  # noqa: ASYNC110
                await asyncio.sleep(0)
    finally:
        stop.set()
        await reporting
    assert steps[-1].tasks == 300
    with psycopg.connect(dsn) as connection:
        rows = connection.execute("SELECT count(*) FROM task_attempt").fetchone()
    assert rows == (0,)
    assert steps[-1].attempts == len(written)


async def test_a_purge_waits_for_an_attempt_that_is_being_written(hub: Hub, dsn: str) -> None:
    with psycopg.connect(dsn) as other:
        other.execute(ATTEMPT, ("t0000", 1, RUNNING))
        purging = asyncio.create_task(purged(hub, batch=10))
        await _blocked(dsn)
        other.commit()
        steps = await purging
    assert steps[0] == PurgeProgress(tasks=10, attempts=1)
    assert steps[-1] == PurgeProgress(tasks=300, attempts=1)


async def _blocked(dsn: str) -> None:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with psycopg.connect(dsn, autocommit=True) as connection:
        async with asyncio.timeout(20):
            while connection.execute(waiting).fetchone() == (0,):  # noqa: ASYNC110 - no event
                await asyncio.sleep(0)


async def test_new_tasks_do_not_disturb_paging(hub: Hub, dsn: str) -> None:
    page = await hub.tasks.list_tasks(TaskFilter(), limit=40)
    seen = [task.task_id for task in page.tasks]
    number = 0
    while page.more:
        number += 1
        at = THEN + timedelta(days=1, seconds=number)
        await hub.tasks.upsert_task(make_task(f"new{number}", at=at))
        await hub.tasks.insert_attempt(make_attempt(f"new{number}", at=at))
        page = await hub.tasks.list_tasks(TaskFilter(), limit=40, after=page.last)
        seen += [task.task_id for task in page.tasks]
    assert seen == [f"t{n:04}" for n in range(299, -1, -1)]


async def test_ids_and_times_may_run_against_each_other(postgres_server: PostgresServer) -> None:
    """Rows that were copied from elsewhere: the order is that of creation all the same."""
    dsn = postgres_server.create_database()
    workers = [make_worker(f"worker-{n}") for n in range(1, 4)]
    tasks = numbered(400)
    owned = [
        task.model_copy(update={"worker_name": f"worker-{1 + index % 3}"})
        for index, task in enumerate(reversed(tasks))
    ]
    Postgres(dsn).load(workers, owned)
    expected = [task.task_id for task in reversed(tasks)]
    async with await open_hub(Target("postgres", SecretStr(dsn))) as hub:
        page = await hub.tasks.list_tasks(TaskFilter(), limit=60)
        seen = [task.task_id for task in page.tasks]
        while page.more:
            page = await hub.tasks.list_tasks(TaskFilter(), limit=60, after=page.last)
            seen += [task.task_id for task in page.tasks]
        assert seen == expected
        page = await hub.tasks.list_tasks(TaskFilter(), limit=60, from_end=True)
        seen = [task.task_id for task in page.tasks]
        while page.more:
            page = await hub.tasks.list_tasks(TaskFilter(), limit=60, before=page.first)
            seen = [task.task_id for task in page.tasks] + seen
        assert seen == expected
    postgres_server.drop_database(dsn)
