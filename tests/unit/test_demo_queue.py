"""The task queue of the sample: it agrees with the rows, and a retry goes through it for good."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from asynqhub_tui import queue as asynq
from asynqhub_tui.actions.journal import Journal
from asynqhub_tui.actions.retry.decision import Decision, Reason
from asynqhub_tui.actions.retry.records import Ending, Kind
from asynqhub_tui.actions.retry.run import Plan, prepare, run
from asynqhub_tui.actions.retry.selection import refs_of
from asynqhub_tui.backends import Target, open_hub, sqlite
from asynqhub_tui.demo.fleet import FLEET
from asynqhub_tui.demo.history import TASKS
from asynqhub_tui.demo.queue import DemoQueue
from asynqhub_tui.models import (
    FAIL,
    FAILED_STATUSES,
    PENDING,
    RUNNING,
    SUCCESS,
    Task,
    TaskRef,
)
from asynqhub_tui.queue import (
    Answer,
    Message,
    Move,
    QueueDepth,
    QueuedTask,
    Result,
    Search,
    TaskQueue,
    envelope,
)
from asynqhub_tui.repository import Hub, Refused, TaskFilter
from tests.unit.demo_sample import NOW, Sample, check_rows

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)

CONFIGS = {member.name: member.config for member in FLEET}
QUEUES = [queue for config in CONFIGS.values() for queue in config.queues()]
AWAY = ("mail-worker", "old-worker")


@dataclass
class Demo:
    """A sample with its queue and an open hub on its rows."""

    sample: Sample
    queue: DemoQueue
    hub: Hub
    journal: Journal

    async def held(self) -> dict[str, QueuedTask]:
        """All that is queued, by the hub's task id."""
        found: dict[str, QueuedTask] = {}
        for name in QUEUES:
            found.update((await self.queue.search(name)).found)
        return found

    async def failed(self) -> list[TaskRef]:
        """The failed tasks of workers that are at work."""
        found: list[TaskRef] = []
        async for refs in self.hub.tasks.task_refs(TaskFilter(statuses=FAILED_STATUSES)):
            found += refs
        return [ref for ref in found if ref.worker_name not in AWAY]

    async def ref(self, task_id: str) -> TaskRef:
        return (await self.hub.tasks.get_task(task_id)).ref

    async def plan(self, refs: Sequence[TaskRef]) -> Plan:
        async def chosen() -> AsyncIterator[Sequence[TaskRef]]:
            yield refs

        return await prepare(self.hub, self.queue, chosen(), "some", self.journal)

    async def execute(self, plan: Plan) -> Counter[Kind]:
        stop = asyncio.Event()
        steps = [step async for step in run(self.hub, self.queue, plan, self.journal, stop=stop)]
        end = steps[-1].end
        assert end is not None
        assert end.ending is Ending.DONE
        return Counter(end.counts)

    async def retry(self, refs: Sequence[TaskRef]) -> Counter[Kind]:
        return await self.execute(await self.plan(refs))

    def attempts_since(self, mark: int) -> dict[str, list[int]]:
        """The numbers of the attempts that were begun after the row `mark`, by task."""
        found: dict[str, list[int]] = defaultdict(list)
        for task_id, attempt in self.sample.rows(
            "SELECT task_id, attempt FROM task_attempt WHERE id > ? AND status = ? ORDER BY id",
            mark,
            RUNNING,
        ):
            found[task_id].append(attempt)
        return found

    def mark(self) -> int:
        return self.sample.number("SELECT max(id) FROM task_attempt")

    def statuses(self) -> dict[str, str]:
        return dict(self.sample.rows("SELECT task_id, status FROM task"))


@pytest.fixture
def sample(tmp_path: Path) -> Iterator[Sample]:
    sample = Sample.make(tmp_path / "demo.db", NOW)
    yield sample
    sample.traffic.close()


@pytest.fixture
async def demo(sample: Sample, tmp_path: Path) -> AsyncIterator[Demo]:
    queue = DemoQueue(sample.traffic.broker, read_only=False)
    async with await sqlite.open_hub(Target("sqlite", SecretStr(str(sample.path)))) as hub:
        journal = Journal(hub.info, tmp_path / "state", {}, lambda: NOW)
        yield Demo(sample, queue, hub, journal)


@dataclass
class Row:
    """What the rows say of a task that has not succeeded."""

    worker: str
    status: str
    attempts: list[tuple[Any, ...]]


