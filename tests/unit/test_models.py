"""What the models make of rows that anybody may have written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import ValidationError

from asynqhub_tui.models import (
    NO_TIMEOUT,
    OVERDUE_GRACE,
    Attempt,
    Count,
    QueueGroup,
    Task,
    TimeSeriesStats,
    Window,
    WorkerConfig,
    last_failed,
    parse_queue_groups,
)

NOW = datetime(2026, 11, 23, 14, tzinfo=UTC)
TIMEOUT = timedelta(seconds=30)
LIMIT = TIMEOUT + OVERDUE_GRACE
TICK = timedelta(microseconds=1)
HOUR = timedelta(hours=1)


def attempt(status: str, since: timedelta = timedelta(0), **fields: Any) -> Attempt:
    return Attempt(task_id="t", attempt=1, status=status, started_at=NOW - since, **fields)


def task(status: str, newest: Attempt | None = None, **fields: Any) -> Task:
    times = {"created_at": NOW - timedelta(days=1), "updated_at": NOW - timedelta(days=1)}
    row = {"task_id": "t", "worker_name": "w", "queue": "w:q:default", "status": status}
    return Task.model_validate({**row, **times, "newest_attempt": newest, **fields})


@pytest.mark.parametrize(
    ("row", "state"),
    [
        (task("pending"), "pending"),
        (task("pending", attempt("running", LIMIT)), "running"),
        (task("pending", attempt("running", LIMIT + TICK)), "overdue"),
        (task("fail", attempt("running")), "running"),
        (task("fail", attempt("running", LIMIT + TICK)), "overdue"),
        (task("dead", attempt("fail")), "dead"),
        (task("success", attempt("running", LIMIT + TICK)), "success"),
        (task("running", updated_at=NOW - LIMIT), "running"),
        (task("running", updated_at=NOW - LIMIT - TICK), "overdue"),
        (task("running", attempt("fail"), updated_at=NOW), "running"),
        (task("on hold"), "on hold"),
    ],
)
def test_what_a_task_does(row: Task, state: str) -> None:
    assert row.state(NOW, TIMEOUT) == state


def test_the_error_is_the_one_that_stands_else_the_rows() -> None:
    failed = attempt("fail", HOUR, error="a")
    assert task("fail", failed, failed_attempt=failed, last_error="b").error == "a"
    assert task("fail", attempt("fail"), last_error="b").error == "b"
    assert task("fail", last_error="").error is None


@pytest.mark.parametrize(
    ("row", "newest", "old"),
    [
        ("fail", attempt("fail", HOUR, error="a"), False),
        ("fail", attempt("running"), True),
        ("pending", attempt("running"), True),
        ("fail", attempt("fail"), True),
    ],
)
def test_an_error_is_old_once_another_attempt_has_begun(
    row: str, newest: Attempt, old: bool
) -> None:
    failed = attempt("fail", HOUR, error="a")
    one = task(row, newest, failed_attempt=failed)
    assert (one.error, one.error_is_old) == ("a", old)
    succeeded = task("success", newest, failed_attempt=failed, last_error="b")
    assert succeeded.error == (None if old else "a")


def test_what_has_no_attempt_has_no_old_error() -> None:
    assert not task("fail", last_error="b").error_is_old
    assert task("success", last_error="b").error is None


def test_the_error_that_stands_is_the_newest_unless_one_succeeded_since() -> None:
    running, failed = attempt("running"), attempt("dead", error="b")
    older = attempt("fail", error="a")
    assert last_failed([]) is None
    assert last_failed([running]) is None
    assert last_failed([running, attempt("fail"), failed, older]) == failed
    assert last_failed([running, attempt("success"), failed]) is None


def test_the_duration_is_the_newest_attempts() -> None:
    assert task("fail", attempt("fail", duration_ms=7)).duration_ms == 7
    assert task("fail").duration_ms is None


def test_times_are_aware_and_in_utc_however_they_come() -> None:
    naive = NOW.replace(tzinfo=None)
    east = NOW.astimezone(timezone(timedelta(hours=8)))
    for value in (naive, east, naive.isoformat(), east.isoformat()):
        at = task("fail", created_at=value).created_at
        assert (at, at.tzinfo) == (NOW, UTC)


def test_an_empty_optional_text_is_none() -> None:
    row = task("fail", last_error="", last_worker_name="", trace_id="")
    assert (row.last_error, row.last_worker_name, row.trace_id) == (None, None, None)


def test_models_do_not_change() -> None:
    with pytest.raises(ValidationError):
        task("fail").status = "success"


@pytest.mark.parametrize(
    "value",
    [None, "", "null", "{}", "[1, null]", '[{"concurrency": 1}]', "[" * 100_000, b"\xff", 7],
)
def test_what_is_no_queue_group_is_left_out(value: object) -> None:
    assert parse_queue_groups(value) == ()


def test_queue_groups_from_json_or_decoded() -> None:
    group = QueueGroup(name="web", concurrency=4, priorities={"critical": 5, "low": 1})
    text = '[{"name": "web", "concurrency": 4.0, "priorities": {"critical": 5, "low": 1}}, 3]'
    assert parse_queue_groups(text) == (group,)
    assert parse_queue_groups([group.model_dump()]) == (group,)
    assert WorkerConfig.model_validate({"worker_name": "w", "queue_groups": text}).queues(
        "web"
    ) == (
        "w:web:critical",
        "w:web:low",
    )


@pytest.mark.parametrize("number", ["NaN", "1e999", "-Infinity", '"4"', "null", "{}"])
def test_a_weight_that_is_no_number_is_zero(number: str) -> None:
    (group,) = parse_queue_groups(f'[{{"name": "q", "concurrency": {number}, "priorities": []}}]')
    assert group == QueueGroup(name="q")


def test_what_a_worker_allows() -> None:
    worker = WorkerConfig(worker_name="w", default_timeout=5, default_retry_count=2)
    assert (worker.timeout, worker.max_attempts) == (timedelta(seconds=5), 3)
    unset = WorkerConfig(worker_name="w", default_timeout=0, default_retry_count=-1)
    assert (unset.timeout, unset.max_attempts) == (NO_TIMEOUT, 1)
    assert unset.queues() == ()


def test_counts_say_what_they_are() -> None:
    assert Count.capped(1000, 1000) == Count(value=1000)
    assert Count.capped(1001, 1000) == Count(value=1000, kind="at_least")
    exact, least, about = (
        Count(value=1),
        Count(value=2, kind="at_least"),
        Count(value=3, kind="about"),
    )
    assert Count.total([]) == Count(value=0)
    assert Count.total([exact, exact]).exact
    assert Count.total([exact, about]) == Count(value=4, kind="about")
    assert Count.total([exact, about, least]) == Count(value=6, kind="at_least")


def test_windows() -> None:
    assert [window.length for window in Window] == [
        timedelta(hours=1),
        timedelta(days=1),
        timedelta(days=7),
        None,
    ]


def test_an_hour_is_written_as_asynq_hub_does() -> None:
    assert TimeSeriesStats(hour=NOW).model_dump()["hour"] == "2026-11-23 14:00"


def test_what_else_a_queue_group_says_is_written_back() -> None:
    worker = WorkerConfig.model_validate(
        {"worker_name": "w", "queue_groups": '[{"name": "a", "label": {"team": "x"}}]'}
    )
    [group] = worker.queue_groups
    assert group.model_dump(mode="json") == {
        "name": "a",
        "concurrency": 0,
        "priorities": {},
        "label": {"team": "x"},
    }
