"""A dashboard on a real SQLite file, with every clock and the store's faults in the test's hand."""

from __future__ import annotations

import asyncio
import inspect
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from textual.pilot import Pilot

from asynqhub_tui.app import AsynqHubApp
from asynqhub_tui.backends import Target
from asynqhub_tui.backends.sqlite import create, open_hub
from asynqhub_tui.figures import TimeFormat
from asynqhub_tui.polling import Poller
from asynqhub_tui.repository import Hub, HubError
from asynqhub_tui.screens.base import HubScreen
from asynqhub_tui.screens.task import TaskScreen
from asynqhub_tui.screens.tasks import TasksScreen
from asynqhub_tui.screens.workers import WorkersScreen
from asynqhub_tui.settings import Settings
from asynqhub_tui.view import View
from asynqhub_tui.widgets.notes import Banner, NoteLine
from tests.contract.builders import make_task
from tests.contract.engines import Sqlite
from tests.screens.sample import NOW, Rows, task_id

PLACE = "demo.db"
"""What the header says instead of the temporary file's path."""

PATIENCE = 20.0
"""Seconds to wait for anything: the machine may be busy."""


class Clock:
    """The time of the view, of the store and of the pollers; it passes when a test says so."""

    def __init__(self) -> None:
        self.passed = 0.0

    def seconds(self) -> float:
        """Return the time as time.monotonic() does."""
        return 1_000.0 + self.passed

    def now(self) -> datetime:
        """Return the time of day."""
        return NOW + timedelta(seconds=self.passed)


class Faults:
    """What the store is told to do wrong, by the name of a method; `*` stands for all of them.

    `list_tasks after` is a call of list_tasks with that keyword.
    """

    def __init__(self) -> None:
        self.errors: dict[str, BaseException] = {}
        self.gates: dict[str, asyncio.Event] = {}
        self.calls: Counter[str] = Counter()
        self.under_way = 0
        self.most_under_way = 0

    def hold(self, name: str) -> asyncio.Event:
        """Let a method wait, from its next call on, until the event is set."""
        self.gates[name] = asyncio.Event()
        return self.gates[name]

    async def pass_through(self, name: str, *keywords: str) -> None:
        """Do what was told, before the real call."""
        names = [f"{name} {one}" for one in keywords] + [name, "*"]
        self.calls.update(names)
        for gate in [self.gates[one] for one in names if one in self.gates]:
            await gate.wait()
        for error in [self.errors[one] for one in names if one in self.errors]:
            raise error


