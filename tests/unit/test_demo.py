"""The sample installation: rows as Asynq-Hub leaves them, the same every time, and going on."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import pytest
from pydantic import SecretStr

from asynqhub_tui import demo
from asynqhub_tui.backends import Target, open_hub, sqlite
from asynqhub_tui.demo.history import TASKS, build
from asynqhub_tui.models import (
    DEAD,
    FAIL,
    FAILED_STATUSES,
    OVERDUE,
    PENDING,
    RUNNING,
    SUCCESS,
    Window,
)
from asynqhub_tui.repository import Hub, Refused, TaskFilter, Unavailable
from tests.unit.demo_sample import NOW, SMALL, Sample, check_rows


class Make(Protocol):
    def __call__(self, now: datetime, tasks: int = SMALL) -> Sample: ...


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[Sample] = []

    def make(now: datetime, tasks: int = SMALL) -> Sample:
        made.append(Sample.make(tmp_path / f"demo-{len(made)}.db", now, tasks))
        return made[-1]

    yield make
    for sample in made:
        sample.traffic.close()


@pytest.fixture
def sample(make: Make) -> Sample:
    return make(NOW)


@pytest.fixture
async def hub(make: Make) -> AsyncIterator[Hub]:
    """The sample as of the real present, opened as any file."""
    path = make(datetime.now(UTC), TASKS).path
    async with await sqlite.open_hub(Target("sqlite", SecretStr(str(path)))) as hub:
        yield hub


def test_every_row_is_as_the_hub_leaves_it(sample: Sample) -> None:
    check_rows(sample)
    errors = "SELECT count(*) FROM task WHERE last_error IS NOT NULL AND status <> ?"
    assert sample.number(errors, DEAD) == 0
    assert sample.number("SELECT count(*) FROM task") == SMALL
    assert sample.number("SELECT max(created_at) FROM task") <= NOW.timestamp() * 1e6
    assert sample.number("SELECT max(finished_at) FROM task_attempt") <= NOW.timestamp() * 1e6


def test_the_same_arguments_give_the_same_rows(tmp_path: Path) -> None:
    def dump(name: str, seed: int) -> list[str]:
        build(tmp_path / name, now=NOW, seed=seed, tasks=200)
        connection = sqlite3.connect(tmp_path / name)
        lines = list(connection.iterdump())
        connection.close()
        return lines

    assert dump("first", 1) == dump("again", 1) != dump("other", 2)


async def test_every_state_is_there(hub: Hub) -> None:
    for state in (PENDING, RUNNING, OVERDUE, SUCCESS, FAIL, DEAD):
        page = await hub.tasks.list_tasks(TaskFilter(statuses=(state,)), limit=1)
        assert page.tasks, state


async def test_each_worker_has_its_story(hub: Hub) -> None:
    workers = {worker.worker_name: worker for worker in await hub.workers.list()}
    stats = await hub.tasks.fleet_stats(Window.ALL)
    assert {name for name, worker in workers.items() if not worker.is_enabled} == {"old-worker"}
    offline = {worker.worker_name for worker in await hub.workers.list_offline_workers(60)}
    assert offline == {"ai-worker", "mail-worker", "old-worker"}
    assert stats["mail-worker"].pending_tasks >= 20
    assert stats["old-worker"].total_tasks > 0
    series = await hub.tasks.get_worker_time_series_stats("image-worker", 24)
    lately = [hour for hour in series[-2:] if hour.total]
    assert sum(hour.failed for hour in lately) > 0.5 * sum(hour.total for hour in lately)
    before = series[:-5]
    assert sum(hour.failed for hour in before) < 0.2 * sum(hour.total for hour in before)


def test_oddities_are_there(sample: Sample) -> None:
    assert sample.number("SELECT max(length(payload)) FROM task") > 100_000
    assert sample.number(
        "SELECT count(*) FROM task_attempt WHERE error LIKE '%' || char(10) || '%'"
    )
    again = """SELECT count(*) FROM (SELECT 1 FROM task_attempt WHERE status = 'running'
        GROUP BY task_id, attempt HAVING count(*) > 1)"""
    assert sample.number(again)
    wide = sample.rows("SELECT payload FROM task WHERE queue LIKE 'billing-worker:invoice:%'")
    assert all(json.loads(payload)["invoice"] > 1 << 53 for (payload,) in wide)


def test_tasks_pass_through_their_states(sample: Sample) -> None:
    task_mark = sample.number("SELECT max(id) FROM task")
    attempt_mark = sample.number("SELECT max(id) FROM task_attempt")
    seen: dict[str, set[str]] = {}
    for _ in range(600):
        sample.pass_time(timedelta(milliseconds=100))
        opened = sample.open_attempts(attempt_mark)
        for task, status in sample.rows("SELECT task_id, status FROM task WHERE id > ?", task_mark):
            seen.setdefault(task, set()).add(RUNNING if task in opened else status)
    fresh = seen.values()
    assert len(fresh) > 30
    assert any({PENDING, RUNNING, SUCCESS} <= states for states in fresh)
    assert any({PENDING, RUNNING, FAIL} <= states for states in fresh)
    check_rows(sample)


def test_failures_are_retried(sample: Sample) -> None:
    known = sample.number("SELECT max(id) FROM task")
    sample.pass_time(timedelta(minutes=5))
    retried = sample.rows(
        "SELECT worker_name, last_attempt FROM task WHERE id > ? AND last_attempt > 1", known
    )
    assert ("image-worker", 2) in retried
    check_rows(sample)


def test_what_runs_comes_to_an_end(sample: Sample) -> None:
    running_now = {"worker-1": 3, "ai-worker": 2}
    overdue = sample.open_attempts()
    sample.pass_time(timedelta(minutes=20))
    assert len(overdue - sample.open_attempts()) == sum(running_now.values())
    sample.rows("UPDATE worker SET is_enabled = 0")  # nothing new: what is there can finish
    sample.pass_time(timedelta(hours=1), timedelta(seconds=30))
    created = sample.number("SELECT count(*) FROM task") - SMALL
    assert created > 1_000
    assert len(sample.open_attempts() - overdue) <= created / 200
    waiting = "SELECT count(*) FROM task WHERE status = 'pending' AND worker_name = ?"
    assert sample.number(waiting, "image-worker") == 0
    assert sample.number(waiting, "mail-worker") > 20


def test_a_disabled_worker_gets_no_new_task(sample: Sample) -> None:
    sample.rows("UPDATE worker SET is_enabled = 0 WHERE worker_name = 'worker-1'")
    known = sample.number("SELECT max(id) FROM task")
    sample.pass_time(timedelta(minutes=2))
    fresh = {name for (name,) in sample.rows("SELECT worker_name FROM task WHERE id > ?", known)}
    assert "worker-1" not in fresh
    assert {"ai-worker", "image-worker"} <= fresh


async def test_a_worker_may_go_while_its_tasks_run(sample: Sample) -> None:
    sample.pass_time(timedelta(minutes=1))
    target = Target("sqlite", SecretStr(str(sample.path)))
    async with await sqlite.open_hub(target) as hub:
        async for _ in hub.tasks.purge_worker("worker-1", batch=200):
            sample.pass_time(timedelta(milliseconds=10))
        assert (await hub.tasks.count_tasks(TaskFilter(worker_name="worker-1"))).value == 0
        await hub.workers.delete("worker-1")
        sample.pass_time(timedelta(minutes=5))
        assert (await hub.tasks.count_tasks(TaskFilter(worker_name="worker-1"))).value == 0
        assert "worker-1" not in {worker.worker_name for worker in await hub.workers.list()}
    check_rows(sample)


def test_an_installation_without_workers_rests(sample: Sample) -> None:
    sample.rows("DELETE FROM task_attempt")
    sample.rows("DELETE FROM task")
    sample.rows("DELETE FROM worker")
    sample.pass_time(timedelta(minutes=5))
    assert sample.number("SELECT count(*) FROM task") == 0
    assert sample.number("SELECT count(*) FROM task_attempt") == 0


def test_living_workers_send_heartbeats(sample: Sample) -> None:
    def ages() -> dict[str, float]:
        rows = sample.rows("SELECT worker_name, last_heartbeat_at FROM worker")
        return {name: sample.now.timestamp() - beat / 1e6 for name, beat in rows}

    before = ages()
    sample.pass_time(timedelta(minutes=10))
    after = ages()
    assert all(after[name] <= 30 for name in ("worker-1", "image-worker", "billing-worker"))
    for silent in ("ai-worker", "mail-worker"):
        assert after[silent] == pytest.approx(before[silent] + 600)


def test_what_a_lock_held_up_happens_later(make: Make) -> None:
    free, held = make(NOW), make(NOW)
    free.pass_time(timedelta(seconds=30), timedelta(seconds=30))
    other = sqlite3.connect(held.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    held.traffic.step(NOW + timedelta(seconds=30))
    other.execute("ROLLBACK")
    other.close()
    assert held.number("SELECT count(*) FROM task") == SMALL
    held.traffic.step(NOW + timedelta(seconds=30))
    counts = "SELECT status, count(*) FROM task GROUP BY 1"
    assert held.rows(counts) == free.rows(counts)


def test_what_failed_halfway_happens_later(sample: Sample) -> None:
    opened = sample.open_attempts()
    sample.rows("ALTER TABLE task_attempt RENAME TO away")
    sample.pass_time(timedelta(seconds=40), timedelta(seconds=40))
    sample.rows("ALTER TABLE away RENAME TO task_attempt")
    assert sample.number("SELECT count(*) FROM task") == SMALL
    assert sample.open_attempts() == opened
    sample.pass_time(timedelta(seconds=1))
    assert sample.number("SELECT count(*) FROM task") > SMALL
    assert len(opened - sample.open_attempts()) == 5
    check_rows(sample)


def test_after_a_long_pause_it_does_not_make_up_for_all_of_it(sample: Sample) -> None:
    sample.pass_time(timedelta(days=3), timedelta(days=3))
    assert 0 < sample.number("SELECT count(*) FROM task") - SMALL < 300
    check_rows(sample)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while True:
            if await condition():
                return
            await asyncio.sleep(0.02)


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


async def test_an_open_demo_moves_by_itself_and_leaves_nothing(temporary: Path) -> None:
    hub = await open_hub(Target("demo", read_only=True))
    assert (hub.info.place, hub.info.demo, hub.info.read_only) == ("demo", True, True)
    newest = (await hub.tasks.list_tasks(TaskFilter(), limit=1)).tasks[0]

    async def moved() -> bool:
        return (await hub.tasks.list_tasks(TaskFilter(), limit=1)).tasks[0] != newest

    await until(moved)
    with pytest.raises(Refused, match="read-only"):
        await hub.workers.delete("old-worker")
    assert files(temporary)
    await hub.close()
    await hub.close()
    assert os.listdir(temporary) == []


async def test_in_the_demo_a_worker_can_be_purged_and_deleted(temporary: Path) -> None:
    async with await open_hub(Target("demo")) as hub:
        with pytest.raises(Refused):
            await hub.workers.delete("old-worker")
        async for _ in hub.tasks.purge_worker("old-worker"):
            pass
        await hub.workers.delete("old-worker")


async def test_a_demo_that_is_given_up_leaves_nothing(temporary: Path) -> None:
    opening = asyncio.create_task(demo.open_hub(Target("demo")))

    async def begun() -> bool:
        return bool(files(temporary))

    await until(begun)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert os.listdir(temporary) == []


async def test_without_room_for_it_there_is_no_demo(temporary: Path) -> None:
    os.rmdir(temporary)
    with pytest.raises(Unavailable, match="demo cannot be written"):
        await open_hub(Target("demo"))


def test_failed_tasks_say_why(sample: Sample) -> None:
    marks = ", ".join("?" * len(FAILED_STATUSES))
    silent = f"""SELECT count(*) FROM task t WHERE status IN ({marks}) AND NOT EXISTS
        (SELECT 1 FROM task_attempt a WHERE a.task_id = t.task_id AND a.error IS NOT NULL)"""
    assert sample.number(silent, *FAILED_STATUSES) == 0
