"""Draw screenshots/ from the demo: `python -m tests.screens.make_screenshots`."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from pydantic import SecretStr

from asynqhub_tui import terminal

if TYPE_CHECKING:
    from textual.app import App
    from textual.pilot import Pilot

    from asynqhub_tui.queue import TaskQueue

FOLDER = Path(__file__).parents[2] / "screenshots"
NOW = datetime.now(UTC)
"""The stores take the time of their own clock for what is of now, so this cannot be another."""

SHOTS: Sequence[tuple[str, tuple[int, int], Sequence[str]]] = (
    ("tasks", (120, 32), ("j", "j", "j", "space", "j", "space", "j")),
    ("tasks-wide", (180, 44), ("s", "j", "j", "j")),
    ("tasks-light", (120, 32), ("T", "s", "j")),
    ("task", (120, 32), ("s", "j", "enter")),
    ("workers", (120, 32), ("3", "w", "j")),
    ("delete-worker", (100, 26), ("3", "j", "D")),
    ("help", (120, 32), ("question_mark",)),
    ("retry", (100, 28), ("s", "R")),
    ("retry-running", (100, 28), ("s", "w", "3", "R", *("minus",) * 6, "y", *"jjjj")),
    ("retry-report", (100, 28), ("s", "w", "1", "R", "y")),
)
"""Name, size, and the keys that lead there; what is retried comes last."""


async def draw(name: str, size: tuple[int, int], keys: Sequence[str], queue: TaskQueue) -> None:
    """Draw one screen of the demo's database, which lies in the working directory."""
    from asynqhub_tui.app import AsynqHubApp
    from asynqhub_tui.backends import Target, sqlite
    from asynqhub_tui.repository import Hub
    from asynqhub_tui.settings import Settings
    from asynqhub_tui.view import View

    async def opener(target: Target) -> Hub:
        hub = await sqlite.open_hub(Target("sqlite", SecretStr("demo.db")))
        hub.info = replace(hub.info, place="demo", demo=True)
        hub.queue = queue  # type: ignore[attr-defined]
        return hub

    app = AsynqHubApp(Settings(), view=View(clock=lambda: NOW), opener=opener)
    async with app.run_test(size=size) as pilot:
        for key in ("", *keys):
            if key:
                await pilot.press(key)
            await settle(app, pilot)
        svg = app.export_screenshot(title="asynqhub-tui")
    (FOLDER / f"{name}.svg").write_text(svg, encoding="utf-8")


async def settle(app: App[None], pilot: Pilot[None]) -> None:
    """Wait until every feed of the screen has answered and the screen rests."""
    from asynqhub_tui.screens.base import HubScreen

    while True:
        await pilot.pause(0.3)
        screen = app.screen
        poller = screen.poller if isinstance(screen, HubScreen) else None
        if not isinstance(screen, HubScreen) or (poller is not None and poller.rests):
            return


def main() -> None:
    """Draw them all."""
    terminal.prepare(os.environ)
    from asynqhub_tui.demo import build
    from asynqhub_tui.demo.queue import DemoQueue
    from asynqhub_tui.demo.traffic import Traffic
    from asynqhub_tui.widgets import reading

    reading.GLANCE = 0.0  # nobody has to be protected from answering too soon
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.environ["ASYNQHUB_TUI_STATE"] = folder
        traffic = Traffic(Path("demo.db"), NOW, build(Path("demo.db"), now=NOW), Random(1))
        with closing(traffic):
            queue = DemoQueue(traffic.broker, read_only=False)
            for name, size, keys in SHOTS:
                asyncio.run(draw(name, size, keys, queue))
                print(f"screenshots/{name}.svg")


if __name__ == "__main__":
    main()
