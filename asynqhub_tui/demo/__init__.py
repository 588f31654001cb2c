"""The sample installation: six simulated workers on a SQLite file that goes when it is closed.

Its task queue is simulated as well, in memory, so that a retry works here as it does on Redis.
"""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from types import TracebackType

from pydantic import SecretStr

from asynqhub_tui.backends import Target
from asynqhub_tui.backends import sqlite as store
from asynqhub_tui.demo.history import SEED, build
from asynqhub_tui.demo.queue import PLACE, DemoQueue
from asynqhub_tui.demo.traffic import Traffic
from asynqhub_tui.queue import TaskQueue
from asynqhub_tui.repository import Hub, TaskStore, Unavailable, WorkerRepository

__all__ = ["DemoHub", "build", "open_hub"]

TICK = 0.5
"""Seconds between two steps of the simulator."""

_Folder = tempfile.TemporaryDirectory[str]


class DemoHub(Hub):
    """The open sample, in which time passes until it is closed. `queue` is its task queue."""

    def __init__(self, hub: store.SqliteHub, traffic: Traffic, folder: _Folder) -> None:
        self.tasks: TaskStore = hub.tasks
        self.workers: WorkerRepository = hub.workers
        self.info = replace(hub.info, place=PLACE, demo=True)
        self.queue: TaskQueue = DemoQueue(traffic.broker, read_only=self.info.read_only)
        self._hub = hub
        self._traffic = traffic
        self._folder = folder
        self._stop = asyncio.Event()
        self._passing = asyncio.create_task(self._pass_time())

    async def close(self) -> None:
        """Stop the simulator and remove the file. A second call does nothing."""
        if self._stop.is_set():
            return
        self._stop.set()
        try:
            await asyncio.wait({self._passing})
            self._traffic.close()
            await self._hub.close()
        finally:
            await asyncio.to_thread(self._folder.cleanup)
        if not self._passing.cancelled():
            self._passing.result()  # a fault of the simulator does not stay hidden

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _pass_time(self) -> None:
        while not self._stop.is_set():
            await asyncio.to_thread(self._traffic.step, datetime.now(UTC))
            try:
                async with asyncio.timeout(TICK):
                    await self._stop.wait()
            except TimeoutError:
                continue


async def open_hub(target: Target) -> DemoHub:
    """Make a sample and open it; its workers write even where `target` is read-only.

    Raises Unavailable where the folder for temporary files cannot be written.
    """
    making = asyncio.ensure_future(asyncio.to_thread(_make))
    try:
        folder, path, traffic = await asyncio.shield(making)
    except asyncio.CancelledError:
        # The thread goes on regardless: what it makes has to go.
        await asyncio.wait({making})
        if making.exception() is None:
            folder, _, traffic = making.result()
            traffic.close()
            folder.cleanup()
        raise
    except (OSError, sqlite3.Error) as error:
        raise Unavailable(
            f"The demo cannot be written to {tempfile.gettempdir()} ({error}).",
            hint="Name another folder in TMPDIR.",
        ) from error
    try:
        dsn = SecretStr(str(path))
        hub = await store.open_hub(Target("sqlite", dsn, read_only=target.read_only))
    except BaseException:
        traffic.close()
        folder.cleanup()
        raise
    return DemoHub(hub, traffic, folder)


def _make() -> tuple[_Folder, Path, Traffic]:
    folder = tempfile.TemporaryDirectory(prefix="asynqhub-tui-demo-")
    try:
        path = Path(folder.name) / "demo.db"
        now = datetime.now(UTC)
        present = build(path, now=now)
        return folder, path, Traffic(path, now, present, Random(SEED + 1))
    except BaseException:
        folder.cleanup()
        raise
