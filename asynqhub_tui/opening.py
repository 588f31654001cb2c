"""Opening the task queue that belongs to a store."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from asynqhub_tui.backends import Target
from asynqhub_tui.backends.original import OriginalHub
from asynqhub_tui.queue import TaskQueue
from asynqhub_tui.repository import Hub
from asynqhub_tui.settings import Settings

RETRY_OFF = "Retry needs the address of the hub's Redis: set REDIS_ADDR, or start with --redis."


@runtime_checkable
class OwnsQueue(Protocol):
    """A hub that brings its task queue along, as the demo does."""

    queue: TaskQueue


def set_original(hub: Hub, settings: Settings) -> None:
    """Let a hub that is a copy know its source, where the settings name one; nothing is opened."""
    if hub.info.copy_of is not None and settings.source is not None:
        target = Target("postgres", settings.source, settings.read_only)
        hub.original = OriginalHub(target, hub)


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
