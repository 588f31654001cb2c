"""What a row may hold arrives as it was: any text, any number, the largest payload."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from asynqhub_tui.models import FAIL, MAX_PAYLOAD_BYTES
from asynqhub_tui.repository import Hub, TaskFilter
from tests.contract.builders import make_attempt, make_task, make_worker

TEXTS = {
    "escape sequences": "\x1b[31mred\x1b[0m \x1b]8;;http://x\x07link\x1b]8;;\x07 \x9b2J",
    "markup": "[bold red]x[/] [@click=app.quit]y[/] map[url:http://x/1] \\[z]",
    "controls": "\x01\x02\x08\x0b\x0c\x0e\x1f\x7f\x80\x9f a\rb\tc\nd\r\ne",
    "chinese": "任务故意失败：無法連線",
    "emoji": "👩‍👩‍👧‍👦 🏳️‍🌈 é é ﷽ 𝔘",
    "right to left": "\u202eevil\u202c \u200fשלום\u200e \u2066x\u2069 \u061c\ufeff",
    "metacharacters": '\'; DROP TABLE task; -- %_\\ "quoted" ${x} {0} %s :name ?',
    "blanks": "  two  \u00a0\u3000 ",
    "long": "длинный " * 20_000,
}

PAYLOADS = {
    "beyond a float's integers": '{"id": 9007199254740993, "n": -123456789012345678901234567890}',
    "many decimals": '{"x": 0.1000000000000000055511151231257827, "y": 3.14159265358979323846264}',
    "small and large": '{"tiny": 0.0000000000000000000000001, "big": 12345678901234567.25}',
    "trailing zeros": '{"price": 1.10}',
    "texts": json.dumps({name: text for name, text in TEXTS.items() if name != "long"}),
    "escapes": r'{"a": "\u001b[31m \u0001 \n \" \\ \/ \ud83d\ude00 [b]"}',
    "not an object": '["a", null, true, 0, ""]',
    "a scalar": '"任务"',
    "nothing": "null",
}


def decoded(payload: str | None) -> Any:
    """Return what JSON text says, its numbers to the last digit."""
    assert payload is not None
    return json.loads(payload, parse_float=Decimal, parse_int=Decimal)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
async def test_texts_arrive_as_they_were(hub: Hub, text: str) -> None:
    name = text[:200]  # what is indexed has to fit a page of the index
    await hub.workers.upsert(make_worker(name, [name], base_url=text))
    task = make_task(
        name,
        worker_name=name,
        queue=f"{name}:web:low",
        status=FAIL,
        last_error=text,
        last_worker_name=text,
        trace_id=text,
    )
    await hub.tasks.upsert_task(task)
    attempt = make_attempt(
        name,
        1,
        FAIL,
        error=text,
        worker_name=text,
        asynq_task_id=text,
        trace_id=text,
        span_id=text,
    )
    await hub.tasks.insert_attempt(attempt)
    read = await hub.tasks.get_task(name)
    assert read == task.model_copy(update={"newest_attempt": attempt, "failed_attempt": attempt})
    page = await hub.tasks.list_tasks(TaskFilter(name, (FAIL,), f"{name}:web:low", name))
    assert page.tasks == (read.model_copy(update={"payload": None}),)
    assert (await hub.workers.get(name)).base_url == text
    stats = await hub.tasks.get_worker_stats(name)
    assert (stats.worker_name, stats.failed_tasks) == (name, 1)
    assert [queue.queue for queue in stats.queues] == [f"{name}:web:low"]


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS.keys())
async def test_payloads_arrive_with_every_digit(hub: Hub, payload: str) -> None:
    await hub.tasks.upsert_task(make_task(payload=payload))
    read = (await hub.tasks.get_task("t1")).payload
    assert decoded(read) == decoded(payload)
    # And once more through the store, as a retry does it.
    await hub.tasks.upsert_task(make_task("t2", payload=read))
    assert (await hub.tasks.get_task("t2")).payload == read


async def test_trailing_zeros_of_a_number_stay(hub: Hub) -> None:
    await hub.tasks.upsert_task(make_task(payload='{"price": 1.10}'))
    assert "1.10" in str((await hub.tasks.get_task("t1")).payload)


async def test_the_largest_payload_arrives(hub: Hub) -> None:
    frame = '{"text": ""}'
    unit = "任务 \\u001b[1m "
    fill = (unit * (MAX_PAYLOAD_BYTES // len(unit.encode())))[: -len(frame)]
    payload = frame.replace('""', f'"{fill}"')
    payload = payload[:-2] + "x" * (MAX_PAYLOAD_BYTES - len(payload.encode())) + payload[-2:]
    assert len(payload.encode()) == MAX_PAYLOAD_BYTES
    await hub.tasks.upsert_task(make_task(payload=payload))
    assert decoded((await hub.tasks.get_task("t1")).payload) == decoded(payload)
    assert (await hub.tasks.list_tasks(TaskFilter())).tasks[0].payload is None


async def test_an_error_may_be_as_large(hub: Hub) -> None:
    error = "e" * MAX_PAYLOAD_BYTES
    await hub.tasks.upsert_task(make_task(last_error=error))
    await hub.tasks.insert_attempt(make_attempt(status=FAIL, error=error))
    task = await hub.tasks.get_task("t1")
    assert task.last_error == error
    assert task.error == error
