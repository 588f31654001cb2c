"""How long a key takes to be seen, at full speed and behind a slow line.

The dashboard, on a PostgreSQL whose rows change all the time, and a stock Textual application are
polled once a second while somebody presses `j` again and again, whether or not it is answered. A
key has been answered when the terminal has read the last byte that it takes to show the cursor on
the row that the key leads to, or further down. Nothing here passes or fails.
"""

from __future__ import annotations

import asyncio
import math
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.benchmarks.programs import CHANGES, DASHBOARD, STOCK, changing, installation, started
from tests.benchmarks.recorder import Recorder
from tests.benchmarks.report import Table

PRESSES = 20
APART = 0.7
"""Seconds between two presses: no divisor of the interval, so that they meet all its phases."""

LONGEST = 40.0
"""Seconds that are waited for the last key."""

SLOW = 20_000
"""Bytes a second of the slow line."""

LINES: tuple[tuple[str, int | None, Mapping[str, str]], ...] = (
    ("full speed", None, {}),
    (f"{SLOW / 1000:g} kB/s", SLOW, {}),
    (f"{SLOW / 1000:g} kB/s, 24-bit colours", SLOW, {"COLORTERM": "truecolor"}),
)
"""The lines, their bytes a second, and what the terminal says of its colours."""

POLL = "1"
"""Seconds between two polls."""

SETTLED = 5.0
"""Seconds after the first screen, in which it may still be on its way."""

COLUMN = 110
"""Where the colour behind a row is looked at: near its end, which comes last."""


@dataclass(frozen=True, slots=True)
class _Program:
    """`shows` is on the screen once it runs; `first_row` is the line of the cursor then."""

    what: str
    command: Sequence[str]
    environ: Mapping[str, str]
    shows: str
    first_row: int


async def run(size: str) -> list[Table]:
    """Return the times of both on both lines; the `size` makes no difference."""
    return [await asyncio.to_thread(_table)]


def _table() -> Table:
    with installation() as hub:
        ours = _Program(
            "dashboard",
            [*DASHBOARD, "--interval", POLL],
            {"POSTGRES_DSN": hub.dsn},
            "● live",
            first_row=4,
        )
        stock = _Program("stock Textual", [*STOCK, POLL], {}, "by creation", first_row=3)
        rows = []
        for line, speed, colours in LINES:
            with changing(hub):
                found = _measure(ours, speed, colours)
            baseline = _measure(stock, speed, colours)
            rows.append(_row(f"{line}: {ours.what}", found, found))
            rows.append(_row(f"{line}: {stock.what}", baseline, found))
    return Table(
        f"Milliseconds from a key to the row it leads to, polls every {POLL} s",
        ("what", "median", "worst", "ratio of the medians", "bytes/s"),
        rows,
        [
            f"{PRESSES} keys, one every {APART:g} s. Three rows in view change every {CHANGES:g} s",
            "in the dashboard and none in the stock application, which sets all of them anew at",
            f"every poll. '>': not shown within {LONGEST:g} s of the last key.",
        ],
    )


@dataclass(frozen=True, slots=True)
class _Found:
    """Seconds of each key, infinite where it was never answered, and the bytes of a second."""

    seconds: Sequence[float]
    bytes_per_second: float

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


def _measure(program: _Program, speed: int | None, colours: Mapping[str, str]) -> _Found:
    pressed: list[float] = []
    arrived: list[float] = []
    environ = {**program.environ, **colours}
    with started(program.command, environ, bytes_per_second=speed) as terminal:
        terminal.wait_for(program.shows)
        terminal.listen(SETTLED)
        colour = terminal.background(program.first_row, COLUMN)

        def drawn(at: float) -> None:
            """Take note of the keys that have been answered by now."""
            row = _cursor(terminal, program.first_row, colour)
            arrived.extend([at] * (row - len(arrived)))

        terminal.on_drawn = drawn
        before, began = len(terminal.raw), time.monotonic()
        for _ in range(PRESSES):
            pressed.append(time.monotonic())
            terminal.type_blindly("j")
            terminal.listen(APART)
        while len(arrived) < PRESSES and time.monotonic() - pressed[-1] < LONGEST:
            terminal.listen(APART)
        sent = (len(terminal.raw) - before) / (time.monotonic() - began)
    missing = [math.inf] * (PRESSES - len(arrived))
    return _Found([at - key for key, at in zip(pressed, arrived + missing, strict=True)], sent)


def _cursor(terminal: Recorder, first_row: int, colour: str) -> int:
    """Return how many rows below the first one the cursor is; 0 in the middle of a move."""
    rows = range(PRESSES + 1)
    return next((at for at in rows if terminal.background(first_row + at, COLUMN) == colour), 0)


def _row(what: str, found: _Found, of: _Found) -> list[str]:
    return [
        what,
        _ms(found.median),
        _ms(max(found.seconds)),
        f"{found.median / of.median:,.1f}x" if found.median < math.inf else "",
        f"{found.bytes_per_second:,.0f}",
    ]


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:,.0f}" if seconds < math.inf else f"> {1000 * LONGEST:,.0f}"
