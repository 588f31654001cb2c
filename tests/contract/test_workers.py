"""Workers: their rows, their heartbeats, and deleting one."""

from __future__ import annotations

import asyncio
from datetime import timedelta, timezone

import pytest

from asynqhub_tui.models import QueueGroup, WorkerConfig
from asynqhub_tui.repository import Hub, NotFound, Refused, TaskFilter
from tests.contract.builders import THEN, WORKER, ago, make_attempt, make_task, make_worker
from tests.contract.engines import Engine


async def test_a_worker_is_read_as_it_was_written(hub: Hub) -> None:
    worker = make_worker(
        "worker-2",
        ["web", "mail-1"],
        base_url="http://10.0.0.7:8080",
        redis_addr="redis://10.0.0.8:6379/1",
        default_retry_count=5,
        default_timeout=120,
        default_delay=3,
        is_enabled=False,
        last_heartbeat_at=THEN,
        created_at=THEN - timedelta(days=1),
    )
    before = ago(seconds=5)
    await hub.workers.upsert(worker)
    read = await hub.workers.get("worker-2")
    assert read.updated_at is not None
    assert before < read.updated_at < ago(seconds=-5)
    assert read.model_copy(update={"updated_at": None}) == worker


async def test_a_new_worker_without_times_was_created_now(hub: Hub) -> None:
    before = ago(seconds=5)
    await hub.workers.upsert(make_worker("worker-2"))
    read = await hub.workers.get("worker-2")
    assert read.created_at is not None
    assert before < read.created_at < ago(seconds=-5)
    assert read.last_heartbeat_at is None


async def test_an_update_keeps_the_creation(hub: Hub) -> None:
    await hub.workers.upsert(make_worker("worker-2", created_at=THEN))
    changed = make_worker("worker-2", ["mail"], default_timeout=7, created_at=ago(days=1))
    await hub.workers.upsert(changed)
    read = await hub.workers.get("worker-2")
    assert (read.created_at, read.default_timeout) == (THEN, 7)
    assert [group.name for group in read.queue_groups] == ["mail"]
    await hub.workers.upsert(changed.model_copy(update={"created_at": None}))
    assert (await hub.workers.get("worker-2")).created_at == THEN


async def test_disabling_a_worker_is_an_upsert(hub: Hub) -> None:
    worker = await hub.workers.get(WORKER)
    await hub.workers.upsert(worker.model_copy(update={"is_enabled": False}))
    read = await hub.workers.get(WORKER)
    assert not read.is_enabled
    same = {"is_enabled": True, "updated_at": worker.updated_at}
    assert read.model_copy(update=same) == worker


async def test_a_worker_without_a_name_is_refused(hub: Hub) -> None:
    with pytest.raises(Refused, match="name"):
        await hub.workers.upsert(make_worker(""))
    assert [worker.worker_name for worker in await hub.workers.list()] == [WORKER]


async def test_an_unknown_worker_is_not_found(hub: Hub) -> None:
    for wrong in ("nobody", "worker", "WORKER-1", ""):
        with pytest.raises(NotFound):
            await hub.workers.get(wrong)
        with pytest.raises(NotFound):
            await hub.workers.delete(wrong)
    assert len(await hub.workers.list()) == 1


async def test_workers_are_listed_by_name(hub: Hub) -> None:
    for name in ("b", "worker-0", "a"):
        await hub.workers.upsert(make_worker(name))
    names = [worker.worker_name for worker in await hub.workers.list()]
    assert names == ["a", "b", "worker-0", "worker-1"]


@pytest.mark.parametrize("groups", [(), ("任务", "📮 mail", "[b]x[/b]", "a'b\"\\")])
async def test_queue_groups_come_back_as_they_were(hub: Hub, groups: tuple[str, ...]) -> None:
    expected = tuple(
        QueueGroup(name=name, concurrency=number, priorities={"low": 1, "kritisch ❗": 9})
        for number, name in enumerate(groups)
    )
    await hub.workers.upsert(WorkerConfig(worker_name="worker-2", queue_groups=expected))
    assert (await hub.workers.get("worker-2")).queue_groups == expected


async def test_an_empty_address_is_the_same_as_none(hub: Hub) -> None:
    empty = {"base_url": "", "redis_addr": ""}
    await hub.workers.upsert(make_worker("worker-2").model_copy(update=empty))
    read = await hub.workers.get("worker-2")
    assert (read.base_url, read.redis_addr) == (None, None)


async def test_a_heartbeat_sets_its_time_and_the_update(hub: Hub) -> None:
    at = THEN.astimezone(timezone(timedelta(hours=-9)))
    before = ago(seconds=5)
    worker = await hub.workers.get(WORKER)
    await hub.workers.update_heartbeat(WORKER, at)
    read = await hub.workers.get(WORKER)
    assert read.last_heartbeat_at == THEN
    assert read.updated_at is not None
    assert before < read.updated_at
    same = {"last_heartbeat_at": None, "updated_at": worker.updated_at}
    assert read.model_copy(update=same) == worker


async def test_the_heartbeat_of_an_unknown_worker_changes_nothing(hub: Hub) -> None:
    before = await hub.workers.list()
    await hub.workers.update_heartbeat("nobody", THEN)
    assert await hub.workers.list() == before


async def test_offline_is_who_has_no_recent_heartbeat(hub: Hub, engine: Engine) -> None:
    engine.load(
        [
            make_worker("never"),
            make_worker("fresh", last_heartbeat_at=ago(seconds=5)),
            make_worker("stale", last_heartbeat_at=ago(minutes=10)),
            make_worker("future", last_heartbeat_at=ago(minutes=-10)),
            make_worker("ancient", last_heartbeat_at=THEN),
        ]
    )

    async def offline(seconds: float) -> list[str]:
        return [worker.worker_name for worker in await hub.workers.list_offline_workers(seconds)]

    assert await offline(120) == ["ancient", "never", "stale", "worker-1"]
    assert await offline(3600) == ["ancient", "never", "worker-1"]
    assert await offline(0.5) == ["ancient", "fresh", "never", "stale", "worker-1"]


async def test_a_worker_without_tasks_is_deleted(hub: Hub) -> None:
    await hub.workers.upsert(make_worker("worker-2"))
    await hub.tasks.upsert_task(make_task())
    await hub.workers.delete("worker-2")
    assert [worker.worker_name for worker in await hub.workers.list()] == [WORKER]
    with pytest.raises(NotFound):
        await hub.workers.delete("worker-2")


async def test_a_worker_with_tasks_is_not_deleted(hub: Hub) -> None:
    await hub.tasks.upsert_task(make_task())
    await hub.tasks.insert_attempt(make_attempt())
    with pytest.raises(Refused, match=WORKER):
        await hub.workers.delete(WORKER)
    assert (await hub.workers.get(WORKER)).worker_name == WORKER
    assert (await hub.tasks.get_task("t1")).newest_attempt == make_attempt()
    assert len((await hub.tasks.list_tasks(TaskFilter())).tasks) == 1


async def test_two_registrations_at_once_leave_one_worker(hub: Hub) -> None:
    await asyncio.gather(
        *(hub.workers.upsert(make_worker("new", default_timeout=number)) for number in range(6))
    )
    names = [worker.worker_name for worker in await hub.workers.list()]
    assert names == ["new", WORKER]
