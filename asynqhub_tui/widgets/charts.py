"""Hours of successes and failures as a chart of block characters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo

from asynqhub_tui import figures
from asynqhub_tui.models import TimeSeriesStats
from asynqhub_tui.widgets.canvas import Piece

AXIS = 7
"""Cells for the scale at the left."""

MOST_PER_HOUR = 4
"""Cells of an hour, the gap behind its bar included: beyond, bars are blocks and no chart."""

MIDDLE_FROM = 6
"""Rows from which on the scale has a figure in its middle."""


def hour_chart(
    hours: Sequence[TimeSeriesStats], width: int, height: int, zone: tzinfo | None
) -> list[list[Piece]]:
    """Return `height` lines: a stacked bar an hour, failures on top, and the hours below.

    As many of the newest hours are shown as fit in `width` cells, in bars as wide as there is room
    for. A failure is never rounded away: where there is one, one cell is a failure's.
    """
    per_hour = max(1, min((width - AXIS) // max(len(hours), 1), MOST_PER_HOUR))
    shown = hours[-max((width - AXIS) // per_hour, 1) :]
    rows = max(height - 1, 1)
    peak = max((hour.success + hour.failed for hour in shown), default=0)
    lines = [_scale(peak, row, rows) for row in range(rows)]
    bar, gap = max(per_hour - 1, 1), " " * (per_hour - 1 and 1)
    for hour in shown:
        failed = _cells(hour.failed, peak, rows)
        filled = max(_cells(hour.success + hour.failed, peak, rows), failed)
        for row in range(rows):
            level = rows - row
            if level > filled:
                lines[row].append(Piece(" " * bar + gap))
            elif level > filled - failed:
                lines[row].append(Piece("▒" * bar + gap, "fail"))
            else:
                lines[row].append(Piece("█" * bar + gap, "success"))
    return [
        *lines,
        [Piece(" " * (AXIS - 1) + "└", "dim"), Piece(_labels(shown, per_hour, zone), "dim")],
    ]


def _cells(value: int, peak: int, rows: int) -> int:
    return max(1, round(value / peak * rows)) if value and peak else 0


def _scale(peak: int, row: int, rows: int) -> list[Piece]:
    top = peak * (rows - row) / rows
    middle = rows >= MIDDLE_FROM and row == rows // 2 and (top.is_integer() or peak >= 100)
    text = figures.number(round(top)) if row == 0 or (middle and peak) else ""
    return [Piece(f"{text:>{AXIS - 2}} {'┤' if text else '│'}", "dim")]


def _labels(hours: Sequence[TimeSeriesStats], per_hour: int, zone: tzinfo | None) -> str:
    text, end = "", len(hours) * per_hour
    for number, hour in enumerate(hours):
        there, at = hour.hour.astimezone(zone), number * per_hour
        label = f"{there:%H:%M}"
        if there.hour % 6 == 0 and len(text) <= at <= end - len(label):
            text = f"{text:<{at}}{label} "
    return text.rstrip()
