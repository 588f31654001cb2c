"""What a retry does with a task, by its row and by asynq's copy of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from asynqhub_tui import queue
from asynqhub_tui.actions.retry.decision import Decision, Known, Reason, decide
from asynqhub_tui.actions.retry.messages import fresh_message
from asynqhub_tui.actions.retry.preview import Preview, decision_lines, kind_of
from asynqhub_tui.models import DEAD, FAIL, PENDING, RUNNING, SUCCESS, TaskRef
from asynqhub_tui.queue import Message, QueuedTask
from tests.contract.builders import QUEUE, THEN, make_task, make_worker

WORKER = make_worker(default_retry_count=3, default_timeout=45)
DISABLED = make_worker(is_enabled=False)

RESUME, ENQUEUE = Decision.RESUME, Decision.ENQUEUE


def ref_of(status: str, last_attempt: int = 4) -> TaskRef:
    return make_task("t1", status=status, last_attempt=last_attempt).ref


def held(state: str) -> QueuedTask:
    return QueuedTask(queue=QUEUE, asynq_id="a1", task_id="t1", state=state)


@pytest.mark.parametrize("status", [FAIL, DEAD])
@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (queue.ARCHIVED, RESUME),
        (queue.RETRY, RESUME),
        (queue.SCHEDULED, RESUME),
        (queue.PENDING, Reason.QUEUED),
        (queue.AGGREGATING, Reason.QUEUED),
        (queue.ACTIVE, Reason.RUNNING),
        (queue.COMPLETED, Reason.COMPLETED),
        ("a newer asynq's", Reason.QUEUED),
        (None, ENQUEUE),
    ],
)
def test_a_failed_task_by_asynqs_state(
    status: str, state: str | None, expected: Decision | Reason
) -> None:
    queued = held(state) if state is not None else None
    planned = decide(ref_of(status), Known(WORKER, queued, searched=True, claim=None))
    assert (planned.reason or planned.decision) == expected
    assert (planned.asynq_id, planned.state) == (
        ("a1", state) if planned.decision is RESUME else (None, None)
    )


@pytest.mark.parametrize("status", [PENDING, RUNNING, "odd"])
def test_an_unfinished_row_is_retried_only_where_asynq_has_archived_it(status: str) -> None:
    for state in queue.STATES:
        planned = decide(ref_of(status), Known(WORKER, held(state), searched=True, claim=None))
        if state == queue.ARCHIVED:
            assert planned.decision is RESUME
        else:
            assert planned.reason is Reason.NOT_FAILED
    planned = decide(ref_of(status), Known(WORKER, None, searched=True, claim=None))
    assert planned.reason is Reason.NOT_FAILED


def test_a_succeeded_task_is_left_alone_whatever_asynq_says() -> None:
    for state in queue.STATES:
        planned = decide(ref_of(SUCCESS), Known(WORKER, held(state), searched=True, claim=None))
        assert planned.reason is Reason.NOT_FAILED


@pytest.mark.parametrize("state", [queue.ARCHIVED, None])
def test_the_worker_has_to_be_there_and_enabled(state: str | None) -> None:
    queued = held(state) if state else None
    unknown = decide(ref_of(FAIL), Known(None, queued, searched=True, claim=None))
    disabled = decide(ref_of(FAIL), Known(DISABLED, queued, searched=True, claim=None))
    assert (unknown.reason, disabled.reason) == (Reason.WORKER_UNKNOWN, Reason.WORKER_DISABLED)


@pytest.mark.parametrize("state", [queue.ARCHIVED, None])
@pytest.mark.parametrize("force", [False, True])
def test_a_claim_stops_every_decision(state: str | None, force: bool) -> None:
    queued = held(state) if state else None
    known = Known(WORKER, queued, searched=True, claim="another batch")
    assert decide(ref_of(FAIL), known, force=force).reason is Reason.CLAIMED


@pytest.mark.parametrize(
    ("status", "last_attempt", "searched", "reason"),
    [
        (FAIL, 3, True, Reason.RETRIES_LEFT),
        (FAIL, 0, True, Reason.RETRIES_LEFT),
        (FAIL, 4, True, None),
        (FAIL, 5, True, None),
        (DEAD, 1, True, None),
        (FAIL, 4, False, Reason.NOT_SEARCHED),
        (DEAD, 4, False, Reason.NOT_SEARCHED),
    ],
)
def test_only_what_is_surely_gone_is_enqueued_again(
    status: str, last_attempt: int, searched: bool, reason: Reason | None
) -> None:
    known = Known(WORKER, None, searched=searched, claim=None)
    planned = decide(ref_of(status, last_attempt), known)
    assert planned.reason == reason
    assert (planned.decision is ENQUEUE) == (reason is None)
    assert decide(ref_of(status, last_attempt), known, force=True).decision is ENQUEUE


def test_force_overrules_no_other_reason() -> None:
    for known in (
        Known(WORKER, held(queue.ACTIVE), searched=True, claim=None),
        Known(DISABLED, None, searched=True, claim=None),
        Known(None, None, searched=False, claim=None),
    ):
        assert decide(ref_of(FAIL), known, force=True).decision is Decision.SKIP


def test_a_fresh_message_is_as_the_hub_writes_it() -> None:
    ref = ref_of(FAIL)
    message = fresh_message(ref, '{"n": 1.50, "big": 123456789012345678901}', WORKER)
    assert isinstance(message, Message)
    assert message.payload == (
        '{"id":"t1","task_id":"t1","payload":{"n": 1.50, "big": 123456789012345678901}}'
    )
    assert (message.max_retry, message.timeout) == (3, 45)
    assert fresh_message(ref, "{}", WORKER).asynq_id == message.asynq_id  # type: ignore[union-attr]
    newer = ref.model_copy(update={"updated_at": THEN + timedelta(microseconds=1)})
    assert fresh_message(newer, "{}", WORKER).asynq_id != message.asynq_id  # type: ignore[union-attr]


def test_a_worker_without_defaults_gets_those_of_asynq() -> None:
    worker = make_worker(default_retry_count=0, default_timeout=0)
    message = fresh_message(ref_of(FAIL), "null", worker)
    assert isinstance(message, Message)
    assert (message.max_retry, message.timeout) == (25, 1800)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ('"' + "x" * (2 * 1024 * 1024 - 2) + '"', None),
        ('"' + "x" * (2 * 1024 * 1024 - 1) + '"', Reason.TOO_LARGE),
        ('"' + "й" * (1024 * 1024) + '"', Reason.TOO_LARGE),
        ("", Reason.NO_JSON),
        ('{"a":', Reason.NO_JSON),
        ("NaN", Reason.NO_JSON),
        ("1" * 10_000, None),
        ("[" * 5_000 + "]" * 5_000, None),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_payload_that_no_worker_could_read_is_not_enqueued(
    payload: str, reason: Reason | None
) -> None:
    message = fresh_message(ref_of(FAIL), payload, WORKER)
    assert (message if isinstance(message, Reason) else None) == reason


def test_alike_errors_are_counted_as_one_kind() -> None:
    first = kind_of("dial tcp 10.0.0.1:443: connect: connection refused\nstack")
    assert first == kind_of("dial tcp 10.20.0.9:8443: connect: connection refused")
    assert kind_of("write /cache/3f/3fa9c1.webp: no space") == "write /cache/…/….webp: no space"
    assert kind_of("[red]\x1b[31m boom") == "[red]␛[… boom"
    assert kind_of("x" * 5_000) == "x" * 120


def test_the_preview_says_when_asynq_would_have_come() -> None:
    preview = Preview()
    for state, next_at in ((queue.ARCHIVED, None), (queue.RETRY, THEN + timedelta(seconds=41))):
        queued = QueuedTask(queue=QUEUE, asynq_id="a", task_id="t1", state=state, next_at=next_at)
        preview.add(decide(ref_of(FAIL), Known(WORKER, queued, searched=True, claim=None)))
    preview.add(decide(ref_of(SUCCESS), Known(WORKER, None, searched=True, claim=None)))
    assert (preview.total, preview.included) == (3, 2)
    assert decision_lines(preview, THEN) == [
        ("resume in place", 2, "archived 1, waiting for their own retry 1 (the next in 41s)"),
        ("enqueue again", 0, ""),
        ("skipped", 1, "has not failed 1"),
    ]
