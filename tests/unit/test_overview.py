"""The hours of the overview: the whole history seldom, its fresh end often, closed hours kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from asynqhub_tui.backends import Target
from asynqhub_tui.backends.sqlite import create, open_hub
from asynqhub_tui.models import TimeSeriesStats
from asynqhub_tui.overview import HOURS, Overview
from asynqhub_tui.view import View
from tests.screens.sample import NOW

HOUR = NOW.replace(minute=0, second=0)


class Wall:
    """The time of day."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def series(**hours: tuple[int, int]) -> Mapping[str, Sequence[TimeSeriesStats]]:
    """One worker `one`: `h3=(2, 1)` is three hours ago with two successes and a failure."""
    return {
        "one": [
            TimeSeriesStats(
                hour=HOUR - timedelta(hours=int(name[1:])), total=ok + bad, success=ok, failed=bad
            )
            for name, (ok, bad) in hours.items()
        ]
    }


@pytest.fixture
async def overview(tmp_path: Path) -> Any:
    create(tmp_path / "hub.db")
    wall = Wall()
    changed: list[None] = []
    async with await open_hub(Target("sqlite", SecretStr(str(tmp_path / "hub.db")))) as hub:
        overview = Overview(hub, View(clock=wall), lambda: changed.append(None))
        overview.wall = wall  # type: ignore[attr-defined]
        overview.changed = changed  # type: ignore[attr-defined]
        yield overview


def take(overview: Overview, name: str, answer: object) -> None:
    next(feed for feed in overview.feeds if feed.name == name).deliver(answer)


def figures(overview: Overview, worker: str | None = None) -> list[tuple[int, int]]:
    """Newest first, as (hours ago, attempts), those without attempts left out."""
    hours = overview.hours(worker)
    assert [one.hour for one in hours] == sorted(one.hour for one in hours)
    assert len(hours) == HOURS
    return [(back, one.total) for back, one in enumerate(reversed(hours)) if one.total]


async def test_the_fresh_end_is_put_over_the_history(overview: Any) -> None:
    take(overview, "24 hours", series(h23=(1, 0), h3=(5, 1), h0=(2, 0)))
    take(overview, "recent hours", series(h1=(0, 0), h0=(9, 1)))
    assert figures(overview, "one") == [(0, 10), (3, 6), (23, 1)]
    assert figures(overview) == figures(overview, "one")
    assert figures(overview, "unknown") == []
    assert len(overview.changed) == 2


async def test_an_hour_later_the_hours_have_moved(overview: Any) -> None:
    take(overview, "24 hours", series(h23=(1, 0), h3=(5, 1), h0=(2, 0)))
    overview.wall.now += timedelta(hours=1)
    assert figures(overview) == [(1, 2), (4, 6)]
    take(overview, "recent hours", {"one": []})
    assert figures(overview) == [(1, 2), (4, 6)]


async def test_a_day_of_answers_keeps_a_day_of_hours(overview: Any) -> None:
    for _ in range(24 * 7):
        overview.wall.now += timedelta(hours=1)
        hour = overview.wall.now.replace(minute=0, second=0)
        take(overview, "recent hours", {"one": [TimeSeriesStats(hour=hour, total=1)]})
    assert figures(overview) == [(back, 1) for back in range(HOURS)]
    assert len(overview._hours["one"]) <= HOURS + 2


async def test_hours_of_all_workers_are_added_up(overview: Any) -> None:
    one = series(h2=(5, 1))["one"]
    take(overview, "24 hours", {"one": one, "two": one, "three": []})
    (hour,) = [hour for hour in overview.hours() if hour.total]
    assert (hour.total, hour.success, hour.failed) == (12, 10, 2)


async def test_every_feed_asks_the_real_store(overview: Any) -> None:
    for feed in overview.feeds:
        feed.deliver(await feed.fetch())
    assert overview.counts is not None
    assert overview.counts_at == NOW
    assert len(overview.changed) == 4
    assert overview.workers_feed.name == "workers"
