"""What the dashboard sends to the terminal, in bytes, beside a stock Textual application.

Both run in a terminal as over SSH, the dashboard on a PostgreSQL with some hundred tasks. Nothing
here passes or fails.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tests.benchmarks.programs import DASHBOARD, STOCK, installation, started
from tests.benchmarks.recorder import Recorder
from tests.benchmarks.report import Table
from tests.e2e.hub import Hub

POLL = 2.0
IDLE_POLLS = 10

BUDGETS = {
    "first screen": 12_000,
    "idle, a second": 100,
    "three changed rows": 500,
    "cursor move": 600,
    "page down": 6_000,
    "dialog": 6_000,
}
"""Of design.md, in bytes."""


def measure(hub: Hub, *, idle_polls: int = IDLE_POLLS) -> dict[str, int]:
    """Return the bytes of each operation of the dashboard."""
    found: dict[str, int] = {}
    with started(DASHBOARD, {"POSTGRES_DSN": hub.dsn}) as terminal:
        terminal.wait_for("● live", "by creation, newest first", "24h")
        terminal.settle()
        found["first screen"] = len(terminal.raw)
        # Later than the slow feeds have answered for the first time.
        terminal.listen(2 * POLL)
        found["idle, a second"] = _idle(terminal, idle_polls)
        found["cursor move"] = _after(terminal, lambda: terminal.press("j"))
        terminal.press("pagedown", "pagedown")  # from the last row on it scrolls
        found["page down"] = _after(terminal, lambda: terminal.press("pagedown"))
        terminal.press("g")
        change = (
            "UPDATE task SET status = 'fail', updated_at = now() WHERE task_id IN"
            " (SELECT task_id FROM task ORDER BY created_at DESC OFFSET 5 LIMIT 3)"
        )
        found["three changed rows"] = _after(terminal, lambda: hub.sql(change), 2.5 * POLL)
        terminal.press("3")
        terminal.wait_for("tasks of the last hour")
        terminal.listen(POLL)
        found["dialog"] = _after(terminal, lambda: terminal.press("D"), POLL)
    return found


def measure_stock() -> dict[str, int]:
    """Return the bytes of each operation of the stock application."""
    found: dict[str, int] = {}
    with started([*STOCK, str(POLL)]) as terminal:
        terminal.wait_for("by creation, newest first", "3h")
        terminal.settle()
        found["first screen"] = len(terminal.raw)
        found["idle, a second"] = _idle(terminal, IDLE_POLLS)
    with started([*STOCK, "3600"]) as terminal:  # a poll would be counted with what was done
        terminal.wait_for("by creation, newest first", "3h")
        found["cursor move"] = _after(terminal, lambda: terminal.press("j"))
        terminal.press("pagedown", "pagedown")
        found["page down"] = _after(terminal, lambda: terminal.press("pagedown"))
        terminal.press("home")
        found["three changed rows"] = _after(terminal, lambda: terminal.press("u"))
        found["dialog"] = _after(terminal, lambda: terminal.press("d"))
    return found


def _idle(terminal: Recorder, polls: int) -> int:
    return round(terminal.listen(polls * POLL) / (polls * POLL))


def _after(terminal: Recorder, do: Callable[[], object], seconds: float = 1.0) -> int:
    """Count what comes after something was done, beside what comes anyway."""
    terminal.settle()
    before = len(terminal.raw)
    do()
    terminal.listen(seconds)
    return len(terminal.raw) - before


async def run(size: str) -> list[Table]:
    """Return the bytes of each operation; the `size` makes no difference."""
    return [await asyncio.to_thread(_table)]


def _table() -> Table:
    with installation() as hub:
        found = measure(hub)
    stock = measure_stock()
    return Table(
        "Bytes to the terminal, 120x40, 256 colours",
        ("what", "bytes", "budget", "stock Textual", "ratio"),
        [
            (
                what,
                f"{found[what]:,}",
                f"{budget:,}",
                f"{stock[what]:,}",
                f"{stock[what] / found[what]:,.0f}x" if found[what] else "",
            )
            for what, budget in BUDGETS.items()
        ],
        [
            "stock Textual: the same rows, bar and footer in Textual's own widgets, which a poll",
            f"sets anew every {POLL:g} s. Its page is a whole one, ours is half a page.",
        ],
    )
