"""Attempt rows become attempts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from asynqhub_tui.backends.folding import AttemptRow, fold

START = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)


def row(attempt: int, status: str, start: float = 0, **fields: Any) -> AttemptRow:
    base = AttemptRow("t", attempt, status, START + timedelta(seconds=start))
    return base._replace(**fields)


def test_a_running_row_and_its_final_row_are_one_attempt() -> None:
    end = START + timedelta(seconds=1.2345)
    [one] = fold([row(1, "running"), row(1, "fail", finished_at=end, error="no route")])
    assert (one.attempt, one.status, one.error) == (1, "fail", "no route")
    assert one.finished_at == end
    assert one.duration_ms == 1234
    assert not one.open


def test_a_running_row_alone_is_open_and_has_no_duration() -> None:
    [one] = fold([row(2, "running")])
    assert one.open
    assert one.duration_ms is None


def test_a_final_row_alone_is_an_attempt() -> None:
    [one] = fold([row(1, "success", duration_ms=7)])
    assert (one.status, one.duration_ms) == ("success", 7)


def test_a_final_row_wins_also_when_the_running_row_was_written_after_it() -> None:
    [one] = fold([row(1, "success", duration_ms=7), row(1, "running", worker_name="w")])
    assert (one.status, one.duration_ms, one.worker_name) == ("success", 7, "w")


def test_the_last_final_row_wins() -> None:
    [one] = fold([row(1, "running"), row(1, "success"), row(1, "fail", error="late")])
    assert (one.status, one.error) == ("fail", "late")


def test_names_come_from_whichever_row_has_them() -> None:
    start = row(1, "running", worker_name="w", trace_id="trace", asynq_task_id="")
    [one] = fold([start, row(1, "fail", worker_name="", asynq_task_id="a", span_id="s")])
    assert (one.worker_name, one.trace_id, one.asynq_task_id, one.span_id) == (
        "w",
        "trace",
        "a",
        "s",
    )


def test_the_rows_own_duration_counts_first_and_none_is_negative() -> None:
    end = START - timedelta(seconds=3)
    [own] = fold([row(1, "success", finished_at=end, duration_ms=5)])
    [derived] = fold([row(1, "success", finished_at=end)])
    assert own.duration_ms == 5
    assert derived.duration_ms == 0


def test_numbers_that_repeat_after_a_rerun_are_attempts_of_their_own() -> None:
    rows = [
        row(1, "running", 0),
        row(1, "fail", 0),
        row(2, "running", 10),
        row(2, "fail", 10),
        row(1, "running", 20),
        row(1, "success", 20),
    ]
    assert [(a.attempt, a.status) for a in fold(rows)] == [(1, "success"), (2, "fail"), (1, "fail")]


def test_attempts_that_started_together_go_by_their_number() -> None:
    assert [a.attempt for a in fold([row(1, "fail"), row(2, "fail")])] == [2, 1]
