"""Each decision and each outcome of a retry, on real stores and a real Redis."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from asynqhub_tui.actions import history
from asynqhub_tui.actions.retry.decision import Decision, Reason
from asynqhub_tui.actions.retry.records import Ending, Kind
from asynqhub_tui.models import DEAD, FAIL, PENDING, SUCCESS
from asynqhub_tui.queue import ACTIVE, ARCHIVED, COMPLETED, RETRY, SCHEDULED
from asynqhub_tui.queue import PENDING as QUEUED
from asynqhub_tui.repository import Refused, TaskFilter
from tests.contract.builders import QUEUE, THEN, make_task, make_worker
from tests.retry.stage import Stage


async def test_what_asynq_holds_is_resumed_and_what_it_lost_is_enqueued(stage: Stage) -> None:
    stage.failed("archived")
    stage.failed("waiting", state=RETRY, last_attempt=1)
    stage.failed("scheduled", state=SCHEDULED)
    stage.failed("lost", state=None)
    stage.failed("dead", state=None, status=DEAD, last_attempt=1)
    ids = ["archived", "waiting", "scheduled", "lost", "dead"]
    outcomes = await stage.retry(*ids)
    assert {task_id: one.kind for task_id, one in outcomes.items()} == {
        "archived": Kind.RESUMED,
        "waiting": Kind.RESUMED,
        "scheduled": Kind.RESUMED,
        "lost": Kind.ENQUEUED,
        "dead": Kind.ENQUEUED,
    }
    assert all(one.marked for one in outcomes.values())
    assert [await stage.status(one) for one in ids] == [PENDING] * 5
    assert sorted(await stage.work()) == sorted(ids)
    assert [await stage.status(one) for one in ids] == [SUCCESS] * 5


async def test_what_is_skipped_and_why(stage: Stage) -> None:
    stage.failed("queued", state=QUEUED)
    stage.failed("running", state=ACTIVE)
    stage.failed("completed", state=COMPLETED)
    stage.failed("succeeded", state=None, status=SUCCESS)
    stage.failed("waits", state=None, status=PENDING)
    stage.failed("on-its-way", state=None, last_attempt=2)
    stage.engine.load([make_worker("worker-2", is_enabled=False)])
    stage.failed("disabled", worker_name="worker-2", queue="worker-2:web:default")
    expected = {
        "queued": Reason.QUEUED,
        "running": Reason.RUNNING,
        "completed": Reason.COMPLETED,
        "succeeded": Reason.NOT_FAILED,
        "waits": Reason.NOT_FAILED,
        "on-its-way": Reason.RETRIES_LEFT,
        "disabled": Reason.WORKER_DISABLED,
        "nobody": Reason.GONE,
    }
    plan = await stage.prepare(*expected)
    planned = await stage.planned(plan)
    assert {task_id: one.reason for task_id, one in planned.items()} == expected
    assert (plan.preview.total, plan.preview.included) == (8, 0)
    before = stage.pending()
    end = await stage.run(plan)
    assert (end.ending, dict(end.counts)) == (Ending.DONE, {})
    assert stage.pending() == before


async def test_an_attempt_that_never_reported_is_retried_where_asynq_gave_it_up(
    stage: Stage,
) -> None:
    stage.failed("silent", status=PENDING, last_attempt=0)
    stage.failed("retrying", status=PENDING, last_attempt=0, state=RETRY)
    outcomes = await stage.retry("silent", "retrying")
    assert outcomes.keys() == {"silent"}
    assert stage.pending() == ["silent"]


async def test_force_enqueues_what_is_likely_on_its_way(stage: Stage) -> None:
    stage.failed("on-its-way", state=None, last_attempt=2)
    assert await stage.retry("on-its-way") == {}
    outcomes = await stage.retry("on-its-way", force=True)
    assert outcomes["on-its-way"].kind is Kind.ENQUEUED
    assert stage.pending() == ["on-its-way"]


async def test_a_payload_travels_as_it_is(stage: Stage) -> None:
    payload = '{"big": 12345678901234567890123, "small": 1.50, "s": "\\u001b[31m任务"}'
    stage.failed("a", state=None, payload=payload)
    stored = (await stage.hub.tasks.get_task("a")).payload
    assert stored is not None
    await stage.retry("a")
    assert stored in stage.message("a").payload.decode()
    assert json.loads(stored) == json.loads(payload)


async def test_a_second_press_runs_nothing_twice(stage: Stage) -> None:
    ids = [f"t{index}" for index in range(20)]
    stage.failed(*ids[:10])
    stage.failed(*ids[10:], state=None)
    one, other = await stage.prepare(*ids), await stage.prepare(*ids)
    await stage.run(one)
    await stage.run(other)
    second = await stage.outcomes(other.batch.id)
    assert {one.reason for one in second.values()} == {Reason.CLAIMED}
    assert {one.detail for one in second.values()} == {one.batch.id}
    assert sorted(stage.pending()) == sorted(ids)


async def test_a_second_press_after_the_first_run_has_ended(stage: Stage) -> None:
    stage.failed("resumed")
    stage.failed("enqueued", state=None)
    one = await stage.prepare("resumed", "enqueued")
    other = await stage.prepare("resumed", "enqueued")
    await stage.run(one)
    assert len(await stage.work()) == 2
    await stage.run(other)
    assert stage.pending() == []
    second = await stage.outcomes(other.batch.id)
    assert {one.kind for one in second.values()} == {Kind.SKIPPED}
    assert [await stage.status(one) for one in ("resumed", "enqueued")] == [SUCCESS, SUCCESS]


async def test_a_task_that_failed_again_can_be_retried_again(stage: Stage) -> None:
    stage.failed("a")
    for _ in range(3):
        assert (await stage.retry("a"))["a"].kind is Kind.RESUMED
        assert stage.take() == "a"
        await stage.report("a", FAIL)
        stage.rows.put("a", ARCHIVED, queue=QUEUE, asynq_id="asynq-a")


async def test_a_worker_that_is_quicker_than_the_mark_is_not_overwritten(stage: Stage) -> None:
    stage.failed("a")
    plan = await stage.prepare("a")
    mark = stage.hub.tasks.mark_pending

    async def late(refs: object) -> frozenset[str]:
        assert await stage.work() == ["a"]
        return await mark(refs)  # type: ignore[arg-type]

    stage.hub.tasks.mark_pending = late  # type: ignore[method-assign]
    await stage.run(plan)
    outcome = (await stage.outcomes(plan.batch.id))["a"]
    assert (outcome.kind, outcome.marked) == (Kind.RESUMED, False)
    assert await stage.status("a") == SUCCESS


async def test_asynq_may_move_a_task_between_plan_and_run(stage: Stage) -> None:
    for task_id in ("queued", "running", "dropped"):
        stage.failed(task_id, state=RETRY, last_attempt=2)
    plan = await stage.prepare("queued", "running", "dropped")
    stage.rows.move("asynq-queued", RETRY, QUEUED, queue=QUEUE)
    stage.rows.move("asynq-running", RETRY, ACTIVE, queue=QUEUE)
    stage.rows.remove("asynq-dropped", RETRY, queue=QUEUE)
    await stage.run(plan)
    outcomes = await stage.outcomes(plan.batch.id)
    assert {task_id: one.reason for task_id, one in outcomes.items()} == {
        "queued": Reason.QUEUED,
        "running": Reason.RUNNING,
        "dropped": Reason.LEFT_ASYNQ,
    }
    assert stage.pending() == ["queued"]


async def test_rows_may_change_between_plan_and_run(stage: Stage) -> None:
    stage.failed("changed", "kept", state=None)
    stage.engine.load([make_worker("worker-2")])
    stage.failed("disabled", state=None, worker_name="worker-2", queue="worker-2:web:default")
    plan = await stage.prepare("changed", "kept", "disabled")
    await stage.hub.tasks.update_task_status("changed", FAIL, 1, None, None)
    await stage.hub.workers.upsert(make_worker("worker-2", is_enabled=False))
    await stage.run(plan)
    outcomes = await stage.outcomes(plan.batch.id)
    assert {task_id: one.reason for task_id, one in outcomes.items()} == {
        "changed": Reason.CHANGED,
        "kept": None,
        "disabled": Reason.WORKER_DISABLED,
    }
    assert stage.pending() == ["kept"]


async def test_rows_may_vanish_between_plan_and_run(stage: Stage) -> None:
    stage.failed("gone", state=None)
    plan = await stage.prepare("gone")
    async for _ in stage.hub.tasks.purge_worker("worker-1"):
        pass
    await stage.run(plan)
    outcomes = await stage.outcomes(plan.batch.id)
    assert outcomes["gone"].reason is Reason.GONE
    assert stage.pending() == []


async def test_a_payload_that_is_too_large_is_left(stage: Stage) -> None:
    stage.failed("large", state=None, payload=json.dumps("x" * (2 * 1024 * 1024)))
    stage.failed("small", state=None)
    outcomes = await stage.retry("large", "small")
    assert outcomes["large"].reason is Reason.TOO_LARGE
    assert stage.pending() == ["small"]


async def test_all_that_match_a_filter_are_frozen(stage: Stage) -> None:
    stage.failed(*[f"t{index:04}" for index in range(1_203)], state=None)
    stage.failed("fine", state=None, status=SUCCESS)
    from asynqhub_tui.actions.retry import run as retrying

    refs = stage.hub.tasks.task_refs(TaskFilter(statuses=(FAIL,)))
    read: list[int] = []
    plan = await retrying.prepare(
        stage.hub, stage.queue, refs, "status:fail", stage.journal, watch=read.append
    )
    assert read[-1] == plan.preview.included == 1_203
    stage.failed("later", state=None)
    end = await stage.run(plan)
    assert dict(end.counts) == {Kind.ENQUEUED: 1_203}
    assert len(set(stage.pending())) == 1_203
    assert "later" not in stage.pending()


async def test_the_preview_counts_workers_queues_and_errors(stage: Stage) -> None:
    stage.failed("a", "b")
    stage.failed("c", state=None, last_error="dial tcp 10.0.0.7:443: refused")
    stage.rows.put("a", ARCHIVED, queue=QUEUE, asynq_id="asynq-a", error_msg="exit status 1")
    stage.rows.put("b", ARCHIVED, queue=QUEUE, asynq_id="asynq-b", error_msg="exit status 2")
    plan = await stage.prepare("a", "b", "c")
    preview = plan.preview
    assert preview.workers == {"worker-1": 3}
    assert preview.queues == {QUEUE: 3}
    assert preview.errors == {"exit status …": 2, "dial tcp …: refused": 1}
    assert preview.decisions == {Decision.RESUME: 2, Decision.ENQUEUE: 1}
    await plan.discard()


async def test_a_plan_that_is_discarded_leaves_nothing(stage: Stage) -> None:
    stage.failed("a")
    plan = await stage.prepare("a")
    assert plan.batch.folder.exists()
    await plan.discard()
    assert not plan.batch.folder.exists()
    assert stage.pending() == []
    assert not stage.journal.path.exists()


async def test_a_batch_is_journalled_before_and_after(stage: Stage) -> None:
    stage.failed("a")
    plan = await stage.prepare("a")
    await stage.run(plan)
    [entry] = await history.read(stage.journal.path)
    assert (entry.action, entry.target, entry.outcome) == ("retry_tasks", "some tasks", "done")
    assert entry.details == {
        "batch": plan.batch.id,
        "tasks": 1,
        "queue": stage.queue.place,
        "resumed": 1,
    }


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
async def test_read_only_plans_nothing_and_writes_nothing(stage: Stage) -> None:
    from asynqhub_tui.backends import open_hub

    stage.failed("a")
    async with await open_hub(stage.engine.target(read_only=True)) as hub:
        stage.hub = hub
        with pytest.raises(Refused, match="read-only"):
            await stage.prepare("a")
    async with await stage.open_queue(read_only=True) as queue:
        with pytest.raises(Refused, match="read-only"):
            await queue.run([], "batch")


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
async def test_text_that_is_no_json_is_left(stage: Stage) -> None:
    stage.failed("odd", state=None, payload="{broken")
    outcomes = await stage.retry("odd")
    assert outcomes["odd"].reason is Reason.NO_JSON
    assert stage.pending() == []


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
async def test_an_archive_longer_than_the_bound_is_not_guessed_at(stage: Stage) -> None:
    stage.failed("lost", state=None)
    plan_queue = stage.queue
    search = plan_queue.search
    stage.rows.put("other", ARCHIVED, queue=QUEUE)
    stage.rows.put("another", ARCHIVED, queue=QUEUE)

    async def short(queue: str, ids: object) -> object:
        return await search(queue, ids, bound=1)  # type: ignore[arg-type]

    plan_queue.search = short  # type: ignore[method-assign, assignment]
    plan = await stage.prepare("lost")
    assert (await stage.planned(plan))["lost"].reason is Reason.NOT_SEARCHED
    await plan.discard()


def test_versions_differ_by_a_microsecond() -> None:
    ref = make_task("a", status=FAIL).ref
    later = make_task("a", status=FAIL, updated_at=THEN + timedelta(microseconds=1)).ref
    from asynqhub_tui.asynq import keys

    assert keys.claim(ref) != keys.claim(later)
