"""What is wrong with an installation, or could be cheaper: its store, and its queue."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from asynqhub_tui.backends import open_checkup, open_hub
from asynqhub_tui.checkup import Finding, Level, Subject
from asynqhub_tui.models import WorkerConfig
from asynqhub_tui.opening import RETRY_OFF
from asynqhub_tui.repository import HubError, Refused
from asynqhub_tui.settings import Settings

_REDIS = Subject("redis")


async def examine(settings: Settings) -> AsyncGenerator[Finding]:
    """Yield what is found at the store, then what at the queue. Nothing is changed anywhere."""
    checkup = await open_checkup(settings.target)
    demo, away = False, False
    async with aclosing(checkup.findings()) as findings:
        async for finding in findings:
            demo = demo or finding.check == "demo"
            away = away or (finding.check == "connection" and finding.level is Level.PROBLEM)
            yield finding
    if demo:
        return
    if settings.redis is None:
        yield _REDIS.note("redis", "Retry is off: no Redis is configured.", RETRY_OFF)
        return
    from asynqhub_tui import asynq

    workers = () if away else await _workers(settings)
    try:
        queue = await asynq.open_checkup(
            settings.redis, workers=workers, read_only=settings.read_only
        )
    except Refused as error:  # of an address that is none
        yield _REDIS.failed("address", error)
        return
    async with aclosing(queue.findings()) as findings:
        async for finding in findings:
            yield finding


async def _workers(settings: Settings) -> Sequence[WorkerConfig]:
    """Return the workers, whose queues the queue should have; none where the store cannot tell."""
    try:
        async with await open_hub(settings.target) as hub:
            return await hub.workers.list()
    except HubError:  # its own check-up has said why
        return ()