def unfinished(sample: Sample) -> dict[str, Row]:
    found = {
        task_id: Row(worker, status, [])
        for task_id, worker, status in sample.rows(
            "SELECT task_id, worker_name, status FROM task WHERE status <> ?", SUCCESS
        )
    }
    for task_id, *attempt in sample.rows(
        "SELECT task_id, attempt, status, started_at, finished_at, error FROM task_attempt"
        " ORDER BY id"
    ):
        if task_id in found:
            found[task_id].attempts.append(tuple(attempt))
    return found


def check_held(row: Row, held: QueuedTask | None, now: datetime) -> str:
    """Assert that asynq has the task in the state that its rows imply, and return the state."""
    config = CONFIGS[row.worker]
    present = int(now.timestamp() * 1_000_000)
    if not row.attempts:
        assert held is not None
        assert held.retried == 0
        if held.state == asynq.SCHEDULED:
            assert config.default_delay
            assert held.next_at is not None
            assert held.next_at > now
        else:
            assert held.state == asynq.PENDING
        return held.state
    attempt, status, started, finished, error = row.attempts[-1]
    timeout = config.default_timeout * 1_000_000
    if status == RUNNING and present < started + timeout:
        assert held is not None
        assert held.state == asynq.ACTIVE
        assert held.retried == attempt - 1
        assert held.lease_until is not None
        assert held.lease_until > now
        return held.state
    if held is not None and held.state == asynq.PENDING and row.status == PENDING:
        return held.state  # run by hand
    ended = started + timeout if status == RUNNING else finished
    exhausted = attempt > config.default_retry_count
    if held is None:
        assert exhausted
        return "gone"
    assert held.last_failed_at is not None
    assert held.last_failed_at.timestamp() == pytest.approx(ended / 1e6)
    assert held.last_error == (error or "context deadline exceeded")
    assert held.max_retry == config.default_retry_count
    if exhausted:
        assert (held.state, held.retried) == (asynq.ARCHIVED, held.max_retry)
        assert held.archived_at == held.last_failed_at
        return held.state
    assert held.retried == attempt
    assert held.state in (asynq.RETRY, asynq.PENDING)
    if held.state == asynq.RETRY:
        assert held.next_at is not None
        assert held.next_at > now or row.worker in AWAY
    return held.state


async def check_agreement(demo: Demo) -> Counter[str]:
    """Assert that queue and rows agree on every task, and count the states."""
    held = await demo.held()
    rows = unfinished(demo.sample)
    assert held.keys() <= rows.keys()
    return Counter(
        check_held(row, held.get(task_id), demo.sample.now) for task_id, row in rows.items()
    )


async def test_queue_and_rows_agree_at_every_moment(demo: Demo) -> None:
    seen: Counter[str] = Counter()
    for length in (0, 0.1, 0.7, 1, 5, 30, 90, 300, 0.5, 1_200):
        demo.sample.pass_time(length * SECOND, SECOND / 2)
        seen += await check_agreement(demo)
    states = {asynq.PENDING, asynq.ACTIVE, asynq.SCHEDULED, asynq.RETRY, asynq.ARCHIVED}
    assert {*states, "gone"} == seen.keys()
    check_rows(demo.sample)


async def test_the_simulator_goes_on_meanwhile_on_its_thread(demo: Demo) -> None:
    before = demo.attempts_since(0)
    passing = asyncio.create_task(asyncio.to_thread(demo.sample.pass_time, 3 * MINUTE, SECOND / 10))
    known: dict[str, QueuedTask] = {}
    while not passing.done():
        for held in (await demo.held()).values():
            if held.state == asynq.RETRY and known.setdefault(held.asynq_id, held) == held:
                await demo.queue.run([Move(ref_to(held, held.retried), held.asynq_id)], "b")
        await demo.queue.servers()
        await asyncio.sleep(0.001)  # a lock is not fair: who asks at once gets it again
    await passing
    assert known
    for task_id, numbers in demo.attempts_since(0).items():
        if task_id not in before:
            assert numbers == list(range(1, len(numbers) + 1))
    await check_agreement(demo)
    check_rows(demo.sample)


