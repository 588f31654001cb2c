"""The codec of asynq's messages: what lies in Redis, byte for byte as asynq writes it.

The classes are generated from wire.proto, which a test keeps true. What a newer asynq adds to a
message is unknown to them, and survives a change and a rewrite.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TypeVar

from google.protobuf.message import DecodeError, Message
from google.protobuf.timestamp_pb2 import Timestamp

from asynqhub_tui.asynq.wire_pb2 import (
    SchedulerEnqueueEvent,
    SchedulerEntry,
    ServerInfo,
    TaskMessage,
    WorkerInfo,
)

__all__ = [
    "SchedulerEnqueueEvent",
    "SchedulerEntry",
    "ServerInfo",
    "TaskMessage",
    "Undecodable",
    "WorkerInfo",
    "decode",
    "encode",
    "moment",
    "unix_moment",
]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_M = TypeVar("_M", bound=Message)


class Undecodable(ValueError):
    """These bytes are not such a message."""


def decode(kind: type[_M], data: bytes) -> _M:
    """Read a message of one kind, such as TaskMessage. Raises Undecodable."""
    try:
        return kind.FromString(data)
    except DecodeError as error:
        raise Undecodable(f"no {kind.__name__}: {error}") from None


def encode(message: Message) -> bytes:
    """Return a message as asynq writes it; entries of a map, in random order there, by key."""
    return message.SerializeToString(deterministic=True)


def moment(timestamp: Timestamp) -> datetime | None:
    """Return a Timestamp's time; None for "never", which asynq writes as the year 1, or leaves out.

    What Python cannot express is None too. Nanoseconds are cut to microseconds.
    """
    return _at(timestamp.seconds, timestamp.nanos)


def unix_moment(seconds: int) -> datetime | None:
    """Return the time of a field in Unix seconds, where 0 stands for none."""
    return _at(seconds, 0)


def _at(seconds: int, nanos: int) -> datetime | None:
    if seconds <= 0:
        return None
    try:
        return _EPOCH + timedelta(seconds=seconds, microseconds=nanos // 1_000)
    except OverflowError:
        return None
