"""What becomes of a task, from its row and from asynq's copy of it: the whole table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from asynqhub_tui import queue
from asynqhub_tui.fate import (
    EXHAUSTED,
    RETRIES_LEFT,
    RETRYING,
    Sighting,
    fate,
    worth_asking,
)
from asynqhub_tui.models import DEAD, FAIL, OVERDUE, PENDING, RUNNING, SUCCESS, Attempt, Task
from asynqhub_tui.queue import QueuedTask
from asynqhub_tui.view import MOST_SIGHTINGS, View
from tests.contract.builders import make_task

NOW = datetime(2026, 11, 23, 14, 2, 11, tzinfo=UTC)
QUEUE = "worker-1:web_crawl:default"
MOST = 2


def task(status: str = FAIL, tried: int = 1) -> Task:
    return make_task("t", at=NOW, queue=QUEUE, status=status, last_attempt=tried)


def held(state: str, **fields: datetime) -> QueuedTask:
    return QueuedTask(QUEUE, "a", "t", state, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("tried", "most", "said"),
    [
        (1, MOST, RETRIES_LEFT),
        (2, MOST, EXHAUSTED),
        (3, MOST, EXHAUSTED),
        (1, None, FAIL),
        (9, None, FAIL),
    ],
)
def test_without_asynq_the_row_tells(tried: int, most: int | None, said: str) -> None:
    assert fate(task(tried=tried), FAIL, most, None) == said


@pytest.mark.parametrize("state", [SUCCESS, DEAD, "paused"])
@pytest.mark.parametrize("where", queue.STATES)
def test_the_end_of_a_task_is_believed(state: str, where: str) -> None:
    row = task(state)
    assert fate(row, state, MOST, Sighting.of(row, held(where), NOW)) == state


@pytest.mark.parametrize("state", [FAIL, OVERDUE, PENDING, RUNNING])
@pytest.mark.parametrize(
    ("where", "said"),
    [
        (queue.RETRY, RETRYING),
        (queue.ARCHIVED, EXHAUSTED),
        (queue.ACTIVE, RUNNING),
        (queue.PENDING, PENDING),
        (queue.SCHEDULED, PENDING),
        (queue.AGGREGATING, PENDING),
    ],
)
def test_asynq_knows_better_than_the_row(state: str, where: str, said: str) -> None:
    row = task(FAIL if state == FAIL else PENDING)
    assert fate(row, state, MOST, Sighting.of(row, held(where), NOW)) == said


@pytest.mark.parametrize("where", [queue.COMPLETED, "a state of a newer asynq"])
def test_a_state_that_says_nothing_leaves_it_to_the_row(where: str) -> None:
    row = task()
    assert fate(row, FAIL, MOST, Sighting.of(row, held(where), NOW)) == RETRIES_LEFT


def test_a_task_whose_worker_is_gone_is_overdue() -> None:
    row = task(PENDING)
    for left, said in ((1, RUNNING), (-1, OVERDUE)):
        lease = NOW + timedelta(seconds=left)
        seen = Sighting.of(row, held(queue.ACTIVE, lease_until=lease), NOW)
        assert fate(row, RUNNING, MOST, seen) == said


@pytest.mark.parametrize(
    ("state", "said"), [(FAIL, RETRIES_LEFT), (OVERDUE, OVERDUE), (RUNNING, RUNNING)]
)
def test_a_copy_that_was_not_found_leaves_it_to_the_row(state: str, said: str) -> None:
    row = task(FAIL if state == FAIL else PENDING)
    for complete in (True, False):
        assert fate(row, state, MOST, Sighting.of(row, None, NOW, complete=complete)) == said


def test_what_was_seen_of_another_version_tells_nothing() -> None:
    row = task()
    seen = Sighting.of(row, held(queue.RETRY), NOW)
    begun = Attempt(task_id="t", attempt=2, status=RUNNING, started_at=NOW)
    later = row.updated_at + timedelta(microseconds=1)
    for changed in ({"updated_at": later}, {"newest_attempt": begun}, {"status": PENDING}):
        other = row.model_copy(update=changed)
        assert not seen.is_of(other)
        assert fate(other, FAIL, MOST, seen) == RETRIES_LEFT


@pytest.mark.parametrize(
    ("state", "tried", "most", "asked"),
    [
        (FAIL, 1, MOST, True),
        (FAIL, 2, MOST, False),
        (FAIL, 2, None, True),
        (OVERDUE, 2, MOST, True),
        (PENDING, 0, MOST, False),
        (RUNNING, 1, MOST, False),
        (SUCCESS, 1, MOST, False),
        (DEAD, 1, MOST, False),
    ],
)
def test_asynq_is_asked_about_what_only_it_knows(
    state: str, tried: int, most: int | None, asked: bool
) -> None:
    assert worth_asking(task(tried=tried), state, most) is asked


def test_a_view_keeps_the_newest_sightings() -> None:
    view = View(clock=lambda: NOW)
    rows = [make_task(f"t{number}", at=NOW, status=FAIL) for number in range(MOST_SIGHTINGS + 1)]
    for row in rows:
        view.see(row, Sighting.of(row, held(queue.RETRY, next_at=NOW), NOW))
    assert view.sighting(rows[0]) is None
    assert view.state(rows[0]) == FAIL
    assert view.state(rows[-1]) == RETRYING
    assert view.next_attempt(rows[-1]) == NOW
    view.lose_sight()
    assert view.state(rows[-1]) == FAIL
    assert view.next_attempt(rows[-1]) is None
