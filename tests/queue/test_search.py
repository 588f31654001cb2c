"""The search for the hub's tasks among asynq's."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from asynqhub_tui.asynq import keys
from asynqhub_tui.asynq.address import parse
from asynqhub_tui.asynq.connection import Argument, RedisConnection
from asynqhub_tui.asynq.inspector import Inspector
from asynqhub_tui.asynq.inspector_payloads import task_id_of
from asynqhub_tui.asynq.messages import TaskMessage, encode
from asynqhub_tui.queue import (
    ACTIVE,
    AGGREGATING,
    ARCHIVED,
    COMPLETED,
    PENDING,
    RETRY,
    SCHEDULED,
    STATES,
    QueuedTask,
    envelope,
)
from tests.queue.conftest import connected
from tests.queue.rows import QUEUE, Rows

LATER = datetime.fromtimestamp(2_000_000_000, UTC)
EARLIER = datetime.fromtimestamp(1_700_000_000, UTC)


async def test_a_task_is_found_in_every_state(inspector: Inspector, rows: Rows) -> None:
    ids = {state: rows.put(f"hub-{state}", state) for state in STATES}
    search = await inspector.search(QUEUE)
    assert {one.state: (one.task_id, one.asynq_id) for one in search.found.values()} == {
        state: (f"hub-{state}", asynq_id) for state, asynq_id in ids.items()
    }
    assert (search.complete, search.skipped) == (True, 0)


async def test_what_is_known_of_a_task_that_waits_for_its_retry(
    inspector: Inspector, rows: Rows
) -> None:
    asynq_id = rows.put("hub-1", RETRY, retried=1, error_msg="boom", last_failed_at=1_700_000_000)
    assert (await inspector.search(QUEUE, ["hub-1"])).found == {
        "hub-1": QueuedTask(
            queue=QUEUE,
            asynq_id=asynq_id,
            task_id="hub-1",
            state=RETRY,
            retried=1,
            max_retry=3,
            timeout=timedelta(seconds=30),
            last_error="boom",
            last_failed_at=EARLIER,
            next_at=LATER,
        )
    }


@pytest.mark.parametrize(
    ("state", "field"),
    [
        (RETRY, "next_at"),
        (SCHEDULED, "next_at"),
        (ARCHIVED, "archived_at"),
        (ACTIVE, "lease_until"),
        (PENDING, None),
        (COMPLETED, None),
        (AGGREGATING, None),
    ],
)
async def test_each_state_has_its_own_time(
    inspector: Inspector, rows: Rows, state: str, field: str | None
) -> None:
    rows.put("hub-1", state)
    task = (await inspector.search(QUEUE)).found["hub-1"]
    times = {name: getattr(task, name) for name in ("next_at", "archived_at", "lease_until")}
    assert {name for name, at in times.items() if at is not None} == ({field} if field else set())
    if field:
        assert times[field] == LATER


async def test_only_the_wanted_ids_of_the_queue_are_found(inspector: Inspector, rows: Rows) -> None:
    rows.put("hub-1", ARCHIVED)
    rows.put("hub-2", ARCHIVED)
    rows.put("hub-3", ARCHIVED, queue="crawler:main:critical")
    search = await inspector.search(QUEUE, ["hub-2", "hub-3", "hub-4"])
    assert set(search.found) == {"hub-2"}
    assert search.complete


async def test_nothing_wanted_finds_nothing(inspector: Inspector, rows: Rows) -> None:
    rows.put("hub-1", ARCHIVED)
    assert (await inspector.search(QUEUE, [])).found == {}


async def test_a_queue_that_redis_does_not_know_is_empty(inspector: Inspector) -> None:
    search = await inspector.search("no:such:queue", ["hub-1"])
    assert (search.found, search.complete, search.skipped) == ({}, True, 0)


@pytest.mark.parametrize(("livelier", "other"), itertools.combinations(STATES, 2))
async def test_of_two_under_one_id_the_livelier_counts(
    inspector: Inspector, rows: Rows, livelier: str, other: str
) -> None:
    rows.put("hub-1", other, asynq_id="a")
    rows.put("hub-1", livelier, asynq_id="b")
    for wanted in (None, ["hub-1"], ["hub-1", "hub-2"]):
        assert (await inspector.search(QUEUE, wanted)).found["hub-1"].asynq_id == "b"


async def test_of_two_archived_under_one_id_the_later_counts(
    inspector: Inspector, rows: Rows
) -> None:
    rows.put("hub-1", ARCHIVED, asynq_id="a", score=1_900_000_001)
    rows.put("hub-1", ARCHIVED, asynq_id="b", score=1_900_000_000)
    assert (await inspector.search(QUEUE, ["hub-1"])).found["hub-1"].asynq_id == "a"


async def test_the_hash_tells_the_state(inspector: Inspector, rows: Rows) -> None:
    asynq_id = rows.put("hub-1", ARCHIVED)
    rows.redis.hset(keys.task(QUEUE, asynq_id), "state", "pending")
    task = (await inspector.search(QUEUE)).found["hub-1"]
    assert (task.state, task.archived_at) == (PENDING, None)


async def test_a_state_of_a_newer_asynq_is_told_as_it_is(inspector: Inspector, rows: Rows) -> None:
    asynq_id = rows.put("hub-1", ARCHIVED)
    rows.redis.hset(keys.task(QUEUE, asynq_id), "state", "hibernating")
    assert (await inspector.search(QUEUE, ["hub-1"])).found["hub-1"].state == "hibernating"


class Meddled(RedisConnection):
    """Lets somebody change something just before one of the calls of a search."""

    def __init__(self, uri: str, before: int, change: Callable[[], None]) -> None:
        super().__init__(parse(uri))
        self._before = before
        self._change = change
        self.calls = 0

    async def call(self, *command: Argument) -> Any:
        self.calls += 1
        if self.calls == self._before:
            self._change()
        return await super().call(*command)


MOVES = [
    (SCHEDULED, PENDING),
    (RETRY, PENDING),
    (ARCHIVED, PENDING),
    (COMPLETED, PENDING),
    (AGGREGATING, PENDING),
    (PENDING, ACTIVE),
    (PENDING, ARCHIVED),
    (ACTIVE, PENDING),
    (ACTIVE, RETRY),
    (ACTIVE, ARCHIVED),
    (ACTIVE, COMPLETED),
    (RETRY, ARCHIVED),
    (SCHEDULED, ARCHIVED),
]


@pytest.mark.parametrize("wanted", [None, ["hub-1"]])
@pytest.mark.parametrize(("source", "target"), MOVES)
async def test_a_task_that_moves_meanwhile_is_found(
    rows: Rows, uri: str, source: str, target: str, wanted: list[str] | None
) -> None:
    for state in STATES:
        rows.put(f"other-{state}", state)
    for before in itertools.count(1):
        asynq_id = rows.put("hub-1", source)
        redis = Meddled(uri, before, partial(rows.move, asynq_id, source, target))
        task = (await Inspector(redis).search(QUEUE, wanted)).found["hub-1"]
        await redis.close()
        if redis.calls < before:
            break
        # Whichever it was read in; the move before the last call may have come too late to show.
        assert task.state in (source, target)
        assert task.state == target or before > 1
        rows.remove(asynq_id, target)
    assert before > 2  # every call had its turn


async def test_a_task_that_loses_its_place_makes_room_for_another_under_its_id(
    rows: Rows, uri: str
) -> None:
    first = rows.put("hub-1", ACTIVE)
    second = rows.put("hub-1", RETRY)
    redis = Meddled(uri, 2, lambda: rows.move(first, ACTIVE, ARCHIVED))
    found = (await Inspector(redis).search(QUEUE, ["hub-1"])).found
    await redis.close()
    assert (found["hub-1"].asynq_id, found["hub-1"].state) == (second, RETRY)


async def test_a_task_that_is_done_meanwhile_is_gone(rows: Rows, uri: str) -> None:
    asynq_id = rows.put("hub-1", ACTIVE)
    redis = Meddled(uri, 2, lambda: rows.remove(asynq_id, ACTIVE))
    search = await Inspector(redis).search(QUEUE, ["hub-1"])
    await redis.close()
    assert (search.found, search.skipped) == ({}, 1)


async def test_a_search_ends_when_nothing_livelier_can_come(rows: Rows, uri: str) -> None:
    rows.put("hub-1", RETRY)
    rows.put("hub-2", ARCHIVED)
    redis = Meddled(uri, 0, lambda: None)
    await Inspector(redis).search(QUEUE, ["hub-1"])
    assert redis.calls == 2  # the ids, and those to be retried
    await redis.close()


@pytest.mark.parametrize("state", STATES)
async def test_too_many_in_a_state_make_a_search_incomplete(
    inspector: Inspector, rows: Rows, state: str
) -> None:
    for number in range(4):
        rows.put(f"hub-{number}", state)
    exact = await inspector.search(QUEUE, bound=4)
    assert (len(exact.found), exact.complete) == (4, True)
    cut = await inspector.search(QUEUE, bound=3)
    assert (len(cut.found), cut.complete) == (3, False)


async def test_of_too_many_the_next_to_run_and_the_last_archived_are_read(
    inspector: Inspector, rows: Rows
) -> None:
    for state in (PENDING, RETRY, ARCHIVED):
        for number in (1, 2, 3):
            rows.put(f"{state}-{number}", state, score=1_900_000_000 + number)
    search = await inspector.search(QUEUE, bound=1)
    assert set(search.found) == {"pending-1", "retry-1", "archived-3"}


async def test_more_archived_tasks_than_the_bound(inspector: Inspector, rows: Rows) -> None:
    with rows.redis.pipeline(transaction=False) as pipeline:
        for number in range(20_001):
            pipeline.zadd(keys.collection(QUEUE, ARCHIVED), {f"a-{number}": number})
        pipeline.execute()
    rows.put("hub-1", ARCHIVED, asynq_id="a-20000", score=20_000)
    search = await inspector.search(QUEUE)
    assert set(search.found) == {"hub-1"}
    assert (search.complete, search.skipped) == (False, 19_999)


async def test_what_no_task_can_be_read_from_is_skipped_and_counted(
    inspector: Inspector, rows: Rows
) -> None:
    rows.put("hub-1", ARCHIVED)
    rows.put_raw("dangling", ARCHIVED, None)
    rows.put_raw("garbage", ARCHIVED, b"\xff\xff\xff")
    rows.put_raw("truncated", RETRY, b"\x0a\x1bworker-1")
    rows.put_raw("empty", RETRY, b"")
    rows.put("", PENDING, payload=b"\x00\x01\xff\xfe")
    rows.put("", PENDING, payload=b'{"user_id":42}')
    rows.put("", PENDING, payload=b'["task_id"]')
    rows.put("", PENDING, payload=b'{"task_id":7}')
    rows.redis.rpush(keys.task(QUEUE, "wrong-type"), "x")
    rows.redis.zadd(keys.collection(QUEUE, ARCHIVED), {"wrong-type": 1})
    rows.redis.zadd(keys.collection(QUEUE, ARCHIVED), {b"\xff\x1b[31m": 1})
    rows.redis.hset(keys.task(QUEUE, "half"), "msg", b"")
    rows.redis.lpush(keys.collection(QUEUE, PENDING), "half")
    search = await inspector.search(QUEUE, ["hub-1", "hub-2"])
    assert set(search.found) == {"hub-1"}
    assert (search.complete, search.skipped) == (True, 11)


@pytest.mark.parametrize("state", [*STATES, "lease"])
async def test_a_key_of_another_type_hides_nothing_else(
    inspector: Inspector, rows: Rows, state: str
) -> None:
    for other in STATES:
        rows.put(f"hub-{other}", other)
    name = keys.groups(QUEUE) if state == AGGREGATING else keys.collection(QUEUE, state)
    rows.redis.delete(name)
    rows.redis.set(name, "nobody's")
    search = await inspector.search(QUEUE)
    assert set(search.found) == {f"hub-{other}" for other in STATES if other != state}
    assert search.complete


@pytest.mark.parametrize("score", ["inf", "-inf", "1e300", "-5", "0.5"])
async def test_a_time_that_is_none_is_none(inspector: Inspector, rows: Rows, score: str) -> None:
    rows.put("hub-1", ARCHIVED, score=float(score), timeout=2**62, last_failed_at=-(2**62))
    task = (await inspector.search(QUEUE)).found["hub-1"]
    assert (task.archived_at, task.timeout, task.last_failed_at) == (None, None, None)


async def test_texts_are_data(inspector: Inspector, rows: Rows) -> None:
    error = "\x1b[2Jboom\r\n[red]任务失败: map[url:x]\x00"
    rows.put("hub-1", ARCHIVED, error_msg=error)
    assert (await inspector.search(QUEUE)).found["hub-1"].last_error == error


async def test_large_messages_are_read_a_few_at_a_time(rows: Rows, uri: str) -> None:
    text = json.dumps("x" * 2 * 1024 * 1024)
    for number in range(5):
        rows.put("", ARCHIVED, payload=envelope(f"hub-{number}", text).encode())
    redis = Meddled(uri, 0, lambda: None)
    search = await Inspector(redis).search(QUEUE)
    await redis.close()
    assert len(search.found) == 5
    assert redis.calls == 1 + 5  # two of them are more than four megabytes


LONG = json.dumps("任务 😀 " + "x" * 5_000, ensure_ascii=False)


@pytest.mark.parametrize(
    "payload",
    [
        envelope("hub-1", LONG),
        envelope("hub-1", f'{{"task_id":"another","text":{LONG}}}'),
        envelope("hub-1", f'[{LONG},"\\u003c\\u0026"]'),
        envelope("x" * 400, LONG),
        envelope("x" * 2_000, LONG),
        envelope('with "quotes"', LONG),
        f'{{"id":"a","task_id":"b","payload":{LONG}}}',
        f'{{"id":"a","task_id":"b","payload":{LONG},"task_id":"c"}}',
        f'{{"id":"a","task_id":"b","payload":{LONG},"task\\u005fid":"c"}}',
        f'{{"id":"a","task_id":"b","payload":{LONG},"\\u0074ask_id":"c"}}',
        f'{{"task_id":"b","payload":{LONG}}}',
        f'{{"payload":{LONG},"task_id":"c"}}',
        f'{{"id":"a","task_id":"","payload":{LONG}}}',
        f'{{"id":"a","payload":{LONG}}}',
        LONG,
    ],
)
@pytest.mark.parametrize("task_type", ["", QUEUE, "t" * 300])
async def test_a_long_payload_is_cut_so_that_its_id_stays(
    inspector: Inspector, rows: Rows, payload: str, task_type: str
) -> None:
    fields: dict[str, Any] = {"retried": 2, "error_msg": "boom", "unique_key": "a lock"}
    asynq_id = rows.put("", RETRY, payload=payload.encode(), type=task_type, **fields)
    task = await inspector.look(QUEUE, asynq_id)
    assert task is not None
    assert task.task_id == task_id_of(payload.encode())
    assert (task.retried, task.max_retry, task.last_error) == (2, 3, "boom")
    assert task.timeout == timedelta(seconds=30)


async def test_only_the_beginning_of_a_long_payload_travels(rows: Rows, uri: str) -> None:
    for number in range(20):
        rows.put("", ARCHIVED, payload=envelope(f"hub-{number:032}", LONG).encode())
    before = rows.redis.info("stats")["total_net_output_bytes"]
    async with connected(uri) as connection:
        assert len((await Inspector(connection).search(QUEUE)).found) == 20
    after = rows.redis.info("stats")["total_net_output_bytes"]
    assert after - before < 20 * 1_000


@pytest.mark.parametrize("length", [1, 2, 3, 30, 100, 1_100, 5_000])
async def test_a_long_message_that_ends_early_is_no_message(
    inspector: Inspector, rows: Rows, length: int
) -> None:
    message = TaskMessage(type=QUEUE, payload=envelope("hub-1", LONG).encode())
    rows.put_raw("a", RETRY, encode(message)[:length])
    rows.put_raw("b", RETRY, encode(message)[:length] + b"\xff" * 1_100)
    search = await inspector.search(QUEUE)
    assert (search.found, search.skipped) == ({}, 2)


async def test_names_of_queues_may_hold_anything(inspector: Inspector, rows: Rows) -> None:
    for queue in ("a{b}c", "*", "队列 [x]\n", "a:b:c}:pending", ""):
        rows.put(f"in {queue}", ARCHIVED, queue=queue)
        assert set((await inspector.search(queue)).found) == {f"in {queue}"}


async def test_reading_writes_nothing(inspector: Inspector, rows: Rows) -> None:
    for state in STATES:
        rows.put(f"hub-{state}", state)
    before = rows.dump()
    await inspector.search(QUEUE)
    await inspector.look(QUEUE, "asynq-1")
    await inspector.depths([QUEUE, "no:such:queue"])
    assert rows.dump() == before
