"""Enqueuing: what lies in Redis afterwards is what asynq's own client leaves there."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis import Redis

from asynqhub_tui.asynq import keys
from asynqhub_tui.asynq.client import Client
from asynqhub_tui.asynq.messages import TaskMessage, decode
from asynqhub_tui.queue import CLAIM_DAYS, Answer, Message, Result, envelope
from tests.queue.builders import NOW, ODD_IDS, QUEUE, dump, hold, make_message, make_ref
from tests.queue.conftest import connected
from tests.unit.asynq_vectors import VECTORS

_DONE = Answer(Result.DONE)
_HASH = keys.task(QUEUE, "a-1")

_ANSWERS = {"OK": Result.DONE, "DUP": Result.DUPLICATE, "CONFLICT": Result.CONFLICT}

_NO_LOCK_LEFT = "unique + task-id conflict: the lock of the failed call stays"

_STATES = [state for state in VECTORS["enqueue_states"] if "group" not in state["calls"][0]]


def _message(call: dict[str, Any], number: int) -> Message:
    at = call.get("process_at")
    unique = call.get("unique_ms")
    return make_message(
        make_ref(f"t-{number}", queue=call["queue"]),
        payload=bytes.fromhex(call["payload_hex"]).decode(),
        asynq_id=call["task_id"],
        max_retry=call["max_retry"],
        timeout=call["timeout_ms"] // 1000,
        process_at=at and datetime.fromtimestamp(at, UTC),
        unique_seconds=unique and unique // 1000,
    )


@pytest.mark.parametrize("state", _STATES, ids=lambda state: state["name"])
async def test_redis_holds_what_asynq_writes(
    client: Client, redis: Redis, state: dict[str, Any]
) -> None:
    answers: list[Answer] = []
    for number, call in enumerate(state["calls"]):
        answers += await client.enqueue([_message(call, number)], "batch")
    expected = {
        name: {part: value for part, value in said.items() if part != "ttl_s_approx"}
        for name, said in state["redis"].items()
    }
    for said in expected.values():
        if "pending_since" in said["value"]:
            said["value"] = said["value"] | {"pending_since": str(NOW)}
    if state["name"] == _NO_LOCK_LEFT:  # where ours differs on purpose: it stays for no one
        expected = {name: said for name, said in expected.items() if ":unique:" not in name}
    assert [answer.result for answer in answers] == [
        _ANSWERS[result.split()[0]] for result in state["results"]
    ]
    assert dump(redis) == expected


async def test_a_message_is_what_the_hub_enqueues(client: Client, redis: Redis) -> None:
    (vector,) = (case for case in VECTORS["task_messages"] if case["name"] == "hub_enqueue")
    message = make_message(
        payload=vector["payload_utf8"], asynq_id=vector["fields"]["id"], unique_seconds=86_400
    )
    assert await client.enqueue([message], "batch") == [_DONE]
    assert redis.hget(keys.task(QUEUE, message.asynq_id), "msg") == bytes.fromhex(vector["hex"])


@pytest.mark.parametrize("case", VECTORS["hub_payloads"], ids=lambda case: case["payload_in"])
def test_the_envelope_says_what_the_hubs_says(case: dict[str, Any]) -> None:
    ours = envelope(case["task_id"], case["payload_in"])
    assert json.loads(ours) == json.loads(case["asynq_payload"])
    assert list(json.loads(ours)) == ["id", "task_id", "payload"]
    assert ours.endswith(f'"payload":{case["payload_in"]}}}')


@pytest.mark.parametrize("task_id", ODD_IDS)
async def test_odd_ids_stay_as_they_are(client: Client, redis: Redis, task_id: str) -> None:
    ref = make_ref(task_id)
    asynq_id = f"a{task_id}"
    assert await client.enqueue([make_message(ref, asynq_id)], "batch") == [_DONE]
    assert await client.claims([ref, make_ref("another")]) == ["batch", None]
    assert redis.lrange(keys.collection(QUEUE, "pending"), 0, -1) == [asynq_id.encode()]
    data = redis.hget(keys.task(QUEUE, asynq_id), "msg")
    assert isinstance(data, bytes)
    assert decode(TaskMessage, data).payload.decode() == make_message(ref).payload


async def test_a_payload_of_2_mib_arrives_whole(client: Client, redis: Redis) -> None:
    text = '"' + "ü" * (1 << 20) + '"'
    messages = [
        make_message(make_ref(f"t-{n}"), f"a-{n}", payload=envelope(f"t-{n}", text))
        for n in range(3)
    ]
    assert await client.enqueue(messages, "batch") == [_DONE] * 3
    data = redis.hget(keys.task(QUEUE, "a-2"), "msg")
    assert isinstance(data, bytes)
    assert decode(TaskMessage, data).payload == messages[2].payload.encode()


@pytest.mark.parametrize(
    ("after", "state"),
    [
        (timedelta(microseconds=1), "scheduled"),
        (timedelta(0), "pending"),
        (-timedelta(1), "pending"),
    ],
)
async def test_only_the_future_is_scheduled(
    redis: Redis, uri: str, after: timedelta, state: str
) -> None:
    now = datetime(2026, 1, 1, 12, tzinfo=UTC)
    async with connected(uri) as connection:
        client = Client(connection, clock=lambda: int(now.timestamp()) * 1_000_000_000)
        assert await client.enqueue([make_message(process_at=now + after)], "batch") == [_DONE]
    assert redis.hget(_HASH, "state") == state.encode()


async def test_the_lock_of_a_scheduled_task_outlasts_its_wait(client: Client, redis: Redis) -> None:
    now = datetime.fromtimestamp(NOW // 1_000_000_000, UTC)
    message = make_message(process_at=now + timedelta(hours=2), unique_seconds=60)
    assert await client.enqueue([message], "batch") == [_DONE]
    lock = keys.unique(QUEUE, QUEUE, message.payload.encode())
    assert 0 <= 7_259 - int(redis.ttl(lock)) <= 60


async def test_a_conflict_names_the_state_and_leaves_nothing(client: Client, redis: Redis) -> None:
    hold(redis, "archived", "a-1")
    before = dump(redis)
    answers = await client.enqueue([make_message(unique_seconds=60)], "batch")
    assert answers == [Answer(Result.CONFLICT, "archived")]
    assert dump(redis, claims=True) == before | {"asynq:queues": {"type": "set", "value": [QUEUE]}}


async def test_a_duplicate_names_the_holder_and_leaves_nothing(
    client: Client, redis: Redis
) -> None:
    first = make_message(unique_seconds=60)
    second = make_message(make_ref("t-2"), "a-2", payload=first.payload, unique_seconds=60)
    await client.enqueue([first], "batch")
    before = dump(redis, claims=True)
    assert await client.enqueue([second], "batch") == [Answer(Result.DUPLICATE, "a-1")]
    assert dump(redis, claims=True) == before


async def test_the_claim_is_kept_for_days(client: Client, redis: Redis) -> None:
    await client.enqueue([make_message()], "batch-7")
    claim = keys.claim(make_ref())
    assert redis.get(claim) == b"batch-7"
    assert 0 <= CLAIM_DAYS * 86_400 - int(redis.ttl(claim)) <= 60


@pytest.mark.parametrize("other", ["same", "other"])
async def test_a_claim_is_good_for_one_run_also_after_the_task_has_ended(
    client: Client, redis: Redis, other: str
) -> None:
    await client.enqueue([make_message()], "same")
    redis.delete(_HASH, keys.collection(QUEUE, "pending"))  # as a worker leaves a success
    before = dump(redis, claims=True)
    expected = Answer(Result.ALREADY) if other == "same" else Answer(Result.CLAIMED, "same")
    assert await client.enqueue([make_message(asynq_id="a-2")], other) == [expected]
    assert dump(redis, claims=True) == before


async def test_every_queue_is_listed_each_time(client: Client, redis: Redis) -> None:
    for number, queue in enumerate(["w:a:low", "w:b:low", "w:a:low"]):
        redis.delete(keys.QUEUES)
        await client.enqueue([make_message(make_ref(f"{number}", queue=queue), f"{number}")], "b")
        assert redis.smembers(keys.QUEUES) == {queue.encode()}


@pytest.mark.parametrize(
    "changes",
    [
        {"asynq_id": " "},
        {"ref": make_ref(queue="")},
        {"unique_seconds": 0},
        {"max_retry": 2**31},
        {"payload": '"\ud800"'},
        {"ref": make_ref("\udcff")},
    ],
    ids=["no id", "no queue", "no time", "too big", "no character", "no id of the hub"],
)
async def test_what_asynq_does_not_take_fails_alone(
    client: Client, redis: Redis, changes: dict[str, Any]
) -> None:
    good = make_message(make_ref("good"), "good")
    bad, answer = await client.enqueue([make_message(**changes), good], "batch")
    assert bad.result is Result.FAILED
    assert bad.detail
    assert answer == _DONE
    assert redis.lrange(keys.collection(QUEUE, "pending"), 0, -1) == [b"good"]


async def test_no_timeout_is_asynqs_default(client: Client, redis: Redis) -> None:
    await client.enqueue([make_message(timeout=0, max_retry=-1)], "batch")
    data = redis.hget(_HASH, "msg")
    assert isinstance(data, bytes)
    message = decode(TaskMessage, data)
    assert (message.timeout, message.retry) == (1800, 0)


async def test_nothing_to_enqueue_asks_nothing(client: Client, redis: Redis) -> None:
    assert await client.enqueue([], "batch") == []
    assert await client.claims([]) == []
    assert dump(redis) == {}