async def test_asynq_no_longer_has_a_part_of_what_it_archived(tmp_path: Path) -> None:
    sample = Sample.make(tmp_path / "demo.db", NOW, TASKS)
    queue = DemoQueue(sample.traffic.broker, read_only=False)
    held = {task_id for name in QUEUES for task_id in (await queue.search(name)).found}
    ended = sample.rows(
        "SELECT task_id, updated_at FROM task WHERE status = ? AND worker_name = ?",
        FAIL,
        "worker-1",
    )
    sample.traffic.close()
    ages = {task_id: NOW.timestamp() - at / 1e6 for task_id, at in ended}
    lately = {task_id for task_id, age in ages.items() if age < 2 * 86_400}
    assert 0.6 < len(lately & held) / len(lately) < 0.95
    old = {task_id for task_id, age in ages.items() if age > 4 * 86_400}
    assert old
    assert not old & held


async def test_the_same_sample_behaves_the_same(tmp_path: Path) -> None:
    async def story(name: str) -> list[QueuedTask]:
        sample = Sample.make(tmp_path / name, NOW)
        queue = DemoQueue(sample.traffic.broker, read_only=False)
        for _ in range(3):
            sample.pass_time(10 * SECOND)
            for name in QUEUES:
                for held in list((await queue.search(name)).found.values()):
                    ref = ref_to(held)
                    await queue.run([Move(ref, held.asynq_id)], "batch")
        sample.traffic.close()
        return [held for name in QUEUES for held in (await queue.search(name)).found.values()]

    assert await story("first.db") == await story("again.db")


def ref_to(held: QueuedTask, last_attempt: int = 1) -> TaskRef:
    assert held.task_id is not None
    return TaskRef(
        task_id=held.task_id,
        worker_name=held.queue.partition(":")[0],
        queue=held.queue,
        status=FAIL,
        last_attempt=last_attempt,
        updated_at=NOW,
    )


async def test_a_retry_runs_every_task_once(demo: Demo) -> None:
    demo.sample.pass_time(MINUTE)
    refs = await demo.failed()
    before = await demo.held()
    plan = await demo.plan(refs)
    decisions = plan.preview.decisions
    assert decisions[Decision.RESUME] > 10
    assert decisions[Decision.ENQUEUE] > 2
    assert plan.preview.states.keys() == {asynq.RETRY, asynq.ARCHIVED}
    mark = demo.mark()
    counts = await demo.execute(plan)
    assert counts == {
        Kind.RESUMED: decisions[Decision.RESUME],
        Kind.ENQUEUED: decisions[Decision.ENQUEUE],
    }
    statuses = demo.statuses()
    assert {statuses[ref.task_id] for ref in refs} == {PENDING}
    for _ in range(10):
        demo.sample.pass_time(SECOND)
        await check_agreement(demo)
    demo.sample.pass_time(15 * MINUTE, 5 * SECOND)
    begun = demo.attempts_since(mark)
    for ref in refs:
        held = before.get(ref.task_id)
        first = held.retried + 1 if held is not None else 1
        # Once by hand, and then as often as asynq itself retries what fails.
        numbers = begun[ref.task_id]
        assert numbers == list(range(first, first + len(numbers)))
        assert 1 <= numbers[-1] <= CONFIGS[ref.worker_name].max_attempts
    statuses = demo.statuses()
    assert {statuses[ref.task_id] for ref in refs} == {SUCCESS, FAIL}
    mended = Counter(
        statuses[ref.task_id] for ref in refs if ref.worker_name in ("worker-1", "ai-worker")
    )
    assert mended[SUCCESS] > 2 * mended[FAIL]
    await check_agreement(demo)
    check_rows(demo.sample)


async def test_what_timed_out_is_resumed_though_its_row_has_not_failed(demo: Demo) -> None:
    archived = [
        held.task_id
        for held in (await demo.held()).values()
        if held.state == asynq.ARCHIVED and held.last_error == "context deadline exceeded"
    ]
    statuses = demo.statuses()
    silent = [task_id for task_id in archived if task_id and statuses[task_id] == PENDING]
    assert silent
    refs = [ref async for refs in refs_of(demo.hub, silent, NOW) for ref in refs]
    assert (await demo.retry(refs))[Kind.RESUMED] == len(silent)
    demo.sample.pass_time(2 * MINUTE)
    statuses = demo.statuses()
    assert SUCCESS in {statuses[task_id] for task_id in silent}


