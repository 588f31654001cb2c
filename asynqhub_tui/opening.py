"""Opening the task queue that belongs to a store."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from asynqhub_tui.queue import TaskQueue
from asynqhub_tui.repository import Hub
from asynqhub_tui.settings import Settings

RETRY_OFF = "Retry needs the address of the hub's Redis: set REDIS_ADDR, or start with --redis."


@runtime_checkable
class OwnsQueue(Protocol):
    """A hub that brings its task queue along, as the demo does."""

    queue: TaskQueue


async def open_queue(hub: Hub, settings: Settings) -> TaskQueue | None:
    """Open the queue of the hub, or the one at the address in the settings; None without one.

    It connects when it is first asked. Raises Refused where the address is none.
    """
    if isinstance(hub, OwnsQueue):
        return hub.queue
    if settings.redis is None:
        return None
    from asynqhub_tui import asynq

    return await asynq.open_queue(settings.redis, read_only=settings.read_only)
