"""The hub's task id inside a payload."""

from __future__ import annotations

import json

import pytest

from asynqhub_tui.asynq.inspector_payloads import task_id_of
from asynqhub_tui.queue import envelope


@pytest.mark.parametrize(
    "task_id", ["a", "0123456789abcdef", 'with "quotes"', "back\\slash", "任务", "\x1b[31m", "😀"]
)
@pytest.mark.parametrize(
    "payload",
    [
        "{}",
        "null",
        '"task_id"',
        '{"task_id":"another"}',
        '{"a":{"task_id":"another"}}',
        '{"a":"\\",\\"task_id\\":\\"another"}',
        '{"url":"https://x/?a=1\\u0026b=2"}',
        "[1,2.5,1e400," + "9" * 5_000 + "]",
        "[" * 500 + "]" * 500,
    ],
)
def test_the_id_of_an_envelope(task_id: str, payload: str) -> None:
    assert task_id_of(envelope(task_id, payload).encode()) == task_id


@pytest.mark.parametrize(
    "payload",
    [
        b'{"task_id":"hub-1","payload":{}}',
        b'{"payload":{"task_id":"x"},"task_id":"hub-1"}',
        b' {\n"task_id" : "hub-1" }\n',
        b'{"id":"other","task_id":"hub-1","payload":{}}',
        b'{"task_id":"hub-0","payload":{},"task_id":"hub-1"}',
        b'{"task_id":"hub-0","payload":{},"task\\u005fid":"hub-1"}',
        '{"task_id":"hub-1","payload":"日本"}'.encode(),
        b'{"payload":"\xff\xfe","task_id":"hub-1"}',
        b'{"task_id":"hub-1","payload":"\xff\xfe"}',
    ],
)
def test_other_spellings(payload: bytes) -> None:
    assert task_id_of(payload) == "hub-1"


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"[]",
        b'"task_id"',
        b"{}",
        b'{"task_id":""}',
        b'{"task_id":7}',
        b'{"task_id":null}',
        b'{"task_id":["hub-1"]}',
        b'{"id":"hub-1"}',
        b'{"payload":{"task_id":"hub-1"}}',
        b'{"task_id":"hub-1"',
        b'{"Task":1}{"task_id":"hub-1"}',
        b"\x00\xff",
        b"[" * 200_000,
    ],
)
def test_payloads_without_an_id(payload: bytes) -> None:
    assert task_id_of(payload) is None


def test_any_id_that_json_can_hold() -> None:
    for code in (*range(0x20), 0x7F, 0x2028, 0xFFFD, 0x10FFFF):
        for ascii_only in (True, False):
            quoted = json.dumps(chr(code), ensure_ascii=ascii_only)
            payload = f'{{"id":{quoted},"task_id":{quoted},"payload":{{}}}}'
            assert task_id_of(payload.encode()) == chr(code)