async def test_a_second_press_runs_nothing(demo: Demo) -> None:
    refs = await demo.failed()
    first, second = await demo.plan(refs), await demo.plan(refs)
    await demo.execute(first)
    again = await demo.execute(second)
    assert again.keys() == {Kind.SKIPPED}
    third = await demo.plan(refs)
    assert third.preview.reasons == {Reason.QUEUED: len(refs)}
    demo.sample.pass_time(10 * MINUTE, 5 * SECOND)
    fourth = await demo.plan(refs)
    assert fourth.preview.included == 0
    assert fourth.preview.reasons[Reason.CLAIMED] > len(refs) / 2


async def test_a_bulk_is_worked_off_at_the_workers_concurrency(demo: Demo) -> None:
    refs = [await copy_of(demo, number) for number in range(200)]
    answers = await demo.queue.enqueue([message(ref) for ref in refs], "bulk")
    assert {answer.result for answer in answers} == {Result.DONE}
    left = []
    for _ in range(40):
        demo.sample.pass_time(SECOND, SECOND / 2)
        for server in await demo.queue.servers():
            assert len(server.executions) <= max(server.concurrency, 3)
        statuses = demo.statuses()
        left.append(sum(statuses[ref.task_id] == PENDING for ref in refs))
    assert left[1] > 100
    assert left[-1] == 0
    worked_off = [a - b for a, b in pairwise(left) if a > 50]
    assert len(worked_off) > 3
    assert min(worked_off) > 0


async def copy_of(demo: Demo, number: int, queue: str = "worker-1:web_crawl:default") -> TaskRef:
    """Add a row that the simulator has not made, and return its ref."""
    task = Task(
        task_id=f"{number:032x}",
        worker_name=queue.partition(":")[0],
        queue=queue,
        priority=2,
        payload="{}",
        status=PENDING,
        created_at=demo.sample.now,
        updated_at=demo.sample.now,
    )
    await demo.hub.tasks.upsert_task(task)
    return task.ref


def message(ref: TaskRef, **options: Any) -> Message:
    return Message(
        ref=ref,
        payload=envelope(ref.task_id, "{}"),
        asynq_id=str(uuid.UUID(ref.task_id)),
        max_retry=3,
        timeout=30,
        **options,
    )


async def test_a_row_that_somebody_else_has_made_is_worked_off(demo: Demo) -> None:
    ref = await copy_of(demo, 1)
    assert await demo.queue.enqueue([message(ref)], "b") == [Answer(Result.DONE)]
    held = (await demo.queue.search(ref.queue, [ref.task_id])).found[ref.task_id]
    assert held == await demo.queue.look(ref.queue, held.asynq_id)
    assert held.state == asynq.PENDING
    demo.sample.pass_time(3 * SECOND, SECOND / 10)
    assert demo.statuses()[ref.task_id] in (SUCCESS, FAIL)
    assert (await demo.hub.tasks.get_task(ref.task_id)).last_attempt == 1
    await check_agreement(demo)
    check_rows(demo.sample)


async def test_what_is_scheduled_waits_for_its_time(demo: Demo) -> None:
    ref = await copy_of(demo, 1)
    at = demo.sample.now + MINUTE
    await demo.queue.enqueue([message(ref, process_at=at)], "b")
    demo.sample.pass_time(59 * SECOND)
    held = (await demo.queue.search(ref.queue, [ref.task_id])).found[ref.task_id]
    assert (held.state, held.next_at) == (asynq.SCHEDULED, at)
    assert (await demo.queue.depths([ref.queue]))[ref.queue].scheduled == 1
    demo.sample.pass_time(5 * SECOND)
    assert demo.statuses()[ref.task_id] in (SUCCESS, FAIL)


async def test_a_scheduled_task_is_run_before_its_time_and_not_again(demo: Demo) -> None:
    ref = await copy_of(demo, 1)
    mark = demo.mark()
    fresh = message(ref, process_at=demo.sample.now + MINUTE)
    await demo.queue.enqueue([fresh], "b")
    later = ref.model_copy(update={"last_attempt": 7})
    assert await demo.queue.run([Move(later, fresh.asynq_id)], "c") == [Answer(Result.DONE)]
    demo.sample.pass_time(2 * MINUTE)
    numbers = demo.attempts_since(mark)[ref.task_id]
    assert numbers == list(range(1, len(numbers) + 1))


