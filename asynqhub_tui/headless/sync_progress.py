"""How a copy gets on, on one line of a terminal, or on a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import timedelta

from asynqhub_tui import figures
from asynqhub_tui.headless.output import ProgressLine, note

WIDTH = 24
"""Cells of the bar."""

REDRAW = 0.2
"""Seconds between two drawings on a terminal."""

REPORT = 30.0
"""Seconds between two lines where there is none."""

SETTLED = 3.0
"""Seconds after which a stage is old enough to tell how long it will take."""


class Progress:
    """Tells of stages as `sync.watching.Watcher`: a bar, the rate, and the time that is left.

    The bar goes by ids, of which some may be missing; the rate counts rows.
    """

    def __init__(self, line: ProgressLine, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._line = line
        self._clock = clock
        self._terminal = sys.stderr.isatty()
        self._shown_at = clock()
        self.rows = 0
        """Rows that were written so far."""
        self.stage("", 0, 0)

    def stage(self, name: str, total: int, done: int) -> None:
        """See Watcher.stage."""
        self._name = name
        self._total, self._first, self._done = total, done, done
        self._stage_rows = 0
        self._began = self._clock()

    def advanced(self, done: int, rows: int) -> None:
        """See Watcher.advanced."""
        self._done = done
        self._stage_rows += rows
        self.rows += rows
        now = self._clock()
        if now - self._shown_at < (REDRAW if self._terminal else REPORT):
            return
        self._shown_at = now
        if self._terminal:
            self._line.show(self.words())
        else:
            note(self.words())

    def words(self) -> str:
        """Say where the stage stands."""
        elapsed = max(self._clock() - self._began, 1e-9)
        if not self._name:
            return f"{self.rows:,} rows written"
        span = self._total - self._first
        part = min((self._done - self._first) / span, 1.0) if span > 0 else 1.0
        full = round(part * WIDTH)
        said = f"{self._name} {'█' * full}{'░' * (WIDTH - full)} {part:4.0%}"
        if self._stage_rows:
            said += f"  {self._stage_rows:,} rows, {self._stage_rows / elapsed:,.0f}/s"
        if 0 < part < 1 and elapsed >= SETTLED:
            left = timedelta(seconds=elapsed * (1 - part) / part)
            said += f"  {figures.span(left)} left"
        return said
