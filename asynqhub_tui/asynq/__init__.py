"""The task queue on Redis, as asynq keeps it there. `open_queue` opens it."""

from __future__ import annotations

import asyncio
import importlib

from pydantic import SecretStr

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