async def test_a_queue_without_a_worker_keeps_what_it_is_given(demo: Demo) -> None:
    waiting = {id for id, held in (await demo.held()).items() if "mail-worker" in held.queue}
    assert len(waiting) > 20
    archived = [
        held.task_id
        for held in (await demo.held()).values()
        if held.queue.startswith("mail-worker") and held.state == asynq.ARCHIVED
    ]
    refs = [await demo.ref(task_id) for task_id in archived if task_id]
    ref = await copy_of(demo, 1, "mail-worker:notify:default")
    await demo.queue.enqueue([message(ref)], "b")
    mark = demo.mark()
    if refs:
        assert (await demo.retry(refs))[Kind.RESUMED] == len(refs)
    demo.sample.pass_time(10 * MINUTE)
    begun = demo.attempts_since(mark)
    assert not begun.keys() & {*waiting, ref.task_id}
    held = await demo.held()
    assert waiting <= held.keys()
    assert held[ref.task_id].state == asynq.PENDING
    depth = (await demo.queue.depths([ref.queue]))[ref.queue]
    assert depth.latency is not None
    assert depth.latency > 10 * MINUTE


async def test_a_disabled_worker_takes_nothing_until_it_is_enabled(demo: Demo) -> None:
    enable = "UPDATE worker SET is_enabled = ? WHERE worker_name = 'worker-1'"
    demo.sample.rows(enable, 0)
    demo.sample.pass_time(SECOND)
    ref = await copy_of(demo, 1)
    await demo.queue.enqueue([message(ref)], "b")
    demo.sample.pass_time(MINUTE)
    assert (await demo.queue.depths([ref.queue]))[ref.queue].pending > 0
    assert demo.statuses()[ref.task_id] == PENDING
    demo.sample.rows(enable, 1)
    demo.sample.pass_time(5 * SECOND)
    assert demo.statuses()[ref.task_id] in (SUCCESS, FAIL)


async def test_writes_answer_as_the_contract_says(demo: Demo) -> None:
    one, other = await copy_of(demo, 1), await copy_of(demo, 2)
    again = one.model_copy(update={"last_attempt": 1})
    fresh = message(one)
    assert await demo.queue.claims([one, other]) == [None, None]
    assert await demo.queue.enqueue([fresh], "a") == [Answer(Result.DONE)]
    assert await demo.queue.claims([one, other]) == ["a", None]
    assert await demo.queue.enqueue([fresh], "a") == [Answer(Result.ALREADY)]
    assert await demo.queue.enqueue([fresh], "b") == [Answer(Result.CLAIMED, "a")]
    move = Move(one, fresh.asynq_id)
    assert await demo.queue.run([move], "a") == [Answer(Result.ALREADY)]
    assert await demo.queue.run([move], "b") == [Answer(Result.CLAIMED, "a")]
    twin = replace(fresh, ref=again)
    assert await demo.queue.enqueue([twin], "b") == [Answer(Result.CONFLICT, asynq.PENDING)]
    moves = [Move(again, fresh.asynq_id), Move(other, "nobody")]
    assert await demo.queue.run(moves, "b") == [
        Answer(Result.MOVED_ON, asynq.PENDING),
        Answer(Result.GONE),
    ]
    assert await demo.queue.claims([again, other]) == [None, None]
    almost = timedelta(days=7) - SECOND
    demo.sample.pass_time(almost, almost)
    assert await demo.queue.claims([one]) == ["a"]
    demo.sample.pass_time(2 * SECOND)
    assert await demo.queue.claims([one]) == [None]


async def test_the_uniqueness_lock_is_held_until_success(demo: Demo) -> None:
    one, other = await copy_of(demo, 1), await copy_of(demo, 2)
    first = message(one, unique_seconds=3_600)
    second = replace(message(other, unique_seconds=3_600), payload=first.payload)
    assert await demo.queue.enqueue([first, second], "b") == [
        Answer(Result.DONE),
        Answer(Result.DUPLICATE, first.asynq_id),
    ]
    while demo.statuses()[one.task_id] != SUCCESS:
        demo.sample.pass_time(SECOND)
        failed = await demo.queue.look(one.queue, first.asynq_id)
        if failed is not None and failed.state == asynq.ARCHIVED:
            anew = (await demo.ref(one.task_id)).model_copy(update={"updated_at": demo.sample.now})
            await demo.queue.run([Move(anew, first.asynq_id)], "c")
    assert await demo.queue.enqueue([second], "b") == [Answer(Result.DONE)]


