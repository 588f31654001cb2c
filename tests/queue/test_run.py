"""Running a task in place: what asynq's inspector does, once, and never anything else."""

from __future__ import annotations

import asyncio

import pytest
from redis import Redis

from asynqhub_tui.asynq import keys
from asynqhub_tui.asynq.client import Client
from asynqhub_tui.queue import Answer, Result
from tests.queue.builders import ODD_IDS, QUEUE, dump, hold, make_message, make_move, make_ref
from tests.queue.conftest import connected

_DONE = Answer(Result.DONE)
_EVERY_STATE = ("retry", "scheduled", "archived", "completed")


@pytest.mark.parametrize("state", _EVERY_STATE)
async def test_a_task_moves_to_pending_and_stays_as_it_is(
    client: Client, redis: Redis, state: str
) -> None:
    hold(redis, "pending", "waits already")
    hold(redis, state, "a-1", "another")
    before = dump(redis)
    assert await client.run([make_move(states=_EVERY_STATE)], "batch") == [_DONE]

    source, pending = keys.collection(QUEUE, state), keys.collection(QUEUE, "pending")
    before[source]["value"] = [["another", 1_767_000_000.0]]
    before[pending]["value"] = ["a-1", "waits already"]  # workers take from the other end
    before[keys.task(QUEUE, "a-1")]["value"]["state"] = "pending"
    assert dump(redis) == before


@pytest.mark.parametrize("state", ["pending", "active", "completed", "aggregating", "new in 2030"])
async def test_a_task_in_another_state_stays_there(
    client: Client, redis: Redis, state: str
) -> None:
    hold(redis, state, "a-1")
    before = dump(redis, claims=True)
    assert await client.run([make_move()], "batch") == [Answer(Result.MOVED_ON, state)]
    assert dump(redis, claims=True) == before


@pytest.mark.parametrize("state", ["pending", "active", "aggregating"])
async def test_what_cannot_be_run_is_not_run_whatever_is_asked(
    client: Client, redis: Redis, state: str
) -> None:
    hold(redis, state, "a-1")
    answers = await client.run([make_move(states=(state,))], "batch")
    assert answers == [Answer(Result.MOVED_ON, state)]


async def test_a_task_that_is_gone_is_not_enqueued(client: Client, redis: Redis) -> None:
    assert await client.run([make_move()], "batch") == [Answer(Result.GONE)]
    assert dump(redis, claims=True) == {}


async def test_a_task_that_is_not_where_its_state_says_is_left_alone(
    client: Client, redis: Redis
) -> None:
    hold(redis, "archived", "a-1")
    redis.delete(keys.collection(QUEUE, "archived"))
    before = dump(redis, claims=True)
    (answer,) = await client.run([make_move()], "batch")
    assert answer.result is Result.FAILED
    assert answer.detail is not None
    assert "archived" in answer.detail
    assert dump(redis, claims=True) == before


async def test_a_script_that_fails_has_changed_nothing(client: Client, redis: Redis) -> None:
    hold(redis, "archived", "a-1")
    redis.set(keys.collection(QUEUE, "pending"), "not a list")
    before = dump(redis, claims=True)
    (moved,) = await client.run([make_move()], "batch")
    (sent,) = await client.enqueue([make_message(asynq_id="a-2", unique_seconds=60)], "batch")
    assert (moved.result, sent.result) == (Result.FAILED, Result.FAILED)
    assert moved.detail is not None
    assert "WRONGTYPE" in moved.detail
    redis.delete(keys.QUEUES)
    assert dump(redis, claims=True) == before


async def test_a_second_press_does_nothing(client: Client, redis: Redis) -> None:
    hold(redis, "archived", "a-1")
    assert await client.run([make_move()], "batch") == [_DONE]
    redis.delete(keys.collection(QUEUE, "pending"))
    hold(redis, "archived", "a-1")  # it ran, and failed again; the row was not read since
    before = dump(redis, claims=True)
    assert await client.run([make_move()], "batch") == [Answer(Result.ALREADY)]
    assert await client.run([make_move()], "other") == [Answer(Result.CLAIMED, "batch")]
    assert await client.enqueue([make_message()], "other") == [Answer(Result.CLAIMED, "batch")]
    redis.srem(keys.QUEUES, QUEUE)
    assert dump(redis, claims=True) == before


