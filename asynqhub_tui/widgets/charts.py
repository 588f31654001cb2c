"""Hours of successes and failures as a chart of block characters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo

from asynqhub_tui import figures
from asynqhub_tui.models import TimeSeriesStats
from asynqhub_tui.widgets.canvas import Piece

AXIS = 7
"""Cells for the scale at the left."""


def hour_chart(
    hours: Sequence[TimeSeriesStats], width: int, height: int, zone: tzinfo | None
) -> list[list[Piece]]:
    """Return `height` lines: a stacked bar an hour, failures on top, and the hours below.

    As many of the newest hours are shown as fit in `width` cells. A failure is never rounded away:
    where there is one, one cell is a failure's.
    """
    per_hour = 2 if width - AXIS >= 2 * len(hours) else 1
    shown = hours[-max((width - AXIS) // per_hour, 1) :]
    rows = max(height - 1, 1)
    peak = max((hour.success + hour.failed for hour in shown), default=0)
    lines = [_scale(peak, row, rows) for row in range(rows)]
    for hour in shown:
        failed = _cells(hour.failed, peak, rows)
        filled = max(_cells(hour.success + hour.failed, peak, rows), failed)
        for row in range(rows):
            level = rows - row
            gap = " " * (per_hour - 1)
            if level > filled:
                lines[row].append(Piece(" " + gap))
            elif level > filled - failed:
                lines[row].append(Piece("▒" + gap, "fail"))
            else:
                lines[row].append(Piece("█" + gap, "success"))
    return [
        *lines,
        [Piece(" " * (AXIS - 1) + "└", "dim"), Piece(_labels(shown, per_hour, zone), "dim")],
    ]


def _cells(value: int, peak: int, rows: int) -> int:
    return max(1, round(value / peak * rows)) if value and peak else 0


def _scale(peak: int, row: int, rows: int) -> list[Piece]:
    text = figures.number(peak) if row == 0 else ""
    return [Piece(f"{text:>{AXIS - 2}} {'┤' if row == 0 else '│'}", "dim")]


def _labels(hours: Sequence[TimeSeriesStats], per_hour: int, zone: tzinfo | None) -> str:
    text = ""
    for at, hour in enumerate(hours):
        there = hour.hour.astimezone(zone)
        if there.hour % 6 == 0 and at * per_hour >= len(text):
            text = text.ljust(at * per_hour) + f"{there:%H:%M} "
    return text[: len(hours) * per_hour].rstrip()
