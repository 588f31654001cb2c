"""What asynq's own library writes is read as its own inspector reads it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from asynqhub_tui.queue import (
    ACTIVE,
    AGGREGATING,
    ARCHIVED,
    COMPLETED,
    PENDING,
    RETRY,
    SCHEDULED,
    QueueDepth,
    QueuedTask,
    TaskQueue,
)
from tests.interop.worker import Asynq

CRITICAL = "crawler:main:critical"
DEFAULT = "crawler:main:default"
MAILS = "crawler:mails:default"


def posted(task_id: str, payload: Any = None, *, queue: str = DEFAULT, **fields: Any) -> Any:
    """Return a task as business code posts it."""
    values = {"payload": payload, "queue": queue, "max_retry": 3, "timeout": 30}
    return {"task_id": task_id, **values, **fields}


def unix(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp())


def as_asynq_says(task: QueuedTask) -> dict[str, Any]:
    """Return what our and asynq's inspector both tell, in the words of the latter."""
    return {
        "asynq_id": task.asynq_id,
        "queue": task.queue,
        "state": task.state,
        "retried": task.retried,
        "max_retry": task.max_retry,
        "timeout": 0 if task.timeout is None else task.timeout.total_seconds(),
        "last_error": task.last_error or "",
        "last_failed_at": unix(task.last_failed_at),
    }


async def assert_both_read_the_same(
    asynq: Asynq, queue: TaskQueue, states: Mapping[str, str]
) -> Mapping[str, QueuedTask]:
    """Compare a search, a look at each and the depth; `states` are those by the hub's ids."""
    depth, tasks = await asynq.queue(DEFAULT)
    search = await queue.search(DEFAULT)
    assert {task_id: task.state for task_id, task in search.found.items()} == states
    assert (search.complete, search.skipped) == (True, 0)
    assert (await queue.search(DEFAULT, list(states))).found == search.found
    for task in search.found.values():
        theirs = tasks[task.asynq_id]
        assert as_asynq_says(task).items() <= theirs.items()
        if task.state in (RETRY, SCHEDULED):
            assert unix(task.next_at) == theirs["next_at"]
        assert await queue.look(DEFAULT, task.asynq_id) == task
    assert len(tasks) == len(states)
    ours = (await queue.depths([DEFAULT]))[DEFAULT]
    assert {name: getattr(ours, name) for name in depth} == depth
    return search.found


async def test_tasks_that_wait(asynq: Asynq, queue: TaskQueue) -> None:
    await asynq.enqueue(
        posted("a"),
        posted("b", {"text": "<任务> & \u2028"}, max_retry=0, timeout=90),
        posted("c", delay=3_600),
        posted("d", group="g"),
    )
    states = {"a": PENDING, "b": PENDING, "c": SCHEDULED, "d": AGGREGATING}
    await assert_both_read_the_same(asynq, queue, states)
    depth = (await queue.depths([DEFAULT]))[DEFAULT]
    assert depth.latency is not None


async def test_how_attempts_end(asynq: Asynq, queue: TaskQueue) -> None:
    states = {
        "retried": RETRY,
        "panicked": RETRY,
        "exhausted": ARCHIVED,
        "given up": ARCHIVED,
        "kept": COMPLETED,
    }
    await asynq.enqueue(
        posted("done", {"then": "succeed"}),
        posted("kept", {"then": "succeed"}, retention=3_600),
        posted("retried", {"then": "fail", "error": "任务失败: map[url:x]\x1b[31m"}),
        posted("panicked", {"then": "panic", "error": "boom"}),
        posted("exhausted", {"then": "fail"}, max_retry=0),
        posted("given up", {"then": "skip"}),
    )
    async with asynq.worker({DEFAULT: 1}) as worker:
        attempts = await worker.attempts(6)
    assert sorted(attempt["task_id"] for attempt in attempts) == sorted([*states, "done"])
    found = await assert_both_read_the_same(asynq, queue, states)
    assert found["retried"].last_error == "任务失败: map[url:x]\x1b[31m"
    assert "boom" in (found["panicked"].last_error or "")
    assert [found[name].retried for name in ("retried", "exhausted", "given up")] == [1, 0, 0]
    exhausted = found["exhausted"]
    assert exhausted.archived_at == exhausted.last_failed_at is not None
    depth = (await queue.depths([DEFAULT]))[DEFAULT]
    assert (depth.processed, depth.failed) == (6, 4)


async def test_tasks_in_work_and_their_servers(asynq: Asynq, queue: TaskQueue) -> None:
    await asynq.enqueue(
        posted("a", {"then": "wait"}),
        posted("b", {"then": "wait"}, queue=CRITICAL, timeout=90),
        posted("c", {"then": "wait"}, queue=MAILS),
    )
    groups = ({CRITICAL: 50, DEFAULT: 30}, {MAILS: 30})
    async with asynq.worker(*groups) as worker:
        await worker.attempts(3)
        found = await assert_both_read_the_same(asynq, queue, {"a": ACTIVE})
        lease = found["a"].lease_until
        assert lease is not None
        assert lease > datetime.now(UTC)
        theirs = await asynq.servers(2, executions=3)
        ours = await queue.servers()
        assert len(ours) == 2
        for server in ours:
            (same,) = [one for one in theirs if one["server_id"] == server.server_id]
            executions = {one["asynq_id"]: one for one in same.pop("executions")}
            assert same == {
                "server_id": server.server_id,
                "host": server.host,
                "pid": server.pid,
                "concurrency": server.concurrency,
                "queues": server.queues,
                "status": server.status,
                "started_at": unix(server.started_at),
            }
            for execution in server.executions:
                assert executions.pop(execution.asynq_id) == {
                    "asynq_id": execution.asynq_id,
                    "queue": execution.queue,
                    "started_at": unix(execution.started_at),
                    "deadline": unix(execution.deadline),
                }
            assert not executions
        tasks = {(one.queue, one.task_id) for server in ours for one in server.executions}
        assert tasks == {(DEFAULT, "a"), (CRITICAL, "b"), (MAILS, "c")}
        assert sorted((dict(server.queues) for server in ours), key=len) == [{MAILS: 30}, groups[0]]
    assert await queue.servers() == []


async def test_a_paused_queue(asynq: Asynq, queue: TaskQueue) -> None:
    await asynq.enqueue(posted("a"))
    await asynq.pause(DEFAULT)
    await assert_both_read_the_same(asynq, queue, {"a": PENDING})
    depths = await queue.depths([DEFAULT, MAILS])
    assert depths[DEFAULT].paused
    assert depths[MAILS] == QueueDepth(MAILS)


@pytest.mark.parametrize("count", [1, 600])
async def test_many_tasks(asynq: Asynq, queue: TaskQueue, count: int) -> None:
    states = {f"hub-{number}": PENDING for number in range(count)}
    await asynq.enqueue(*(posted(task_id) for task_id in states))
    await assert_both_read_the_same(asynq, queue, states)
