"""asynq's messages, byte for byte as asynq itself writes them."""

from __future__ import annotations

import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from asynqhub_tui.asynq import wire_pb2
from asynqhub_tui.asynq.messages import (
    ServerInfo,
    TaskMessage,
    Undecodable,
    WorkerInfo,
    decode,
    encode,
    moment,
    unix_moment,
)
from tests.unit.asynq_vectors import VECTORS

_NEVER = -62_135_596_800


def _fields(said: dict[str, Any]) -> dict[str, Any]:
    fields = dict(said)
    if "payload_hex" in fields:
        fields["payload"] = bytes.fromhex(fields.pop("payload_hex"))
    return fields


@pytest.mark.parametrize("vector", VECTORS["task_messages"], ids=lambda vector: vector["name"])
def test_a_task_is_encoded_and_decoded_as_asynq_does(vector: dict[str, Any]) -> None:
    data = bytes.fromhex(vector["hex"])
    message = TaskMessage(**_fields(vector["fields"]))
    assert encode(message) == data
    assert decode(TaskMessage, data) == message


@pytest.mark.parametrize("vector", VECTORS["other_messages"], ids=lambda vector: vector["name"])
def test_the_other_messages_survive_byte_for_byte(vector: dict[str, Any]) -> None:
    data = bytes.fromhex(vector["hex"])
    message = decode(getattr(wire_pb2, vector["message"]), data)
    assert encode(message) == data
    for name, value in vector["fields"].items():
        if name == "payload_utf8":
            assert message.task_payload.decode() == value
        elif name in message.DESCRIPTOR.fields_by_name:
            assert getattr(message, name) == value, name


def test_a_server_says_which_queues_it_serves_and_since_when() -> None:
    (vector,) = (v for v in VECTORS["other_messages"] if v["name"] == "server_active")
    server = decode(ServerInfo, bytes.fromhex(vector["hex"]))
    assert dict(server.queues) == {"worker-1:web_crawl:critical": 50}
    assert moment(server.start_time) == datetime(2026, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC)


def test_what_a_newer_asynq_has_added_survives_a_rewrite() -> None:
    # field 99, a string, and field 200, a number: neither is known to us
    added = bytes.fromhex("9a0603" + b"new".hex() + "c00c2a")
    message = decode(TaskMessage, encode(TaskMessage(type="t", id="1", retry=3)) + added)
    message.retried = 2
    again = encode(message)
    assert again.endswith(added)
    assert decode(TaskMessage, again).retried == 2


def test_entries_of_a_map_are_written_in_one_order() -> None:
    one = TaskMessage(headers={"b": "2", "a": "1"})
    other = TaskMessage(headers={"a": "1", "b": "2"})
    assert encode(one) == encode(other)


@pytest.mark.parametrize("data", [b"\xff", b"\x0a\x05ab", b"\x0a\x01\xff"], ids=repr)
def test_what_is_no_message_is_undecodable(data: bytes) -> None:
    with pytest.raises(Undecodable):
        decode(TaskMessage, data)


def test_no_time_is_none() -> None:
    assert moment(WorkerInfo().deadline) is None
    assert moment(Timestamp(seconds=_NEVER)) is None
    assert moment(Timestamp(seconds=10**18)) is None
    assert moment(Timestamp(seconds=1_767_225_601, nanos=250_000_999)) == datetime(
        2026, 1, 1, 0, 0, 1, 250_000, tzinfo=UTC
    )
    assert unix_moment(0) is None
    assert unix_moment(1_767_225_600) == datetime(2026, 1, 1, tzinfo=UTC)


def test_the_generated_module_is_that_of_the_proto() -> None:
    from grpc_tools import protoc

    root = Path(wire_pb2.__file__).parents[2]
    source = "asynqhub_tui/asynq/wire.proto"
    included = Path(protoc.__file__).parent / "_proto"
    with tempfile.TemporaryDirectory() as folder:
        arguments = [f"-I{root}", f"-I{included}", f"--python_out={folder}", f"--pyi_out={folder}"]
        assert protoc.main([sys.executable, *arguments, str(root / source)]) == 0
        for suffix in ("py", "pyi"):
            name = f"asynqhub_tui/asynq/wire_pb2.{suffix}"
            assert (Path(folder) / name).read_text() == (root / name).read_text(), name
