"""What we write, asynq's own worker processes: once, with what it was given."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from asynqhub_tui.asynq import open_queue
from asynqhub_tui.models import TaskRef
from asynqhub_tui.queue import (
    ARCHIVED,
    RETRY,
    SCHEDULED,
    Message,
    Move,
    Result,
    TaskQueue,
    envelope,
)
from tests.interop.worker import Asynq

QUEUE = "crawler:main:default"

UPDATED = datetime(2026, 1, 1, 0, 0, 0, 123456, tzinfo=UTC)


def version(task_id: str) -> TaskRef:
    """Return the version of a failed task that a retry has planned."""
    return TaskRef(
        task_id=task_id,
        worker_name="crawler",
        queue=QUEUE,
        status="fail",
        last_attempt=4,
        updated_at=UPDATED,
    )


def message(task_id: str, payload: str, **fields: Any) -> Message:
    """Return a fresh message, as a retry makes it."""
    values: dict[str, Any] = {"asynq_id": f"asynq-{task_id}", "max_retry": 5, "timeout": 90}
    return Message(ref=version(task_id), payload=envelope(task_id, payload), **values | fields)


PAYLOADS = [
    "null",
    '{"url":"https://example.com/?a=1&b=<2>"}',
    '{"big":12345678901234567890123,"decimal":1.10,"exponent":1e400}',
    '{"text":"任务 😀 \\u0000 \\u2028","task_id":"another"}',
    json.dumps("x" * (2 * 1024 * 1024 - 2)),
]


@pytest.mark.parametrize("payload", PAYLOADS, ids=range(len(PAYLOADS)))
async def test_a_message_arrives_as_it_is(asynq: Asynq, queue: TaskQueue, payload: str) -> None:
    (answer,) = await queue.enqueue([message("hub-1", payload)], "batch")
    assert answer.result is Result.DONE
    async with asynq.worker({QUEUE: 1}) as worker:
        assert await worker.attempts(1) == [
            {
                "event": "attempt",
                "task_id": "hub-1",
                "asynq_id": "asynq-hub-1",
                "queue": QUEUE,
                "type": QUEUE,
                "payload": payload,
                "retried": 0,
                "max_retry": 5,
                "timeout": 90,
            }
        ]
    assert (await queue.search(QUEUE)).found == {}


async def test_messages_are_processed_once_however_often_they_are_sent(
    asynq: Asynq, queue: TaskQueue
) -> None:
    messages = [message(f"hub-{number}", "{}") for number in range(300)]
    async with asynq.worker({QUEUE: 1}) as worker:
        assert {one.result for one in await queue.enqueue(messages, "batch")} == {Result.DONE}
        attempts = await worker.attempts(300)
        again = await queue.enqueue(messages, "batch")
        assert {one.result for one in again} == {Result.ALREADY}
        others = await queue.enqueue(messages, "another batch")
        assert {one.result for one in others} == {Result.CLAIMED}
    assert Counter(one["task_id"] for one in attempts) == Counter(
        one.ref.task_id for one in messages
    )


async def test_a_message_for_later_waits_until_then(asynq: Asynq, queue: TaskQueue) -> None:
    now = datetime.now(UTC)
    soon, late = now + timedelta(seconds=1), now + timedelta(hours=1)
    await queue.enqueue(
        [message("soon", "{}", process_at=soon), message("late", "{}", process_at=late)], "batch"
    )
    async with asynq.worker({QUEUE: 1}) as worker:
        (attempt,) = await worker.attempts(1)
    assert attempt["task_id"] == "soon"
    task = (await queue.search(QUEUE)).found["late"]
    assert (task.state, task.next_at) == (SCHEDULED, late.replace(microsecond=0))


async def test_tasks_that_asynq_holds_run_in_place(asynq: Asynq, queue: TaskQueue) -> None:
    values = {"queue": QUEUE, "timeout": 90}
    await asynq.enqueue(
        {"task_id": "archived", "payload": {"n": 1}, "max_retry": 0, **values},
        {"task_id": "retry", "payload": {"n": 2}, "max_retry": 5, **values},
        {"task_id": "scheduled", "payload": {"n": 3}, "max_retry": 4, "delay": 3_600, **values},
    )
    async with asynq.worker({QUEUE: 1}, then="fail") as worker:
        await worker.attempts(2)
    found = (await queue.search(QUEUE)).found
    assert {task_id: task.state for task_id, task in found.items()} == {
        "archived": ARCHIVED,
        "retry": RETRY,
        "scheduled": SCHEDULED,
    }
    moves = [Move(version(task_id), task.asynq_id) for task_id, task in found.items()]
    async with asynq.worker({QUEUE: 1}) as worker:
        assert {one.result for one in await queue.run(moves, "batch")} == {Result.DONE}
        attempts = {one["task_id"]: one for one in await worker.attempts(3)}
        # A second press, when the work is done already, runs nothing.
        assert {one.result for one in await queue.run(moves, "second")} == {Result.CLAIMED}
    seen = {
        task_id: (one["asynq_id"], one["payload"], one["retried"], one["max_retry"], one["timeout"])
        for task_id, one in attempts.items()
    }
    assert seen == {
        "archived": (found["archived"].asynq_id, '{"n":1}', 0, 0, 90),
        "retry": (found["retry"].asynq_id, '{"n":2}', 1, 5, 90),
        "scheduled": (found["scheduled"].asynq_id, '{"n":3}', 0, 4, 90),
    }
    assert (await queue.search(QUEUE)).found == {}


async def test_two_who_press_at_once_run_each_task_once(
    asynq: Asynq, queue: TaskQueue, uri: str
) -> None:
    values = {"queue": QUEUE, "timeout": 30, "max_retry": 0, "payload": {}}
    await asynq.enqueue(*({"task_id": f"hub-{number}", **values} for number in range(200)))
    async with asynq.worker({QUEUE: 1}, then="fail") as worker:
        await worker.attempts(200)
    found = (await queue.search(QUEUE)).found
    assert {task.state for task in found.values()} == {ARCHIVED}
    moves = [Move(version(task_id), task.asynq_id) for task_id, task in found.items()]
    async with asynq.worker({QUEUE: 1}) as worker, await open_queue(SecretStr(uri)) as other:
        first, second = await asyncio.gather(
            queue.run(moves, "batch"), other.run(moves[::-1], "another batch")
        )
        attempts = await worker.attempts(200)
    assert Counter(one["task_id"] for one in attempts) == Counter(list(found))
    for one, same in zip(first, reversed(second), strict=True):
        assert {one.result, same.result} == {Result.DONE, Result.CLAIMED}


async def test_our_message_that_fails_is_retried_and_archived_by_asynq(
    asynq: Asynq, queue: TaskQueue
) -> None:
    await queue.enqueue([message("hub-1", '{"then":"fail"}', max_retry=1)], "batch")
    async with asynq.worker({QUEUE: 1}, then="fail") as worker:
        await worker.attempts(1)
    task = (await queue.search(QUEUE)).found["hub-1"]
    assert (task.state, task.retried, task.max_retry) == (RETRY, 1, 1)
    later = version("hub-1").model_copy(update={"last_attempt": 5})
    await queue.run([Move(later, task.asynq_id)], "batch 2")
    async with asynq.worker({QUEUE: 1}, then="fail") as worker:
        (attempt,) = await worker.attempts(1)
    assert attempt["retried"] == 1
    task = (await queue.search(QUEUE)).found["hub-1"]
    assert (task.state, task.retried, task.last_error) == (ARCHIVED, 1, "told to fail")


async def test_the_lock_of_a_unique_message_is_given_back_by_the_worker(
    asynq: Asynq, queue: TaskQueue
) -> None:
    first = message("hub-1", "{}", unique_seconds=60)
    later = first.ref.model_copy(update={"last_attempt": 5})
    second = replace(first, ref=later, asynq_id="second")
    (answer,) = await queue.enqueue([first], "batch")
    assert answer.result is Result.DONE
    (answer,) = await queue.enqueue([second], "batch 2")
    assert (answer.result, answer.detail) == (Result.DUPLICATE, "asynq-hub-1")
    async with asynq.worker({QUEUE: 1}) as worker:
        await worker.attempts(1)
    (answer,) = await queue.enqueue([second], "batch 2")
    assert answer.result is Result.DONE
