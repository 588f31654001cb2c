"""A worker's own address beside that of the queue: compared, never connected to."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from asynqhub_tui.asynq import open_queue


@pytest.mark.parametrize(
    ("address", "differs"),
    [
        ("db1:6379", False),
        ("redis://:other@db1:6379/0", False),
        ("db2:6379", True),
        ("no address", True),
        ("", True),
    ],
)
async def test_a_workers_address_is_compared(address: str, differs: bool) -> None:
    async with await open_queue(SecretStr("redis://:secret@db1:6379/0")) as queue:
        assert queue.differs(address) is differs