class _Faulty:
    """Passes every call on to the real repository, unless it is told to fail or to wait."""

    def __init__(self, real: object, faults: Faults) -> None:
        self._real = real
        self._faults = faults

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._real, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            faults = self._faults
            faults.under_way += 1
            faults.most_under_way = max(faults.most_under_way, faults.under_way)
            try:
                await faults.pass_through(name, *kwargs)
                return await method(*args, **kwargs)
            finally:
                faults.under_way -= 1

        async def stream(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            await self._faults.pass_through(name)
            async for item in method(*args, **kwargs):
                yield item
                await self._faults.pass_through(f"{name} batch")

        return call if inspect.iscoroutinefunction(method) else stream


class FaultyHub(Hub):
    """The real hub, in which things can go wrong."""

    def __init__(self, hub: Hub, faults: Faults) -> None:
        self._hub = hub
        self.tasks: Any = _Faulty(hub.tasks, faults)
        self.workers: Any = _Faulty(hub.workers, faults)
        self.info = replace(hub.info, place=PLACE)

    async def close(self) -> None:
        await self._hub.close()

    async def __aexit__(self, *error: object) -> None:
        await self.close()


class Stage:
    """A file with rows, and dashboards that look at it."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        path = folder / "hub.db"
        create(path)
        self.clock = clock
        self.faults = Faults()
        self.opening: asyncio.Event | None = None
        self.not_opening: HubError | None = None
        self._store = Sqlite(str(path))

    @property
    def path(self) -> Path:
        """The file."""
        return Path(self._store.dsn)

    def hold_opening(self) -> asyncio.Event:
        """Let the connection wait until the event is set."""
        self.opening = asyncio.Event()
        return self.opening

    def load(self, rows: Rows) -> None:
        """Write rows into the file."""
        self._store.load(rows.workers, rows.tasks, rows.attempts)

    def load_new(self, number: int, *, first: int = 10_000, **fields: Any) -> list[str]:
        """Write tasks that were created just now, and return their ids, the newest first."""
        now = self.clock.now()
        tasks = [
            make_task(
                task_id(first + index),
                at=now - timedelta(milliseconds=number - index),
                worker_name="worker-1",
                queue="worker-1:web_crawl:default",
                **fields,
            )
            for index in range(number)
        ]
        self.load(Rows(tasks=tasks))
        return [task.task_id for task in reversed(tasks)]

    def change(self, sql: str, *parameters: object) -> None:
        """Change rows behind the dashboard's back."""
        with closing(sqlite3.connect(self._store.dsn)) as connection, connection:
            connection.execute(sql, parameters)

    async def _open_hub(self, target: Target) -> Hub:
        if self.opening is not None:
            await self.opening.wait()
        if self.not_opening is not None:
            raise self.not_opening
        return FaultyHub(await open_hub(target), self.faults)

    def app(
        self, *, read_only: bool = False, times: TimeFormat = TimeFormat.RELATIVE, **settings: Any
    ) -> AsynqHubApp:
        """Return a dashboard that has not started yet."""
        return AsynqHubApp(
            Settings(
                backend="sqlite", dsn=SecretStr(self._store.dsn), read_only=read_only, **settings
            ),
            view=View(clock=self.clock.now, times=times),
            opener=self._open_hub,
        )

    @asynccontextmanager
    async def open(self, size: tuple[int, int] = (120, 40), **settings: Any) -> AsyncIterator[Desk]:
        """Run a dashboard, and wait for its first data."""
        app = self.app(**settings)
        async with app.run_test(size=size) as pilot:
            desk = Desk(pilot, self)
            try:
                await desk.rest()
                yield desk
            finally:
                app.exit()


class Desk:
    """The person at a running dashboard: looks at the screen, presses keys, lets time pass."""

    def __init__(self, pilot: Pilot[None], stage: Stage) -> None:
        assert isinstance(pilot.app, AsynqHubApp)
        self.pilot = pilot
        self.app: AsynqHubApp = pilot.app
        self.stage = stage
        self.faults = stage.faults

    @property
    def tasks(self) -> TasksScreen:
        """The task list."""
        return self.app._task_list

    @property
    def task(self) -> TaskScreen:
        """The screen of one task."""
        return self.app._one_task

    @property
    def workers(self) -> WorkersScreen:
        """The list of workers."""
        return self.app._worker_list

    @property
    def poller(self) -> Poller:
        """The poller of the screen that is shown."""
        screen = self.app.screen
        assert isinstance(screen, HubScreen)
        assert screen.poller is not None
        return screen.poller

    def lines(self) -> list[str]:
        """Return the text on the screen, line by line."""
        return [strip.text.rstrip() for strip in self.app.screen._compositor.render_strips()]

    @property
    def text(self) -> str:
        """All text on the screen."""
        return "\n".join(self.lines())

    def line(self, part: str) -> str:
        """Return the first line with `part` in it; fails where there is none."""
        found = next((line for line in self.lines() if part in line), None)
        assert found is not None, f"{part!r} is not on the screen:\n{self.text}"
        return found

    @property
    def note(self) -> str:
        """The news in the line above the footer."""
        return self.app.screen.query_one(NoteLine).text

    @property
    def banner(self) -> str:
        """What is wrong, in words."""
        banner = self.app.screen.query_one(Banner)
        shown = " ".join(self.text.split())
        assert not banner.display or banner.text in shown.replace(" ▲ ", " ")
        return banner.text

    @property
    def cursor_line(self) -> str:
        """The line of the cursor, by its sign."""
        return self.line("▌")

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until a condition holds; fails with the screen when it never does."""
        loop = asyncio.get_running_loop()
        end = loop.time() + PATIENCE
        while not condition():
            if self.app.defect is not None:
                raise self.app.defect
            assert loop.time() < end, f"waited in vain; the screen is:\n{self.text}"
            await asyncio.sleep(0.005)

    async def see(self, *parts: str) -> None:
        """Wait until all of these are on the screen."""
        await self.until(lambda: all(part in self.text for part in parts))
        await self._painted()

    async def rest(self) -> None:
        """Wait until everything has answered that is due, and all of it is painted."""
        await self.until(self._rests)
        await self._painted()

    async def _painted(self) -> None:
        await self.pilot.pause()
        await self.pilot.pause()  # what was laid out anew is told its size, and may paint again

    def _rests(self) -> bool:
        screen = self.app.screen
        if not isinstance(screen, HubScreen):
            return True
        if screen.poller is None or self.app.workers._workers:
            return False
        return all(self._at_rest(one) for one in screen._pollers)

    def _at_rest(self, poller: Poller) -> bool:
        now = self.stage.clock.seconds()
        if poller._request is not None:
            return False
        backing_off = (poller.state.next_try_at or now) > now
        return (
            backing_off
            or (poller.state.paused and poller.rests)
            or all(feed.due > now for feed in poller._feeds)
        )

    async def press(self, *keys: str) -> None:
        """Press keys, and wait after each until what it has asked for is there."""
        for key in keys:
            await self.pilot.press(key)
            await self.rest()

    async def type(self, text: str) -> None:
        """Type a text, character by character."""
        await self.pilot.press(*text)

    async def pass_time(self, seconds: float) -> None:
        """Let time pass, and wait until what has become due is there."""
        self.stage.clock.passed += seconds
        screen = self.app.screen
        assert isinstance(screen, HubScreen)
        for poller in screen._pollers:  # wakes them: the time they wait by is ours
            poller.pause(self.app.session.paused)
        await self.rest()
