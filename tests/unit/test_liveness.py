"""What is said of a worker by what it shows: the whole table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from asynqhub_tui.liveness import FRESH, Liveness, Signs, liveness

NOW = datetime(2026, 11, 23, 14, 2, 11, tzinfo=UTC)
BEAT = NOW - timedelta(seconds=20)
STALE = NOW - timedelta(hours=5)
THIS_HOUR = NOW.replace(minute=0, second=0)
LAST_HOUR = THIS_HOUR - timedelta(hours=1)
LONG_AGO = THIS_HOUR - timedelta(hours=4)


@pytest.mark.parametrize(
    ("signs", "said"),
    [
        (Signs(heartbeat=BEAT), Liveness.ALIVE),
        (Signs(heartbeat=BEAT, waiting=True), Liveness.ALIVE),
        (Signs(heartbeat=BEAT, read=False), Liveness.ALIVE),
        (Signs(heartbeat=NOW - FRESH), Liveness.ALIVE),
        (Signs(heartbeat=NOW + timedelta(minutes=3)), Liveness.ALIVE),
        (Signs(heartbeat=STALE, attempted=THIS_HOUR), Liveness.AT_WORK),
        (Signs(heartbeat=STALE, attempted=LAST_HOUR, waiting=True), Liveness.AT_WORK),
        (Signs(attempted=THIS_HOUR), Liveness.AT_WORK),
        (Signs(attempted=LAST_HOUR, waiting=True), Liveness.AT_WORK),
        (Signs(running=True, attempted=LONG_AGO, waiting=True), Liveness.AT_WORK),
        (Signs(heartbeat=STALE), Liveness.QUIET),
        (Signs(heartbeat=STALE, attempted=LONG_AGO), Liveness.QUIET),
        (Signs(), Liveness.QUIET),
        (Signs(heartbeat=STALE, waiting=True), Liveness.MISSING),
        (Signs(attempted=LONG_AGO, waiting=True), Liveness.MISSING),
        (Signs(waiting=True), Liveness.MISSING),
        (Signs(heartbeat=STALE, read=False), Liveness.UNKNOWN),
        (Signs(waiting=True, read=False), Liveness.UNKNOWN),
        (Signs(servers=3), Liveness.ALIVE),
        (Signs(servers=1, heartbeat=STALE, waiting=True), Liveness.ALIVE),
        (Signs(servers=1, read=False), Liveness.ALIVE),
        (Signs(servers=1, untaken=True), Liveness.PARTLY),
        (Signs(servers=0, read=False), Liveness.UNKNOWN),
        (Signs(servers=0, heartbeat=BEAT), Liveness.QUIET),
        (Signs(servers=0, heartbeat=BEAT, untaken=True, waiting=True), Liveness.MISSING),
        (Signs(servers=0, attempted=THIS_HOUR), Liveness.QUIET),
        (Signs(servers=0, running=True), Liveness.MISSING),
        (Signs(enabled=False, servers=2), Liveness.DISABLED),
        (Signs(enabled=False), Liveness.DISABLED),
        (Signs(enabled=False, heartbeat=BEAT), Liveness.DISABLED),
        (Signs(enabled=False, waiting=True), Liveness.DISABLED),
    ],
)
def test_what_is_said(signs: Signs, said: Liveness) -> None:
    assert liveness(signs, NOW) is said


def test_attempts_of_the_hour_before_count_for_some_minutes_of_this_one() -> None:
    signs = Signs(attempted=LAST_HOUR, waiting=True)
    assert liveness(signs, THIS_HOUR + timedelta(minutes=10)) is Liveness.AT_WORK
    assert liveness(signs, THIS_HOUR + timedelta(minutes=11)) is Liveness.MISSING


def test_the_newest_sign_is_the_one_that_counts() -> None:
    assert Signs().seen is None
    assert Signs(heartbeat=STALE, attempted=LONG_AGO).seen == LONG_AGO
    assert Signs(heartbeat=BEAT, attempted=THIS_HOUR).seen == BEAT
