"""The chart of hours: heights, labels, and a failure that is never rounded away."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from random import Random

import pytest

from asynqhub_tui.models import TimeSeriesStats
from asynqhub_tui.widgets.canvas import width_of
from asynqhub_tui.widgets.charts import AXIS, hour_chart

BEGIN = datetime(2026, 11, 22, 15, tzinfo=UTC)


def hours(*values: tuple[int, int]) -> list[TimeSeriesStats]:
    return [
        TimeSeriesStats(
            hour=BEGIN + timedelta(hours=at), total=ok + failed, success=ok, failed=failed
        )
        for at, (ok, failed) in enumerate(values)
    ]


def column(lines: list[str], at: int, wide: int = 2) -> str:
    return "".join(line[AXIS + at * wide] for line in lines[:-1])


def drawn(*values: tuple[int, int], width: int | None = None, height: int = 9) -> list[str]:
    lines = hour_chart(hours(*values), width or AXIS + 2 * len(values), height, UTC)
    return ["".join(piece.text for piece in line) for line in lines]


def test_failures_stand_on_top_of_successes() -> None:
    lines = drawn((6, 2), (4, 0), (0, 0), (0, 8))
    assert [column(lines, at) for at in range(4)] == [
        "▒▒██████",
        "    ████",
        "        ",
        "▒▒▒▒▒▒▒▒",
    ]
    assert lines[0].startswith("    8 ┤")


def test_one_failure_among_a_million_is_seen() -> None:
    lines = drawn((1_000_000, 1), (0, 1), (1, 0))
    assert column(lines, 0) == "▒███████"
    assert column(lines, 1) == "       ▒"
    assert column(lines, 2) == "       █"
    assert lines[0].startswith(" 1.0M ┤")


@pytest.mark.parametrize("seed", range(60))
def test_any_figures_in_any_room(seed: int) -> None:
    random = Random(seed)
    most = random.choice([0, 1, 5, 1_000, 10**9])
    values = [
        (random.randrange(most + 1), random.randrange(most + 1))
        for _ in range(random.randrange(30))
    ]
    width, height = random.randrange(8, 80), random.randrange(1, 15)
    lines = hour_chart(hours(*values), width, height, UTC)
    assert len(lines) == max(height, 2)
    assert all(width_of(line) <= max(width, AXIS + 1) for line in lines)
    text = ["".join(piece.text for piece in line) for line in lines]
    labels = text[-1][AXIS:].split()
    assert all(re.fullmatch(r"\d\d:00", label) for label in labels), "half a label"
    wide = max(1, min((width - AXIS) // max(len(values), 1), 4))
    shown = values[-(width - AXIS) // wide :] if values else []
    for at, (ok, failed) in enumerate(shown[-max((width - AXIS) // wide, 1) :]):
        bar = column(text, at, wide).strip()
        assert bool(bar) == bool(ok or failed)
        assert ("▒" in bar) == bool(failed)


def test_hours_are_those_of_the_zone() -> None:
    values = [(1, 0)] * 24
    assert "18:00" in drawn(*values)[-1]
    tokyo = timezone(timedelta(hours=9))
    line = hour_chart(hours(*values), 57, 9, tokyo)[-1]
    text = "".join(piece.text for piece in line)
    assert text.index("00:00") == AXIS
    assert [word for word in text.split() if ":" in word] == ["└00:00", "06:00", "12:00", "18:00"]


def test_where_there_is_little_room_the_newest_hours_are_shown() -> None:
    lines = drawn(*[(1, 0)] * 23, (0, 1), width=AXIS + 5)
    assert [column(lines, at, 1)[-1] for at in range(5)] == ["█", "█", "█", "█", "▒"]


@pytest.mark.parametrize(("room", "bar"), [(24, "█"), (48, "█ "), (72, "██ "), (300, "███ ")])
def test_bars_are_as_wide_as_there_is_room_for(room: int, bar: str) -> None:
    lines = drawn(*[(1, 0)] * 24, width=AXIS + room)
    assert lines[0][AXIS:] == bar * 24


def test_a_high_chart_has_a_figure_in_its_middle_too() -> None:
    assert [line[:AXIS] for line in drawn((8, 0), height=9) if "┤" in line] == [
        "    8 ┤",
        "    4 ┤",
    ]
    assert [line[:AXIS] for line in drawn((1_001, 0), height=8) if "┤" in line] == [
        " 1001 ┤",
        "  572 ┤",
    ]
    for odd in (drawn((7, 0), height=9), drawn((8, 0), height=6), drawn((0, 0), height=9)):
        assert sum("┤" in line for line in odd) == 1


def test_no_hours_at_all() -> None:
    assert drawn()[0].startswith("    0 ┤")
