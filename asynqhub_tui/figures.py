"""Numbers and times in the few characters that a dashboard has for them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum

from asynqhub_tui.models import Count

NONE = "-"
"""What stands where there is no figure."""

_BLOCKS = "▁▂▃▄▅▆▇█"


class TimeFormat(StrEnum):
    """How times are shown."""

    RELATIVE = "relative"
    LOCAL = "local"
    UTC = "utc"


def number(value: int) -> str:
    """Return `value` in at most five characters: 999, 12.3k, 546k, 1.2M."""
    if abs(value) < 10_000:
        return str(value)
    for unit, size in (("k", 1_000), ("M", 1_000_000), ("G", 1_000_000_000)):
        scaled = value / size
        if abs(scaled) < 99.95:
            return f"{scaled:.1f}{unit}"
        if abs(scaled) < 999.5 or unit == "G":
            return f"{scaled:.0f}{unit}"
    raise AssertionError("unreachable")


def size(count: int) -> str:
    """Return a number of bytes: `84 B`, `9.1 kB`, `58 MB`."""
    value = float(count)
    for unit in ("B", "kB", "MB"):
        if value < 999.5:
            return f"{value:.1f} {unit}" if value < 9.95 and unit != "B" else f"{value:.0f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def count(value: Count) -> str:
    """Return a count with the mark of what it is: 164, 1000+, ~1.2M."""
    text = number(value.value)
    if value.kind == "at_least":
        return f"{text}+"
    return f"~{text}" if value.kind == "about" else text


def duration(ms: float | None) -> str:
    """Return a duration given in milliseconds in at most five characters: 412ms, 2.1s, 5m03, 3h."""
    if ms is None:
        return NONE
    if ms < 0:
        return "0ms"
    if ms < 999.5:
        return f"{ms:.0f}ms"
    seconds = ms / 1000
    if seconds < 99.95:
        return f"{seconds:.1f}s"
    if seconds < 600:
        return f"{int(seconds // 60)}m{int(seconds % 60):02d}"
    return span(timedelta(seconds=seconds))


def span(length: timedelta) -> str:
    """Return a length of time in at most four characters: 40s, 12m, 3h, 41d, 2y."""
    seconds = int(length.total_seconds())
    for limit, size, unit in ((60, 1, "s"), (3600, 60, "m"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{max(seconds, 0) // size}{unit}"
    days = seconds // 86_400
    return f"{days}d" if days < 1000 else f"{days // 365}y"


def age(at: datetime, now: datetime) -> str:
    """Return how long ago `at` was, in steps of 5 s below a minute, so that an idle screen rests.

    A time in the future, as clocks that differ give it, is `now`.
    """
    seconds = (now - at).total_seconds()
    if seconds < 5:
        return "now"
    if seconds < 60:
        seconds -= seconds % 5
    return span(timedelta(seconds=seconds))


def clock(at: datetime, zone: tzinfo | None, now: datetime | None = None) -> str:
    """Return `at` as 14:02:11 in `zone` (None: the local one), with its date when not `now`'s."""
    there = at.astimezone(zone)
    if now is not None and now.astimezone(zone).date() == there.date():
        return there.strftime("%H:%M:%S")
    return there.strftime("%m-%d %H:%M") if now is not None else there.strftime("%H:%M:%S")


def moment(at: datetime | None, now: datetime, how: TimeFormat) -> str:
    """Return `at` in a column's width: an age, or a time of day, or a date and time."""
    if at is None:
        return NONE
    if how is TimeFormat.RELATIVE:
        return age(at, now)
    return clock(at, UTC if how is TimeFormat.UTC else None, now)


def full_moment(at: datetime | None, now: datetime, how: TimeFormat) -> str:
    """Return `at` where there is room: date, time and zone, and how long ago."""
    if at is None:
        return NONE
    there = at.astimezone(UTC if how is TimeFormat.UTC else None)
    return f"{there:%Y-%m-%d %H:%M:%S %Z} ({ago(at, now)})"


def ago(at: datetime, now: datetime) -> str:
    """Return `at` in words: 3h ago, or just now."""
    text = age(at, now)
    return "just now" if text == "now" else f"{text} ago"


def due(at: datetime, now: datetime) -> str:
    """Return in words when `at` will be: in 40s, or now; in steps as ages have them, rounded up."""
    seconds = (at - now).total_seconds()
    if seconds <= 0:
        return "now"
    if seconds <= 55:
        return f"in {math.ceil(seconds / 5) * 5}s"
    return f"in {span(timedelta(seconds=max(seconds, 60)))}"


def percent(value: float | None) -> str:
    """Return a percentage in at most four characters: 97.1, 100. It rounds down, so that 100
    means all.
    """
    if value is None:
        return NONE
    return "100" if value >= 100 else f"{int(value * 10) / 10:.1f}"


def spark(values: Sequence[int], *, top: int | None = None) -> str:
    """Return a one-line chart of `values`, a block character each.

    The highest block stands for `top`, or the largest value. Zero is the lowest block, and any
    more than zero is above it.
    """
    peak = max(max(values, default=0), top or 0, 1)
    return "".join(
        _BLOCKS[0] if value <= 0 else _BLOCKS[max(1, min(7, round(value / peak * 7)))]
        for value in values
    )
