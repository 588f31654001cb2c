"""The task queue on Redis, as asynq keeps it there. `open_queue` opens it."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Sequence

from pydantic import SecretStr

from asynqhub_tui.checkup import Checkup
from asynqhub_tui.models import WorkerConfig
from asynqhub_tui.queue import TaskQueue


async def open_queue(address: SecretStr, *, read_only: bool = False) -> TaskQueue:
    """Return the task queue at an address as asynq or the hub's REDIS_ADDR writes it.

    Connects to nothing yet: a Redis that is down shows in the first call, and may be up by the
    second. The driver is imported on a thread, as it takes longer than a frame. Raises Refused
    for an address that cannot be used. A read-only queue refuses every write before it is sent.
    """
    module = await asyncio.to_thread(importlib.import_module, "asynqhub_tui.asynq.redis_queue")
    queue: TaskQueue = module.open_queue(address, read_only=read_only)
    return queue


async def open_checkup(
    address: SecretStr, *, workers: Sequence[WorkerConfig], read_only: bool
) -> Checkup:
    """Return what looks the Redis at an address over; `workers` are those whose queues it holds.

    What only writes need is not looked at where it is `read_only`. Connects to nothing yet. Raises
    Refused for an address that cannot be used.
    """
    module = await asyncio.to_thread(importlib.import_module, "asynqhub_tui.asynq.checkup")
    checkup: Checkup = module.open_checkup(address, workers=workers, read_only=read_only)
    return checkup
