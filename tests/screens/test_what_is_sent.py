"""What travels to the terminal shows the same cells as what Textual would have sent.

The dashboard is used at random, on rows in several scripts, in windows that change their size, with
ctrl+z in between. One emulated terminal gets every frame whole, as Textual writes it; the other one
gets what the driver makes of them, of which the line takes several at a time.
"""

from __future__ import annotations

import asyncio
import json
import random
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pyte
import pytest
from textual import events
from textual.geometry import Size
from textual.pilot import Pilot

from asynqhub_tui import app as app_module
from asynqhub_tui.driver import TerminalDriver
from asynqhub_tui.frames import Frames
from asynqhub_tui.line import Traffic
from asynqhub_tui.models import DEAD, FAIL, SUCCESS
from tests.contract.builders import both_rows, make_task
from tests.screens.sample import Rows, before, fleet, task_id
from tests.screens.stage import Desk, Stage

SIZES = [(100, 30), (80, 24), (150, 40), (62, 20)]

KEYS = (
    *"jkjkgGtTwsvAu13ipy?X",
    *("pagedown", "pageup", "enter", "escape", "escape", "escape", "tab", "slash", "space"),
    *("ctrl+d", "ctrl+u", "ctrl+l", "colon", "D", "down", "1", "1"),
)

STEPS = 40

ERRORS = (
    "任务失败: 連接被拒絕",
    "e\u0301chec de la connexion: re\u0301essayer",
    "🚀 launch failed 🔥 at stage 2",
    "한글 오류",
    "connection refused: smtp://10.0.0.8:25",
    "ошибка соединения",
    "งานล้มเหลว",
)
"""Texts on whose widths Textual and the emulated terminals agree."""


def rows() -> Rows:
    """Return some tasks with errors in several scripts, and payloads of them."""
    draw = random.Random(5)
    tasks, attempts = [], []
    for number in range(60):
        error = ERRORS[number % len(ERRORS)]
        at = before(minutes=7 * number + 2)
        status = draw.choice([FAIL, DEAD, SUCCESS])
        tasks.append(
            make_task(
                task_id(number),
                at=at,
                worker_name="worker-1",
                queue="worker-1:web_crawl:default",
                status=status,
                last_attempt=1,
                payload=json.dumps({error: [error, number]}, ensure_ascii=False),
            )
        )
        said = None if status == SUCCESS else error
        took = timedelta(milliseconds=900)
        attempts += both_rows(task_id(number), 1, status, at=at, took=took, error=said)
    return Rows(fleet(), tasks, attempts)


@dataclass
class Tap:
    """Stands where the line is: holds both terminals, and takes frames when a test says so."""

    size: tuple[int, int] = SIZES[0]
    frames: Frames = field(default_factory=lambda: Frames(erases=True))
    written: int = 0
    sent: int = 0

    def __post_init__(self) -> None:
        self.whole, self.ours = (pyte.Screen(*self.size) for _ in range(2))
        for screen in (self.whole, self.ours):
            screen.reset_mode(7, private=True)

    def write(self, data: str) -> None:
        self.written += len(data)
        pyte.Stream(self.whole).feed(data)
        self.frames.write(data)

    def take(self) -> None:
        sent = self.frames.take()
        self.sent += len(sent)
        pyte.Stream(self.ours).feed(sent)

    def forget_screen(self) -> None:
        self.frames.forget()

    def traffic(self) -> Traffic:
        return Traffic(self.sent, 0.0)

    def resize(self, columns: int, lines: int) -> None:
        for screen in (self.whole, self.ours):
            screen.resize(lines, columns)

    def lose_screen(self) -> None:
        """What a shell does with it while the program is stopped."""
        for screen in (self.whole, self.ours):
            pyte.Stream(screen).feed("\x1b[0m\x1b[2J\x1b[3;1H$ fg")
        self.frames.forget()

    def differences(self) -> list[str]:
        """Say of each cell that is not the same what the terminals show there."""
        return [
            f"row {row + 1}, column {column + 1}: {ours.data!r} {ours}, not {whole.data!r} {whole}"
            for row in range(self.whole.lines)
            for column in range(self.whole.columns)
            if (ours := _seen(self.ours, row, column)) != (whole := _seen(self.whole, row, column))
        ]


def _seen(screen: pyte.Screen, row: int, column: int) -> Any:
    cell = screen.buffer[row][column]
    if cell.data.strip() or cell.underscore or cell.reverse or cell.strikethrough:
        return cell
    return cell._replace(data=" ", fg="default", bold=False, italics=False)


@pytest.fixture
def tap(monkeypatch: pytest.MonkeyPatch) -> Iterator[Tap]:
    """Both terminals of the next dashboard, which runs with the real driver."""
    tap = Tap()

    class Tapped(TerminalDriver):
        """The driver without a terminal of its own."""

        def _new_line(self) -> Any:
            return tap

        def start_application_mode(self) -> None:
            size = Size(*tap.size)
            post = self._app._post_message(events.Resize(size, size))
            asyncio.run_coroutine_threadsafe(post, asyncio.get_running_loop())

        def stop_application_mode(self) -> None: ...

        def disable_input(self) -> None: ...

        def close(self) -> None: ...

    monkeypatch.setattr(app_module, "TerminalDriver", Tapped)
    before = [(one, signal.getsignal(one)) for one in (signal.SIGTSTP, signal.SIGCONT)]
    yield tap
    for one, handler in before:
        signal.signal(one, handler)


@pytest.mark.parametrize("seed", range(3))
async def test_both_terminals_show_the_same(stage: Stage, tap: Tap, seed: int) -> None:
    draw = random.Random(seed)
    stage.load(rows())
    app = stage.app()
    async with app.run_test(headless=False, size=tap.size) as pilot:
        desk = Desk(pilot, stage)
        await desk.rest()
        tap.take()
        assert tap.differences() == []
        for _ in range(STEPS):
            done = await one_step(draw, desk, pilot, tap)
            if draw.random() < 0.7:
                await pilot.pause()
                tap.take()
                assert tap.differences() == [], done
        app.exit()
    assert tap.sent < tap.written / 3


async def one_step(draw: random.Random, desk: Desk, pilot: Pilot[None], tap: Tap) -> str:
    """Do something, and say what it was."""
    what = draw.choices(["key", "rows", "time", "size", "ctrl+z"], [12, 2, 2, 1, 1])[0]
    if what == "key":
        what = draw.choice(KEYS)
        await pilot.press(what)
    elif what == "rows":
        chosen = task_id(draw.randrange(60))
        desk.stage.change("UPDATE task SET status = 'success' WHERE task_id = ?", chosen)
        desk.stage.load_new(draw.randrange(3), first=draw.randrange(1_000_000))
    elif what == "time":
        desk.stage.clock.passed += draw.choice([2, 2, 60])
    elif what == "size":
        columns, lines = draw.choice(SIZES)
        what = f"{columns}x{lines}"
        tap.resize(columns, lines)
        assert desk.app._driver is not None
        desk.app._driver._size = Size(columns, lines)
        await pilot.resize_terminal(columns, lines)
    else:
        tap.lose_screen()
        desk.app.action_redraw()
    return what
