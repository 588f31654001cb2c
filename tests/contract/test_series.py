"""Attempts by the hour of their start."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from asynqhub_tui.models import DEAD, FAIL, SUCCESS, TimeSeriesStats
from asynqhub_tui.repository import Hub
from tests.contract.builders import (
    THEN,
    WORKER,
    ago,
    both_rows,
    make_attempt,
    make_task,
    make_worker,
)
from tests.contract.engines import Engine

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


def this_hour() -> datetime:
    """Return the beginning of the current hour."""
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


def filled(series: Sequence[TimeSeriesStats]) -> dict[datetime, tuple[int, int, int, float | None]]:
    """Return the hours that had attempts: total, success, failed and average."""
    return {
        entry.hour: (entry.total, entry.success, entry.failed, entry.avg_duration)
        for entry in series
        if entry.total
    }


@pytest.mark.parametrize(
    ("hours", "expected"),
    [(None, 24), (0, 24), (-1, 24), (169, 24), (1, 1), (2, 2), (24, 24), (168, 168)],
)
async def test_hours_are_bounded_and_none_is_left_out(
    hub: Hub, engine: Engine, hours: int | None, expected: int
) -> None:
    engine.load(tasks=[make_task()], attempts=[make_attempt(at=ago(seconds=0))])
    before = this_hour()
    series = await hub.tasks.get_worker_time_series_stats(WORKER, hours)
    after = this_hour()
    assert len(series) == expected
    assert series[-1].hour in (before, after)
    assert [entry.hour for entry in series] == [
        series[-1].hour - back * HOUR for back in range(expected - 1, -1, -1)
    ]
    if expected > 1:
        assert sum(entry.total for entry in series) == 1
        assert len((await hub.tasks.fleet_series(hours))[WORKER]) == expected


async def test_without_attempts_every_hour_is_zero(hub: Hub) -> None:
    for worker in (WORKER, "nobody"):
        series = await hub.tasks.get_worker_time_series_stats(worker)
        assert [entry for entry in series if entry != TimeSeriesStats(hour=entry.hour)] == []
        assert len(series) == 24
    assert "nobody" not in await hub.tasks.fleet_series()


async def test_each_attempt_counts_once_in_the_hour_of_its_start(hub: Hub, engine: Engine) -> None:
    """Across at least one day's border, with hours in between that have none."""
    base = this_hour()
    day, earlier, later = base - 30 * HOUR, base - 20 * HOUR, base - 2 * HOUR
    last_moment = timedelta(microseconds=1)
    engine.load(
        [make_worker("worker-2")],
        [make_task("a"), make_task("b"), make_task("z", worker_name="worker-2")],
        [
            *both_rows("a", 1, FAIL, at=day, took=SECOND),
            *both_rows("a", 2, DEAD, at=day + HOUR - last_moment, took=2 * HOUR),
            *both_rows("b", 1, SUCCESS, at=day + HOUR, took=2 * SECOND),
            *both_rows("b", 1, SUCCESS, at=day + HOUR + SECOND, took=4 * SECOND),
            make_attempt("b", 2, at=earlier),
            make_attempt("b", 3, "odd", at=earlier + SECOND),
            make_attempt("b", 1, SUCCESS, at=later),
            *both_rows("z", 1, SUCCESS, at=later, took=SECOND),
        ],
    )
    series = await hub.tasks.get_worker_time_series_stats(WORKER, 48)
    assert filled(series) == {
        day: (2, 0, 2, None),
        day + HOUR: (2, 2, 0, 3000.0),
        earlier: (2, 0, 0, None),
        later: (1, 1, 0, None),
    }
    other = await hub.tasks.get_worker_time_series_stats("worker-2", 48)
    assert filled(other) == {later: (1, 1, 0, 1000.0)}
    fleet = await hub.tasks.fleet_series(48)
    assert filled(fleet[WORKER]) == filled(series)
    assert filled(fleet["worker-2"]) == filled(other)


async def test_midnight_parts_two_hours(hub: Hub, engine: Engine) -> None:
    midnight = (datetime.now(UTC) - timedelta(days=2)).replace(
        hour=0, minute=0, second=0, microsecond=0
    )
    engine.load(
        tasks=[make_task()],
        attempts=[
            make_attempt("t1", 1, FAIL, at=midnight - timedelta(microseconds=1)),
            make_attempt("t1", 2, SUCCESS, at=midnight, duration_ms=5),
        ],
    )
    series = await hub.tasks.get_worker_time_series_stats(WORKER, 96)
    assert filled(series) == {midnight - HOUR: (1, 0, 1, None), midnight: (1, 1, 0, 5.0)}
    shown = [entry.model_dump(mode="json")["hour"] for entry in series if entry.total]
    assert shown == [f"{midnight - HOUR:%Y-%m-%d} 23:00", f"{midnight:%Y-%m-%d} 00:00"]


async def test_an_old_task_with_an_attempt_today(hub: Hub, engine: Engine) -> None:
    """The task was created long before the hours that are asked for."""
    start = this_hour() - HOUR
    engine.load(
        tasks=[make_task(at=ago(days=400))],
        attempts=[
            *both_rows("t1", 1, FAIL, at=ago(days=400), took=SECOND),
            *both_rows("t1", 1, SUCCESS, at=start, took=SECOND),
        ],
    )
    expected = {start: (1, 1, 0, 1000.0)}
    assert filled(await hub.tasks.get_worker_time_series_stats(WORKER)) == expected
    assert filled((await hub.tasks.fleet_series())[WORKER]) == expected


async def test_a_rerun_with_the_same_number_is_another_attempt(hub: Hub, engine: Engine) -> None:
    start = this_hour() - 3 * HOUR
    engine.load(
        tasks=[make_task(status=SUCCESS)],
        attempts=[
            row
            for step, (number, status) in enumerate(((1, FAIL), (2, FAIL), (2, SUCCESS)))
            for row in both_rows("t1", number, status, at=start + step * 60 * SECOND, took=SECOND)
        ],
    )
    series = await hub.tasks.get_worker_time_series_stats(WORKER)
    assert filled(series) == {start: (3, 1, 2, 1000.0)}


async def test_attempts_before_and_after_the_hours_are_left_out(hub: Hub, engine: Engine) -> None:
    engine.load(
        tasks=[make_task()],
        attempts=[
            make_attempt("t1", 1, FAIL, at=THEN),
            make_attempt("t1", 2, FAIL, at=ago(hours=26)),
            make_attempt("t1", 3, FAIL, at=ago(hours=-26)),
        ],
    )
    assert filled(await hub.tasks.get_worker_time_series_stats(WORKER)) == {}
    fleet = await hub.tasks.fleet_series()
    assert filled(fleet.get(WORKER, ())) == {}
