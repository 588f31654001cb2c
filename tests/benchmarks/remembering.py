"""How much memory the dashboard keeps after scrolling through many tasks, and after many polls.

It runs in a terminal on PostgreSQL. The memory is what is resident of its process. Nothing here
passes or fails.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg

from tests.benchmarks import generate
from tests.benchmarks.fast_polls import EVERY
from tests.benchmarks.programs import DASHBOARD, STOCK, started
from tests.benchmarks.recorder import Recorder
from tests.benchmarks.report import Table
from tests.servers import PostgresServer

TASKS = {"small": 2_000, "large": 100_000}
POLLS = {"small": 100, "large": 10_000}

BUDGET = 20
"""MB that either may add, of design.md."""

SETTLED = 5.0
"""Seconds after the first data in which the memory still grows."""

BESIDE = 300
"""Tasks of a small installation."""

FRESH = 2
"""How often in a second tasks change and arrive."""

KEYS = 4
"""Page downs that are pressed at a time: their rows are held already."""

QUIET = 0.02
"""Seconds without a byte after which they have been answered."""

NO_ANSWER = 0.5
"""Seconds after which an answer no longer counts as coming."""

LONG = 1_800.0
"""Seconds to wait for what takes long."""


@dataclass(frozen=True, slots=True)
class _Grown:
    """The MB at the start and after something was done, and how long that took."""

    what: str
    before: float
    after: float
    seconds: float

    @property
    def added(self) -> float:
        """The MB that came."""
        return self.after - self.before


async def run(size: str) -> list[Table]:
    """Return the memory; the small `size` scrolls less far and polls less often."""
    return [await asyncio.to_thread(_table, TASKS[size], POLLS[size])]


def _table(tasks: int, polls: int) -> Table:
    with PostgresServer() as server:
        many, few = server.create_database(), server.create_database()
        generate.fill(many, tasks)
        scrolled, slowest = _scroll(many, tasks)
        generate.fill(few, BESIDE)
        polled = _poll(few, polls)
    stock = _hold(tasks)
    return Table(
        "Memory of the process",
        ("what", "MB before", "MB after", "added", "budget", "ratio", "seconds"),
        [
            _row(scrolled, scrolled, f"{BUDGET}"),
            _row(stock, scrolled),
            _row(polled, polled, f"{BUDGET}"),
        ],
        [
            f"Scrolled with {KEYS} page downs at a time; the slowest of them were answered within",
            f"{1000 * slowest:,.0f} ms. During the polls 20 tasks change and 5 arrive {FRESH}",
            f"times a second; before them are {EVERY} others.",
        ],
    )


def _row(one: _Grown, of: _Grown, budget: str = "") -> list[str]:
    return [
        one.what,
        f"{one.before:,.0f}",
        f"{one.after:,.0f}",
        f"{one.added:,.1f}",
        budget,
        f"{one.added / of.added:,.1f}x" if one is not of and of.added > 0 else "",
        f"{one.seconds:,.0f}",
    ]


def _scroll(dsn: str, tasks: int) -> tuple[_Grown, float]:
    """Go down to the oldest task; return also the seconds of the slowest answer to keys."""
    slowest, unanswered = 0.0, 0
    with started(DASHBOARD, {"POSTGRES_DSN": dsn}) as terminal:
        terminal.wait_for("● live", "24h")
        terminal.listen(SETTLED)
        before, began = _memory(terminal), time.monotonic()
        terminal.blind = True
        # At the last row that is held keys change nothing: there are no more, or not yet.
        while unanswered < 3:
            if time.monotonic() - began > LONG:
                raise RuntimeError("The end of the list was never shown.")
            pressed = time.monotonic()
            terminal.type_blindly(*["pagedown"] * KEYS)
            while terminal.last_read_at < pressed < time.monotonic() < pressed + NO_ANSWER:
                terminal.listen(QUIET)
            unanswered = 0 if terminal.last_read_at > pressed else unanswered + 1
            slowest = max(slowest, terminal.last_read_at - pressed)
            terminal.settle(QUIET)
        seconds, after = time.monotonic() - began, _memory(terminal)
        terminal.blind = False
        terminal.press("ctrl+l")
        terminal.wait_for(_oldest(dsn))
    return _Grown(f"dashboard: {tasks:,} tasks scrolled through", before, after, seconds), slowest


def _poll(dsn: str, polls: int) -> _Grown:
    """Let tasks change and arrive during so many polls, or those of LONG seconds."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "polls")
        file.touch()
        command = [sys.executable, "-m", "tests.benchmarks.fast_polls", str(file)]
        with started(command, {"POSTGRES_DSN": dsn}) as terminal:
            terminal.wait_for("● live", "24h")
            terminal.blind = True
            began = time.monotonic()
            while len(lines := file.read_text().splitlines()) * EVERY < polls:
                if lines and time.monotonic() - began > LONG:
                    break
                generate.busy(dsn)
                terminal.listen(1 / FRESH)
            seconds = time.monotonic() - began
    memory = [int(line.split()[1]) / 1e6 for line in lines]
    return _Grown(f"dashboard: {EVERY * len(lines):,} polls", memory[0], memory[-1], seconds)


def _hold(tasks: int) -> _Grown:
    """Let the stock application hold as many tasks, beside what it has with a screenful."""
    found: list[float] = []
    began = time.monotonic()
    for number in (BESIDE, tasks):
        with started([*STOCK, "3600", str(number)]) as terminal:
            terminal.wait_for("by creation", "3h", timeout=LONG)
            terminal.settle(1.0)
            found.append(_memory(terminal))
    seconds = time.monotonic() - began
    few, many = found
    return _Grown(f"stock Textual: {tasks:,} tasks in its table", few, many, seconds)


def _memory(terminal: Recorder) -> float:
    """Return the resident memory of the program, in MB."""
    return float(psutil.Process(terminal.pid).memory_info().rss) / 1e6


def _oldest(dsn: str) -> str:
    """Return the id of the last task, as the list shows it."""
    with psycopg.connect(dsn) as connection:
        [(task_id,)] = connection.execute(
            "SELECT task_id FROM task ORDER BY created_at, id LIMIT 1"
        ).fetchall()
    return f"{task_id[:5]}…{task_id[-5:]}"
