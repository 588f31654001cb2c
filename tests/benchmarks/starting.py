"""How long the dashboard takes to paint, and how much memory it has, beside a bare Textual app.

The time is that from the start of the process to the first byte of content: what comes before it
are escape sequences and blanks. Nothing here passes or fails.
"""

from __future__ import annotations

import asyncio
import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import psutil

from tests.benchmarks.programs import BARE, DASHBOARD, DEMO, installation, started
from tests.benchmarks.report import Table

RUNS = 9
BUDGET = 1.4
"""Of design.md: how many times as long as the bare application it may take."""

SETTLED = 5.0
"""Seconds from the first content to the look at the memory."""

_INVISIBLE = re.compile(
    rb"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[P^_X].*?\x1b\\"
    rb"|\x1b\[[0-?]*[ -/]*[@-~]|\x1b[ -/]*[0-~]|[\x00-\x20\x7f]",
    re.DOTALL,
)
_UNFINISHED = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*|[\]P^_X][^\x07\x1b]*)?$")


@dataclass(slots=True)
class _Program:
    """`ready` is on its screen once its first data are.

    `times` and `busy`, the processor time, are in seconds, `memory` is in MB.
    """

    what: str
    command: Sequence[str]
    environ: Mapping[str, str]
    ready: str
    times: list[float] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)
    memory: float = 0.0


async def run(size: str) -> list[Table]:
    """Return the times and the memory; the `size` makes no difference."""
    return [await asyncio.to_thread(_table)]


def _table() -> Table:
    with installation() as hub:
        dsn = {"POSTGRES_DSN": hub.dsn}
        bare = _Program("bare Textual and pydantic", BARE, {}, "a bar")
        programs = [
            _Program("dashboard, PostgreSQL", DASHBOARD, dsn, "24h"),
            _Program("dashboard, demo", DEMO, {}, "● live"),
            bare,
        ]
        for program in programs:  # files are read for the first time, and compiled
            _start(program)
            program.times.clear()
            program.busy.clear()
        for _ in range(RUNS):  # by turns, so that what else the machine does meets them all
            for program in programs:
                _start(program)
        for program in programs:
            program.memory = _memory(program)
    return Table(
        f"Start: milliseconds to the first content, {RUNS} runs of each by turns",
        ("what", "least", "ratio", "median", "ratio", "processor", "ratio", "budget", "memory"),
        [
            (
                one.what,
                *_compared(min(one.times), min(bare.times)),
                *_compared(statistics.median(one.times), statistics.median(bare.times)),
                *_compared(min(one.busy), min(bare.busy)),
                "" if one is bare else f"{BUDGET}x",
                f"{one.memory:,.0f} MB",
            )
            for one in programs
        ],
        [
            "processor: the least processor time of the process until then, which does not change",
            "much with what else the machine does.",
            f"memory: what is resident {SETTLED:g} s after the first data were shown.",
        ],
    )


def _compared(seconds: float, baseline: float) -> tuple[str, str]:
    return f"{1000 * seconds:,.0f}", f"{seconds / baseline:.2f}x"


def _start(program: _Program) -> None:
    """Start it once, and note how long that takes."""
    with started(program.command, program.environ) as terminal:
        terminal.wait_until(lambda: _has_content(bytes(terminal.raw)), "content")
        times = psutil.Process(terminal.pid).cpu_times()
        program.times.append(terminal.last_read_at - terminal.started_at)
        program.busy.append(times.user + times.system)


def _has_content(data: bytes) -> bool:
    return bool(_INVISIBLE.sub(b"", _UNFINISHED.sub(b"", data)))


def _memory(program: _Program) -> float:
    """Return the resident memory once all is shown, in MB."""
    with started(program.command, program.environ) as terminal:
        terminal.wait_for(program.ready)
        terminal.listen(SETTLED)
        return float(psutil.Process(terminal.pid).memory_info().rss) / 1e6
