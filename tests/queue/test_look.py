"""One task by asynq's id."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from asynqhub_tui.asynq import keys
from asynqhub_tui.asynq.inspector import Inspector
from asynqhub_tui.queue import ACTIVE, PENDING, RETRY, STATES, QueuedTask
from tests.queue.rows import QUEUE, Rows


@pytest.mark.parametrize("state", STATES)
async def test_a_task_in_every_state(inspector: Inspector, rows: Rows, state: str) -> None:
    asynq_id = rows.put("hub-1", state)
    assert await inspector.look(QUEUE, asynq_id) == (await inspector.search(QUEUE)).found["hub-1"]


async def test_what_asynq_knows_of_a_failed_task(inspector: Inspector, rows: Rows) -> None:
    asynq_id = rows.put("hub-1", RETRY, retried=2, error_msg="boom", score=1_900_000_000)
    task = await inspector.look(QUEUE, asynq_id)
    assert task is not None
    assert (task.state, task.retried, task.last_error) == (RETRY, 2, "boom")
    assert task.next_at == datetime.fromtimestamp(1_900_000_000, UTC)


async def test_a_task_whose_lease_is_lost_has_none(inspector: Inspector, rows: Rows) -> None:
    asynq_id = rows.put("hub-1", ACTIVE)
    rows.redis.delete(keys.lease(QUEUE))
    task = await inspector.look(QUEUE, asynq_id)
    assert task is not None
    assert task.lease_until is None


async def test_no_such_task(inspector: Inspector, rows: Rows) -> None:
    asynq_id = rows.put("hub-1", PENDING)
    assert await inspector.look(QUEUE, "another") is None
    assert await inspector.look("no:such:queue", asynq_id) is None


async def test_a_hash_of_another_type_is_no_task(inspector: Inspector, rows: Rows) -> None:
    rows.redis.set(keys.task(QUEUE, "x"), "nobody's")
    assert await inspector.look(QUEUE, "x") is None


async def test_a_message_that_cannot_be_read_leaves_the_state(
    inspector: Inspector, rows: Rows
) -> None:
    rows.put_raw("garbage", PENDING, b"\xff\xff")
    rows.redis.hset(keys.task(QUEUE, "taken while dangling"), "state", ACTIVE)
    assert await inspector.look(QUEUE, "garbage") == QueuedTask(QUEUE, "garbage", None, PENDING)
    task = await inspector.look(QUEUE, "taken while dangling")
    assert task == QueuedTask(QUEUE, "taken while dangling", None, ACTIVE)


async def test_a_task_of_another_producer_has_no_id_of_the_hub(
    inspector: Inspector, rows: Rows
) -> None:
    asynq_id = rows.put("", RETRY, payload=b"\x00\xff", error_msg="boom")
    task = await inspector.look(QUEUE, asynq_id)
    assert task is not None
    assert (task.task_id, task.last_error) == (None, "boom")
