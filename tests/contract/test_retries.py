"""What a retry needs of a store: payloads in bounded batches, and the conditional mark."""

from __future__ import annotations

from datetime import timedelta
from random import Random

import pytest

from asynqhub_tui.models import DEAD, FAIL, PENDING, SUCCESS
from asynqhub_tui.repository import Hub, TaskFilter
from tests.contract.builders import THEN, ago, make_task
from tests.contract.engines import Engine

MICROSECOND = timedelta(microseconds=1)


async def test_tasks_come_with_their_payloads(hub: Hub, engine: Engine) -> None:
    odd = '{"n": 12345678901234567890.000000000000001, "s": "\\u001b[31m[b]"}'
    engine.load(tasks=[make_task("a", payload=odd), make_task("b"), make_task("c")])
    batches = [batch async for batch in hub.tasks.with_payloads(["a", "b", "nobody"])]
    found = {task.task_id: task for batch in batches for task in batch}
    assert found.keys() == {"a", "b"}
    assert found["a"] == await hub.tasks.get_task("a")


async def test_large_payloads_come_few_at_a_time(hub: Hub, engine: Engine) -> None:
    random = Random(3)
    ids = [f"t{index}" for index in range(6)]
    tasks = [
        make_task(task_id, payload=f'{{"blob": "{random.randbytes(1_000_000).hex()}"}}')
        for task_id in ids
    ]
    engine.load(tasks=tasks)
    batches = [list(batch) async for batch in hub.tasks.with_payloads(ids)]
    assert len(batches) > 1
    assert {task.task_id: task.payload for batch in batches for task in batch} == {
        task.task_id: task.payload for task in tasks
    }


async def test_many_ids_come_in_batches(hub: Hub, engine: Engine) -> None:
    ids = [f"t{index:04}" for index in range(1100)]
    engine.load(tasks=[make_task(task_id) for task_id in ids])
    batches = [list(batch) async for batch in hub.tasks.with_payloads(ids)]
    assert sorted(task.task_id for batch in batches for task in batch) == ids
    assert max(map(len, batches)) <= 500


async def test_no_ids_give_no_tasks(hub: Hub) -> None:
    assert [batch async for batch in hub.tasks.with_payloads([])] == []


async def test_a_mark_sets_the_tasks_that_have_not_changed(hub: Hub, engine: Engine) -> None:
    engine.load(
        tasks=[
            make_task("failed", status=FAIL, last_attempt=4, last_error="no"),
            make_task("dead", status=DEAD, last_attempt=2),
            make_task("other", status=FAIL),
        ]
    )
    before = {name: await hub.tasks.get_task(name) for name in ("failed", "dead", "other")}
    marked = await hub.tasks.mark_pending([before["failed"].ref, before["dead"].ref])
    assert marked == {"failed", "dead"}
    after = await hub.tasks.get_task("failed")
    assert after == before["failed"].model_copy(
        update={"status": PENDING, "updated_at": after.updated_at}
    )
    assert after.updated_at > ago(minutes=1)
    assert (await hub.tasks.get_task("dead")).status == PENDING
    assert await hub.tasks.get_task("other") == before["other"]


@pytest.mark.parametrize("shift", [-MICROSECOND, MICROSECOND])
async def test_a_mark_leaves_alone_what_has_been_written_since(
    hub: Hub, engine: Engine, shift: timedelta
) -> None:
    engine.load(tasks=[make_task("a", status=SUCCESS, updated_at=THEN)])
    now = await hub.tasks.get_task("a")
    planned = now.ref.model_copy(update={"status": FAIL, "updated_at": THEN + shift})
    assert await hub.tasks.mark_pending([planned]) == frozenset()
    assert await hub.tasks.get_task("a") == now


async def test_a_second_mark_changes_nothing(hub: Hub, engine: Engine) -> None:
    engine.load(tasks=[make_task("a", status=FAIL)])
    ref = (await hub.tasks.get_task("a")).ref
    assert await hub.tasks.mark_pending([ref]) == {"a"}
    marked = await hub.tasks.get_task("a")
    assert await hub.tasks.mark_pending([ref]) == frozenset()
    assert await hub.tasks.get_task("a") == marked


async def test_marks_of_unknown_tasks_and_of_none(hub: Hub) -> None:
    gone = make_task("gone").ref
    assert await hub.tasks.mark_pending([gone]) == frozenset()
    assert await hub.tasks.mark_pending([]) == frozenset()


async def test_a_mark_of_a_thousand_tasks(hub: Hub, engine: Engine) -> None:
    engine.load(tasks=[make_task(f"t{index}", status=FAIL) for index in range(1000)])
    refs = [ref async for batch in hub.tasks.task_refs(TaskFilter()) for ref in batch]
    assert len(await hub.tasks.mark_pending(refs)) == 1000