async def test_the_next_failure_of_a_task_can_be_run_again(client: Client, redis: Redis) -> None:
    hold(redis, "archived", "a-1")
    await client.run([make_move()], "batch")
    redis.delete(keys.collection(QUEUE, "pending"))
    hold(redis, "archived", "a-1")
    assert await client.run([make_move(make_ref(last_attempt=5))], "other") == [_DONE]


async def test_every_task_has_its_own_answer_in_order(client: Client, redis: Redis) -> None:
    hold(redis, "archived", "a-0", "a-2")
    hold(redis, "active", "a-3")
    redis.set(keys.claim(make_ref("t-2")), "other")
    moves = [make_move(make_ref(f"t-{n}"), f"a-{n}") for n in range(5)]
    assert await client.run(moves, "batch") == [
        _DONE,
        Answer(Result.GONE),
        Answer(Result.CLAIMED, "other"),
        Answer(Result.MOVED_ON, "active"),
        Answer(Result.GONE),
    ]


async def test_odd_ids_are_run(client: Client, redis: Redis) -> None:
    asynq_ids = [f"a{task_id}" for task_id in ODD_IDS]
    hold(redis, "retry", *asynq_ids)
    moves = [
        make_move(make_ref(task_id), asynq_id)
        for task_id, asynq_id in zip(ODD_IDS, asynq_ids, strict=True)
    ]
    moves.append(make_move(make_ref("\ud800"), "half a character"))
    *answers, last = await client.run(moves, "batch")
    assert answers == [_DONE] * len(ODD_IDS)
    assert last.result is Result.FAILED
    assert await client.claims([move.ref for move in moves]) == ["batch"] * len(ODD_IDS) + [None]


async def test_claims_of_many_queues_come_in_the_order_that_was_asked(
    client: Client, redis: Redis
) -> None:
    refs = [make_ref(f"t-{n}", queue=f"worker-1:group-{n % 7}:low") for n in range(1_500)]
    for number, ref in enumerate(refs):
        if number % 3 == 0:
            redis.set(keys.claim(ref), f"batch-{number}")
    assert await client.claims(refs) == [
        f"batch-{number}" if number % 3 == 0 else None for number in range(1_500)
    ]


async def test_of_two_clients_one_runs_each_task(redis: Redis, uri: str) -> None:
    count = 400
    hold(redis, "archived", *(f"a-{n}" for n in range(count)))
    moves = [make_move(make_ref(f"t-{n}"), f"a-{n}") for n in range(count)]
    async with connected(uri) as one, connected(uri) as other:
        clients = {"one": Client(one), "other": Client(other)}
        parts = [moves[at : at + 20] for at in range(0, count, 20)]
        calls = [clients[name].run(part, name) for part in parts for name in clients]
        answers = await asyncio.gather(*calls)
    seen = [answer for said in answers for answer in said]
    assert [answer.result for answer in seen].count(Result.DONE) == count
    assert [answer.result for answer in seen].count(Result.CLAIMED) == count
    assert redis.llen(keys.collection(QUEUE, "pending")) == count


async def test_of_two_clients_one_enqueues_each_task(redis: Redis, uri: str) -> None:
    count = 400
    async with connected(uri) as one, connected(uri) as other:
        clients = {"one": Client(one), "other": Client(other)}
        calls = [
            clients[name].enqueue(
                [make_message(make_ref(f"t-{n}"), f"{name}-{n}") for n in range(at, at + 20)], name
            )
            for at in range(0, count, 20)
            for name in clients
        ]
        answers = await asyncio.gather(*calls)
    seen = [answer for said in answers for answer in said]
    assert [answer.result for answer in seen].count(Result.DONE) == count
    assert [answer.result for answer in seen].count(Result.CLAIMED) == count
    assert redis.llen(keys.collection(QUEUE, "pending")) == count


async def test_a_server_that_forgets_the_scripts_learns_them_again(
    client: Client, redis: Redis
) -> None:
    moves = [make_move(make_ref(f"t-{n}"), f"a-{n}") for n in range(1_200)]
    hold(redis, "archived", *(move.asynq_id for move in moves))
    for at in range(0, len(moves), 600):
        redis.script_flush()
        assert await client.run(moves[at : at + 600], "batch") == [_DONE] * 600
    redis.script_flush()
    message = make_message(make_ref("new"), "new")
    assert await client.enqueue([message], "batch") == [_DONE]
