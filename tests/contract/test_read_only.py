"""An installation that is open read-only can be read and not be changed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from asynqhub_tui.backends import open_hub
from asynqhub_tui.models import FAIL, Window
from asynqhub_tui.repository import Hub, Refused, TaskFilter
from tests.contract.builders import (
    THEN,
    WORKER,
    ids,
    make_attempt,
    make_task,
    make_worker,
)
from tests.contract.engines import Engine


async def mark(hub: Hub) -> None:
    """Mark `t1` as pending."""
    await hub.tasks.mark_pending([(await hub.tasks.get_task("t1")).ref])


async def purge(hub: Hub) -> None:
    """Purge `worker-1` to the end."""
    async for _ in hub.tasks.purge_worker(WORKER):
        pass


WRITES: dict[str, Callable[[Hub], Awaitable[None]]] = {
    "upsert_task": lambda hub: hub.tasks.upsert_task(make_task("new")),
    "update_task_status": lambda hub: hub.tasks.update_task_status("t1", FAIL, 1, None, None),
    "insert_attempt": lambda hub: hub.tasks.insert_attempt(make_attempt("t1", 9)),
    "mark_pending": mark,
    "purge_worker": purge,
    "upsert": lambda hub: hub.workers.upsert(make_worker("new")),
    "delete": lambda hub: hub.workers.delete("idle"),
    "update_heartbeat": lambda hub: hub.workers.update_heartbeat(WORKER, THEN),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
async def test_writing_is_refused(engine: Engine, write: Callable[[Hub], Awaitable[None]]) -> None:
    engine.load([make_worker(), make_worker("idle")], [make_task()], [make_attempt()])
    async with await open_hub(engine.target(read_only=True)) as hub:
        before = await hub.tasks.get_task("t1"), await hub.workers.list()
        with pytest.raises(Refused, match="read-only"):
            await write(hub)
        assert (await hub.tasks.get_task("t1"), await hub.workers.list()) == before
        assert (await hub.tasks.count_tasks(TaskFilter())).value == 1


async def test_the_same_writes_are_done_otherwise(engine: Engine) -> None:
    engine.load([make_worker(), make_worker("idle")], [make_task()], [make_attempt()])
    async with await open_hub(engine.target()) as hub:
        for write in WRITES.values():
            await write(hub)
        assert not hub.info.read_only
        names = [worker.worker_name for worker in await hub.workers.list()]
        assert names == ["new", WORKER]


async def test_everything_can_be_read(engine: Engine) -> None:
    engine.load([make_worker()], [make_task(status=FAIL)], [make_attempt(status=FAIL)])
    async with await open_hub(engine.target(read_only=True)) as hub:
        assert hub.info.read_only
        assert ids((await hub.tasks.list_tasks(TaskFilter())).tasks) == ["t1"]
        assert ids((await hub.tasks.changes(["t1"])).tasks) == ["t1"]
        assert ids(await hub.tasks.list_failed_tasks()) == ["t1"]
        assert len(await hub.tasks.list_attempts("t1")) == 1
        assert (await hub.tasks.status_counts()).by_status[FAIL].value == 1
        assert [len(batch) async for batch in hub.tasks.task_refs(TaskFilter())] == [1]
        assert (await hub.tasks.fleet_stats(Window.ALL))[WORKER].failed_tasks == 1
        assert len(await hub.tasks.get_worker_time_series_stats(WORKER)) == 24
        assert await hub.tasks.fleet_series() is not None
        assert (await hub.tasks.worker_usage(WORKER)).tasks.value == 1
        assert len(await hub.workers.list_offline_workers(60)) == 1


async def test_it_says_what_it_is(engine: Engine) -> None:
    async with await open_hub(engine.target()) as hub:
        assert hub.info.backend == engine.backend
        assert hub.info.place
        assert hub.info.version
        assert "s3cr" not in repr(hub.info)
        assert not hub.info.demo


async def test_closing_twice_is_closing_once(engine: Engine) -> None:
    hub = await open_hub(engine.target())
    await hub.close()
    await hub.close()
