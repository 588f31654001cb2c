"""How much lies in queues."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from asynqhub_tui.asynq import keys
from asynqhub_tui.asynq.inspector import Inspector
from asynqhub_tui.queue import AGGREGATING, PENDING, STATES, QueueDepth
from tests.queue.rows import GROUP, QUEUE, Rows


async def test_every_state_is_counted(inspector: Inspector, rows: Rows) -> None:
    for count, state in enumerate(STATES, 1):
        for _ in range(count):
            rows.put("hub-1", state)
    depths = await inspector.depths([QUEUE])
    assert depths == {
        QUEUE: QueueDepth(
            queue=QUEUE,
            active=1,
            pending=2,
            retry=3,
            scheduled=4,
            aggregating=5,
            archived=6,
            completed=7,
        )
    }


async def test_unknown_queues_are_all_zero(inspector: Inspector) -> None:
    assert await inspector.depths(["no:such:queue", ""]) == {
        "no:such:queue": QueueDepth("no:such:queue"),
        "": QueueDepth(""),
    }
    assert await inspector.depths([]) == {}


async def test_more_queues_than_fit_into_one_call(inspector: Inspector, rows: Rows) -> None:
    queues = [f"w{number}:main:low" for number in range(205)]
    for queue in queues[::2]:
        rows.put("hub-1", PENDING, queue=queue)
    depths = await inspector.depths([*queues, *queues])
    assert [depths[queue].pending for queue in queues] == [1, 0] * 102 + [1]


async def test_a_paused_queue(inspector: Inspector, rows: Rows) -> None:
    rows.redis.set(keys.paused(QUEUE), "1700000000")
    assert (await inspector.depths([QUEUE]))[QUEUE].paused


async def test_attempts_of_today(inspector: Inspector, rows: Rows) -> None:
    today = datetime.now(UTC).date()
    for day in (today - timedelta(days=1), today, today + timedelta(days=1)):
        # The day may change while this test runs.
        rows.redis.set(keys.processed(QUEUE, day), 7)
        rows.redis.set(keys.failed(QUEUE, day), 3)
    rows.redis.set(keys.processed(QUEUE), 1_000)
    depth = (await inspector.depths([QUEUE]))[QUEUE]
    assert (depth.processed, depth.failed) == (7, 3)


async def test_latency_is_the_age_of_the_oldest_pending_task(
    inspector: Inspector, rows: Rows
) -> None:
    seconds, microseconds = rows.redis.time()
    now = seconds * 1_000_000 + microseconds
    for age in (3_600, 60):  # seconds
        asynq_id = rows.put("hub-1", PENDING)
        since = (now - age * 1_000_000) * 1_000
        rows.redis.hset(keys.task(QUEUE, asynq_id), "pending_since", since)
    latency = (await inspector.depths([QUEUE]))[QUEUE].latency
    assert latency is not None
    seconds, microseconds = rows.redis.time()
    passed = timedelta(microseconds=seconds * 1_000_000 + microseconds - now)
    assert timedelta(hours=1) <= latency <= timedelta(hours=1) + passed


@pytest.mark.parametrize("since", [None, b"", b"soon", b"\xff", b"9" * 40])
async def test_a_task_that_does_not_say_since_when_it_waits(
    inspector: Inspector, rows: Rows, since: bytes | None
) -> None:
    asynq_id = rows.put("hub-1", PENDING)
    if since is not None:
        rows.redis.hset(keys.task(QUEUE, asynq_id), "pending_since", since)
    depth = (await inspector.depths([QUEUE]))[QUEUE]
    assert depth.pending == 1
    assert not depth.latency  # not known; none where the clock that told it was ahead


async def test_tasks_that_are_being_aggregated_count(inspector: Inspector, rows: Rows) -> None:
    rows.put("hub-1", AGGREGATING)
    name = keys.aggregation_set(QUEUE, GROUP, "set-1")
    rows.redis.zadd(name, {"a": 1, "b": 1})
    rows.redis.zadd(keys.aggregation_sets(QUEUE), {name: 2_000_000_000})
    assert (await inspector.depths([QUEUE]))[QUEUE].aggregating == 3


async def test_a_key_of_another_type_counts_as_none(inspector: Inspector, rows: Rows) -> None:
    today = datetime.now(UTC).date()
    names = [keys.collection(QUEUE, state) for state in STATES]
    names += [keys.groups(QUEUE), keys.aggregation_sets(QUEUE)]
    for name in names:
        rows.redis.hset(name, "nobody's", "1")
    for day in (today, today + timedelta(days=1)):
        rows.redis.rpush(keys.processed(QUEUE, day), "1")
        rows.redis.set(keys.failed(QUEUE, day), "many")
    assert (await inspector.depths([QUEUE]))[QUEUE] == QueueDepth(QUEUE)
