"""A replay: a copy of a succeeded task, with a row of its own before its message."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

from asynqhub_tui.actions import history
from asynqhub_tui.actions.outcome import Outcome
from asynqhub_tui.actions.replay import plan_replay, replay
from asynqhub_tui.models import DEAD, FAIL, PENDING, SUCCESS
from asynqhub_tui.queue import Answer, Message, Result
from asynqhub_tui.repository import NotFound, Refused, Unavailable
from tests.contract.builders import QUEUE, make_worker
from tests.retry.stage import NO_PAUSES, Stage


async def test_a_copy_runs_under_an_id_of_its_own(stage: Stage) -> None:
    payload = '{"big": 12345678901234567890123}'
    stage.failed("a", state=None, status=SUCCESS, payload=payload, priority=3, trace_id="trace")
    before = await stage.hub.tasks.get_task("a")
    plan = await plan_replay(stage.hub, "a")
    copy_id, report = await replay(stage.hub, stage.queue, plan, stage.journal)
    assert (report.outcome, report.sentences) == (
        Outcome.DONE,
        (f"Replayed as the copy {copy_id}.",),
    )
    assert re.fullmatch(r"[0-9a-f]{32}", copy_id)
    copy = await stage.hub.tasks.get_task(copy_id)
    assert (copy.status, copy.last_attempt, copy.trace_id) == (PENDING, 0, None)
    assert (copy.worker_name, copy.queue, copy.priority) == ("worker-1", QUEUE, 3)
    assert copy.payload == before.payload
    assert await stage.hub.tasks.get_task("a") == before
    assert stage.pending() == [copy_id]
    message = stage.message(copy_id)
    assert (message.retry, message.timeout) == (3, 30)
    assert await stage.work() == [copy_id]
    assert await stage.status(copy_id) == SUCCESS


async def test_what_can_not_be_replayed(stage: Stage) -> None:
    stage.failed("failed", state=None)
    stage.engine.load([make_worker("worker-2", is_enabled=False)])
    stage.failed("off", state=None, status=SUCCESS, worker_name="worker-2", queue="worker-2:w:low")
    with pytest.raises(NotFound):
        await plan_replay(stage.hub, "nobody")
    with pytest.raises(Refused, match="retried, not replayed"):
        await plan_replay(stage.hub, "failed")
    with pytest.raises(Refused, match="disabled"):
        await plan_replay(stage.hub, "off")


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
async def test_a_queue_that_comes_back_gets_it_once(stage: Stage) -> None:
    stage.failed("a", state=None, status=SUCCESS)
    enqueue = stage.queue.enqueue
    lost = iter([True, True])

    async def flaky(messages: Sequence[Message], batch: str) -> Sequence[Answer]:
        answers = await enqueue(messages, batch)
        if next(lost, False):
            raise Unavailable("The answer was lost.")
        return answers

    stage.queue.enqueue = flaky  # type: ignore[method-assign]
    plan = await plan_replay(stage.hub, "a")
    copy_id, report = await replay(stage.hub, stage.queue, plan, stage.journal, pauses=NO_PAUSES)
    assert report.done
    assert stage.pending() == [copy_id]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
async def test_a_copy_that_could_not_be_enqueued_can_be_retried(stage: Stage) -> None:
    stage.failed("a", state=None, status=SUCCESS)
    enqueue = stage.queue.enqueue

    async def away(messages: Sequence[Message], batch: str) -> Sequence[Answer]:
        raise Unavailable("Redis does not answer.")

    stage.queue.enqueue = away  # type: ignore[method-assign]
    plan = await plan_replay(stage.hub, "a")
    copy_id, report = await replay(stage.hub, stage.queue, plan, stage.journal, pauses=NO_PAUSES)
    assert report.outcome is Outcome.FAILED
    copy = await stage.hub.tasks.get_task(copy_id)
    assert copy.status == DEAD
    assert copy.last_error is not None
    assert "Redis does not answer." in copy.last_error
    [entry] = await history.read(stage.journal.path)
    assert (entry.action, entry.outcome, entry.details["copy"]) == (
        "replay_task",
        "failed",
        copy_id,
    )
    stage.queue.enqueue = enqueue  # type: ignore[method-assign]
    await stage.retry(copy_id)
    assert stage.pending() == [copy_id]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
async def test_a_server_that_takes_no_writes_says_why(stage: Stage) -> None:
    stage.failed("a", state=None, status=SUCCESS)

    async def full(messages: Sequence[Message], batch: str) -> Sequence[Answer]:
        return [Answer(Result.REFUSED, "Redis is out of memory.")]

    stage.queue.enqueue = full  # type: ignore[method-assign]
    plan = await plan_replay(stage.hub, "a")
    copy_id, report = await replay(stage.hub, stage.queue, plan, stage.journal)
    assert report.outcome is Outcome.FAILED
    assert "out of memory" in report.sentences[0]
    assert await stage.status(copy_id) == DEAD
    assert await stage.status("a") != FAIL
