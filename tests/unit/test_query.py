"""The filter language: what a person types, and back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from asynqhub_tui.query import QueryError, parse, render
from asynqhub_tui.repository import TaskFilter

NOW = datetime(2026, 11, 23, 14, 2, 11, 123456, tzinfo=UTC)
SECOND = NOW.replace(microsecond=0)


@pytest.mark.parametrize(
    ("text", "filter"),
    [
        ("", TaskFilter()),
        ("   ", TaskFilter()),
        ("5a69", TaskFilter(task_id="5a69")),
        ("id:a:b", TaskFilter(task_id="a:b")),
        ("status:fail", TaskFilter(statuses=("fail",))),
        ("status:failed", TaskFilter(statuses=("fail", "dead"))),
        ("status:success,failed,", TaskFilter(statuses=("success", "fail", "dead"))),
        ("status:fail status:failed", TaskFilter(statuses=("fail", "dead"))),
        ("status:paused", TaskFilter(statuses=("paused",))),
        ("queue:w:main:default", TaskFilter(queue="w:main:default")),
        ('worker:"my worker"', TaskFilter(worker_name="my worker")),
        ('worker:"never closed', TaskFilter(worker_name="never closed")),
        ("since:90s", TaskFilter(since=SECOND - timedelta(seconds=90))),
        ("since:2w", TaskFilter(since=SECOND - timedelta(days=14))),
        ("since:2026-11-23", TaskFilter(since=datetime(2026, 11, 23, tzinfo=UTC))),
        ("since:2026-11-23T14:00", TaskFilter(since=datetime(2026, 11, 23, 14, tzinfo=UTC))),
        ("since:2026-11-23T14:00+08:00", TaskFilter(since=datetime(2026, 11, 23, 6, tzinfo=UTC))),
        (
            " worker:w\tstatus:dead  5a69 ",
            TaskFilter(worker_name="w", statuses=("dead",), task_id="5a69"),
        ),
    ],
)
def test_parse(text: str, filter: TaskFilter) -> None:
    assert parse(text, NOW) == filter
    assert parse(render(filter), NOW) == filter


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("colour:red", "There is no filter “colour:”; there are status:, worker:, .* and id:"),
        ("worker:", "“worker:” needs a value"),
        ('worker:""', "“worker:” needs a value"),
        ("status:,", "“status:” needs a value"),
        ("worker:a worker:b", "“worker:” stands twice"),
        ("since:1h since:2h", "“since:” stands twice"),
        ("5a69 beef", "“id:” stands twice"),
        ("since:yesterday", "“since:yesterday” is no time; write 30m"),
        ("since:999999w", "is no time"),
        ("since:0001-01-01T00:00+14:00", "is no time"),
        ("since:1.5h", "is no time"),
    ],
)
def test_what_is_no_filter_says_what_would_be(text: str, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        parse(text, NOW)


@pytest.mark.parametrize(
    ("filter", "text"),
    [
        (TaskFilter(), ""),
        (TaskFilter(statuses=("fail", "dead")), "status:failed"),
        (TaskFilter(statuses=("dead",), worker_name="w"), "status:dead worker:w"),
        (TaskFilter(statuses=("on hold",)), 'status:"on hold"'),
        (TaskFilter(since=SECOND), "since:2026-11-23T14:02:11"),
        (TaskFilter(since=NOW), "since:2026-11-23T14:02:11.123456"),
        (TaskFilter(task_id="a:b"), "id:a:b"),
        (TaskFilter(task_id="a b"), 'id:"a b"'),
        (TaskFilter(queue="q", task_id="x"), "queue:q x"),
    ],
)
def test_render_is_the_inverse(filter: TaskFilter, text: str) -> None:
    assert render(filter) == text
    assert parse(text, NOW) == filter
