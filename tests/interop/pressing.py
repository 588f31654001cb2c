"""An operator who retries tasks, as a program of its own.

    python -m tests.interop.pressing BACKEND DSN REDIS STATE_FOLDER ID [ID ...]

It plans a retry of the tasks, makes the file `planned` in the folder, and waits for the file
`confirmed`. Then it runs the retry; its counts, as JSON, are its output.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

from pydantic import SecretStr

from asynqhub_tui import asynq
from asynqhub_tui.actions.journal import Journal
from asynqhub_tui.actions.retry import run as retrying
from asynqhub_tui.actions.retry.selection import refs_of
from asynqhub_tui.backends import Target, open_hub

PLANNED, CONFIRMED = "planned", "confirmed"


def _confirmed(folder: Path) -> None:
    (folder / PLANNED).touch()
    while not (folder / CONFIRMED).exists():
        time.sleep(0.005)


async def main(backend: str, dsn: str, redis: str, folder: str, *ids: str) -> None:
    """Plan the retry, wait, and run it to its end."""
    async with (
        await open_hub(Target(backend, SecretStr(dsn))) as hub,
        await asynq.open_queue(SecretStr(redis)) as queue,
    ):
        journal = Journal(hub.info, Path(folder), {})
        chosen = refs_of(hub, ids, journal.now())
        plan = await retrying.prepare(hub, queue, chosen, "some tasks", journal)
        await asyncio.to_thread(_confirmed, Path(folder))
        async for progress in retrying.run(hub, queue, plan, journal, stop=asyncio.Event()):
            counts = progress.counts
        print(json.dumps(dict(counts)), flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