async def test_a_search_stops_at_its_bound(demo: Demo) -> None:
    queue = "mail-worker:notify:default"
    whole = await demo.queue.search(queue)
    assert whole.complete
    assert len(whole.found) > 3
    short = await demo.queue.search(queue, bound=2)
    assert not short.complete
    assert len(short.found) < len(whole.found)
    assert await demo.queue.search(queue, ["nobody"]) == Search({})
    assert await demo.queue.search("no:such:queue") == Search({})
    assert await demo.queue.look("no:such:queue", "nobody") is None


async def test_workers_at_work_have_live_servers(demo: Demo) -> None:
    demo.sample.pass_time(MINUTE)
    servers = await demo.queue.servers()
    groups = {
        (config.worker_name, frozenset(config.queues(group.name)))
        for config in CONFIGS.values()
        if config.worker_name not in AWAY
        for group in config.queue_groups
    }
    assert {(server.host, frozenset(server.queues)) for server in servers} == groups
    assert {(server.concurrency, server.status) for server in servers} >= {(8, "active")}
    assert len({server.server_id for server in servers}) == len(servers)
    active = {id for id, held in (await demo.held()).items() if held.state == asynq.ACTIVE}
    executions = [one for server in servers for one in server.executions]
    assert {one.task_id for one in executions} == active
    for one in executions:
        assert one.started_at is not None
        assert one.deadline is not None
        assert one.started_at <= demo.sample.now < one.deadline


async def test_depths_are_those_of_the_queues(demo: Demo) -> None:
    demo.sample.pass_time(MINUTE)
    depths = await demo.queue.depths([*QUEUES, "no:such:queue"])
    assert depths.keys() == {*QUEUES, "no:such:queue"}
    assert depths["no:such:queue"] == QueueDepth("no:such:queue")
    total: Counter[str] = Counter()
    for depth in depths.values():
        total.update({state: getattr(depth, state) for state in asynq.STATES})
        assert (depth.latency is not None) == (depth.pending > 0)
    held = await demo.held()
    assert +total == Counter(one.state for one in held.values())
    assert [name for name, depth in depths.items() if depth.paused] == [
        "mail-worker:newsletter:low"
    ]


async def test_attempts_of_the_day_are_counted(demo: Demo) -> None:
    demo.sample.pass_time(MINUTE)
    midnight = int(NOW.replace(hour=0, minute=0, second=0, microsecond=0).timestamp() * 1e6)
    ended = demo.sample.rows(
        "SELECT queue, count(*), sum(a.status = ?) FROM task_attempt a JOIN task USING (task_id)"
        " WHERE finished_at >= ? GROUP BY queue",
        FAIL,
        midnight,
    )
    depths = await demo.queue.depths(QUEUES)
    # Those that timed out are in asynq's figures alone.
    silent = 0
    for queue, processed, failed in ended:
        silent += depths[queue].processed - processed
        assert depths[queue].failed - failed == depths[queue].processed - processed
    assert 0 <= silent < 10
    demo.sample.pass_time(timedelta(hours=10), timedelta(hours=10))
    after = await demo.queue.depths(QUEUES)
    assert sum(one.processed for one in after.values()) < 300


async def test_a_read_only_demo_refuses(sample: Sample) -> None:
    queue = DemoQueue(sample.traffic.broker, read_only=True)
    ref = ref_to(next(iter((await queue.search("mail-worker:notify:default")).found.values())))
    with pytest.raises(Refused, match="read-only"):
        await queue.run([Move(ref, "x")], "b")
    with pytest.raises(Refused, match="read-only"):
        await queue.enqueue([message(ref)], "b")
    assert await queue.claims([ref]) == [None]


@pytest.mark.parametrize("read_only", [True, False])
async def test_an_open_demo_has_its_queue(read_only: bool) -> None:
    hub = await open_hub(Target("demo", read_only=read_only))
    async with hub:
        queue: TaskQueue = hub.queue  # type: ignore[attr-defined]
        async with queue:
            assert queue.place == "demo"
            assert await queue.servers()
            if read_only:
                with pytest.raises(Refused):
                    await queue.run([], "b")
            else:
                assert await queue.run([], "b") == []


async def test_the_workers_of_the_sample_name_the_queues_own_redis(demo: Demo) -> None:
    for worker in await demo.hub.workers.list():
        assert worker.redis_addr is not None
        assert not demo.queue.differs(worker.redis_addr)
    assert demo.queue.differs("10.0.0.9:6379")
