"""Figures fit their columns and do not say more than is so."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest

from asynqhub_tui import figures
from asynqhub_tui.figures import TimeFormat
from asynqhub_tui.models import Count

NOW = datetime(2026, 11, 23, 14, 2, 11, 500, tzinfo=UTC)


def ago(**length: float) -> datetime:
    return NOW - timedelta(**length)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (9_999, "9999"),
        (10_000, "10.0k"),
        (12_345, "12.3k"),
        (99_949, "99.9k"),
        (99_950, "100k"),
        (999_499, "999k"),
        (999_500, "1.0M"),
        (1_234_567, "1.2M"),
        (999_500_000, "1.0G"),
        (123_000_000_000, "123G"),
        (-3, "-3"),
    ],
)
def test_numbers(value: int, text: str) -> None:
    assert figures.number(value) == text


def test_a_number_never_exceeds_its_column() -> None:
    for power in range(13):
        for value in (
            10**power - 1,
            10**power,
            10**power + 1,
            5 * 10**power,
            9995 * 10**power // 1000,
        ):
            assert len(figures.number(value)) <= 5


def test_numbers_rise() -> None:
    sizes = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9}

    def size(text: str) -> float:
        match = re.fullmatch(r"([\d.]+)([kMG]?)", text)
        assert match
        return float(match[1]) * sizes[match[2]]

    shown = [size(figures.number(value)) for value in range(0, 3_000_000, 997)]
    assert shown == sorted(shown)


def test_counts_say_how_far_they_can_be_trusted() -> None:
    assert figures.count(Count(value=164)) == "164"
    assert figures.count(Count.capped(1001, 1000)) == "1000+"
    assert figures.count(Count(value=1_234_567, kind="about")) == "~1.2M"


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (None, "-"),
        (-5, "0ms"),
        (0, "0ms"),
        (412.4, "412ms"),
        (999.4, "999ms"),
        (999.6, "1.0s"),
        (2_149, "2.1s"),
        (99_900, "99.9s"),
        (99_960, "1m39"),
        (303_000, "5m03"),
        (599_999, "9m59"),
        (600_000, "10m"),
        (10_800_000, "3h"),
        (900_000_000, "10d"),
    ],
)
def test_durations(ms: float | None, text: str) -> None:
    assert figures.duration(ms) == text
    assert len(text) <= 5


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(seconds=-3), "0s"),
        (timedelta(seconds=59), "59s"),
        (timedelta(seconds=60), "1m"),
        (timedelta(minutes=59, seconds=59), "59m"),
        (timedelta(hours=47), "47h"),
        (timedelta(hours=48), "2d"),
        (timedelta(days=999), "999d"),
        (timedelta(days=1000), "2y"),
    ],
)
def test_spans(length: timedelta, text: str) -> None:
    assert figures.span(length) == text


def test_ages_rest_between_steps() -> None:
    assert figures.age(ago(seconds=-60), NOW) == "now"
    assert figures.age(ago(seconds=4.9), NOW) == "now"
    assert {figures.age(ago(seconds=at), NOW) for at in (5, 7, 9.9)} == {"5s"}
    assert figures.age(ago(seconds=59.9), NOW) == "55s"
    assert figures.age(ago(seconds=60), NOW) == "1m"
    assert figures.ago(ago(seconds=1), NOW) == "just now"
    assert figures.ago(ago(hours=3), NOW) == "3h ago"


def test_a_moment_in_each_format() -> None:
    at = ago(hours=3)
    assert figures.moment(None, NOW, TimeFormat.RELATIVE) == "-"
    assert figures.moment(at, NOW, TimeFormat.RELATIVE) == "3h"
    assert figures.moment(at, NOW, TimeFormat.UTC) == "11:02:11"
    assert figures.moment(ago(days=1), NOW, TimeFormat.UTC) == "11-22 14:02"
    local = at.astimezone()
    same_day = local.date() == NOW.astimezone().date()
    want = local.strftime("%H:%M:%S" if same_day else "%m-%d %H:%M")
    assert figures.moment(at, NOW, TimeFormat.LOCAL) == want


def test_the_day_is_that_of_the_zone_shown() -> None:
    tokyo = timezone(timedelta(hours=9))
    assert figures.clock(ago(hours=10), tokyo, NOW) == "13:02:11"
    assert figures.clock(ago(hours=14), tokyo, NOW) == "09:02:11"
    assert figures.clock(ago(hours=15), tokyo, NOW) == "08:02:11"
    assert figures.clock(ago(hours=24), tokyo, NOW) == "11-22 23:02"


def test_a_full_moment_names_its_zone() -> None:
    assert figures.full_moment(None, NOW, TimeFormat.UTC) == "-"
    text = figures.full_moment(ago(hours=3), NOW, TimeFormat.RELATIVE)
    assert text.endswith(" (3h ago)")
    assert figures.full_moment(ago(hours=3), NOW, TimeFormat.UTC) == (
        "2026-11-23 11:02:11 UTC (3h ago)"
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (0.0, "0.0"),
        (97.14, "97.1"),
        (99.99, "99.9"),
        (100.0, "100"),
        (2 / 3 * 100, "66.6"),
    ],
)
def test_percentages_round_down(value: float | None, text: str) -> None:
    assert figures.percent(value) == text


def test_a_percentage_of_one_decimal_is_itself() -> None:
    for tenths in range(1000):
        assert figures.percent(tenths / 10) == f"{tenths / 10:.1f}"


def test_a_chart_shows_what_is_more_than_nothing() -> None:
    assert figures.spark([]) == ""
    assert figures.spark([0, 0]) == "▁▁"
    assert figures.spark([0, 1, 1000]) == "▁▂█"
    assert figures.spark([1, 2, 4]) == "▃▅█"
    assert figures.spark([5, 10], top=20) == "▃▅"
    assert figures.spark([30], top=20) == "█"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-3, "now"),
        (0, "now"),
        (1, "in 5s"),
        (36, "in 40s"),
        (40, "in 40s"),
        (41, "in 45s"),
        (55, "in 55s"),
        (56, "in 1m"),
        (150, "in 2m"),
        (7_300, "in 2h"),
    ],
)
def test_what_is_due_is_told_in_steps(seconds: float, words: str) -> None:
    assert figures.due(NOW + timedelta(seconds=seconds), NOW) == words
