"""A retry that kills itself, as kill -9 does, at a given stage: run as a program of its own.

    python -m tests.retry.crashing BACKEND DSN REDIS STATE_FOLDER STAGE ID [ID ...]

It plans, confirms and runs a retry of the tasks. The batch's id is its only output.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from asynqhub_tui import asynq
from asynqhub_tui.actions.journal import Journal
from asynqhub_tui.actions.retry import run as retrying
from asynqhub_tui.actions.retry.selection import refs_of
from asynqhub_tui.backends import Target, open_hub

STAGES = (
    "planned",
    "confirmed",
    "in the pipeline",
    "in the enqueuing",
    "queued",
    "marked",
    "half written",
    "written",
    "before the end",
)


async def die(*_: object) -> None:
    """End without a chance to tidy up."""
    os.kill(os.getpid(), signal.SIGKILL)


async def main(backend: str, dsn: str, redis: str, folder: str, stage: str, *ids: str) -> None:
    """Run the retry up to the stage."""
    async with (
        await open_hub(Target(backend, SecretStr(dsn))) as hub,
        await asynq.open_queue(SecretStr(redis)) as queue,
    ):
        journal = Journal(hub.info, Path(folder), {})
        chosen = refs_of(hub, ids, journal.now())
        plan = await retrying.prepare(hub, queue, chosen, "some tasks", journal)
        print(plan.batch.id, flush=True)
        if stage == "planned":
            await die()
        _arm(stage, hub.tasks, queue, plan.batch)
        stop = asyncio.Event()
        async for _ in retrying.run(hub, queue, plan, journal, stop=stop):
            if stage == "confirmed":
                await die()


def _arm(stage: str, tasks: Any, queue: Any, batch: Any) -> None:
    match stage:
        case "in the pipeline":
            queue.run = _halfway(queue.run)
        case "in the enqueuing":
            queue.enqueue = _halfway(queue.enqueue)
        case "queued":
            tasks.mark_pending = die
        case "marked":
            batch.write_outcomes = die
        case "half written":
            batch.write_outcomes = _torn(batch)
        case "written":
            tasks.mark_pending = _second_time(tasks.mark_pending)
        case "before the end":
            batch.end = die


def _halfway(write: Callable[..., Any]) -> Callable[..., Any]:
    async def half(items: Sequence[Any], batch: str) -> None:
        await write(items[: len(items) // 2], batch)
        await die()

    return half


def _torn(batch: Any) -> Callable[..., Any]:
    write = batch.write_outcomes

    async def torn(outcomes: Sequence[Any]) -> None:
        await write(outcomes[: len(outcomes) // 2])
        path = batch.folder / "outcomes.jsonl"
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size - 7)
        await die()

    return torn


def _second_time(call: Callable[..., Any]) -> Callable[..., Any]:
    calls = iter((call,))

    async def once(refs: Sequence[Any]) -> Any:
        return await next(calls, die)(refs)

    return once


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
