"""A copy has what its source has, after every round."""

from __future__ import annotations

import asyncio

import pytest

from asynqhub_tui.backends import Target, open_copy, open_hub
from asynqhub_tui.replication import Copy, Source, Table
from asynqhub_tui.repository import TaskFilter
from asynqhub_tui.sync import copying as copying_module
from asynqhub_tui.sync.copying import Copying
from asynqhub_tui.sync.pace import Pace
from tests.sync.hub import SourceHub, differences
from tests.sync.quiet import Quiet


async def test_all_is_copied(
    origin: SourceHub, copying: Copying, source: Source, copy: Copy, watcher: Quiet
) -> None:
    origin.fill(300)
    await copying.round()
    assert watcher.rows == 900
    assert len(await copy.fingerprints(Table.TASK, 0, 2**60)) == 300
    assert len(await copy.fingerprints(Table.ATTEMPT, 0, 2**60)) == 600
    assert await differences(source, copy) == []


async def test_a_database_without_rows_is_a_copy_too(
    origin: SourceHub, copying: Copying, source: Source, copy: Copy
) -> None:
    origin.sql("DELETE FROM worker")
    await copying.round()
    await copying.round()
    assert await copy.is_empty()
    assert copying.position.done is not None


async def test_then_only_what_has_changed_is_written(
    origin: SourceHub, copying: Copying, source: Source, copy: Copy, watcher: Quiet
) -> None:
    origin.fill(100)
    await copying.round()
    watcher.rows = 0
    await copying.round()
    assert watcher.rows == 0
    origin.begin("task-3", 2)
    origin.report("task-3", "fail", 2, error="once more")
    origin.enqueue("new", "mailer")
    origin.begin("new")
    origin.beat("mailer")
    await copying.round()
    assert watcher.rows == 5  # both tasks, and their attempts' new rows
    assert await differences(source, copy) == []
    watcher.rows = 0
    await copying.round()
    assert watcher.rows == 0


async def test_another_process_goes_on(
    origin: SourceHub, copying: Copying, source: Source, copy: Copy, watcher: Quiet
) -> None:
    origin.fill(100)
    await copying.round()
    origin.enqueue("new", "mailer")
    origin.sql("UPDATE task SET status = 'success', updated_at = now() WHERE task_id = 'task-1'")
    later = Copying(source, copy, Pace(1.0), watcher)
    position = await later.open()
    assert position == copying.position
    await later.round()
    assert await differences(source, copy) == []


async def test_a_time_of_update_may_go_back(
    origin: SourceHub, copying: Copying, source: Source, copy: Copy
) -> None:
    origin.fill(5)
    origin.sql("UPDATE task SET updated_at = now() + interval '30 s' WHERE id = 2")
    await copying.round()
    origin.sql("UPDATE task SET status = 'dead', updated_at = now() WHERE id = 2")
    await copying.round()
    assert await differences(source, copy) == []


async def test_a_batch_at_a_time(
    origin: SourceHub,
    copying: Copying,
    source: Source,
    copy: Copy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    origin.fill(100)
    monkeypatch.setattr(copying_module, "BATCH", 7)
    await copying.round()
    # Many with one time of update: a batch ends among them.
    origin.sql("UPDATE task SET status = 'dead', updated_at = now() WHERE id %% 2 = 0")
    origin.sql("UPDATE task SET status = 'success', updated_at = now() WHERE id %% 5 = 0")
    await copying.round()
    assert await differences(source, copy) == []


async def test_large_payloads_are_read_a_few_at_a_time(
    origin: SourceHub, source: Source, copying: Copying, copy: Copy
) -> None:
    origin.sql(
        "INSERT INTO task (task_id, worker_name, queue, payload, status)"
        " SELECT 'large-' || n, 'images', 'images:main:default',"
        "  jsonb_build_object('text', (SELECT string_agg(md5(n || '.' || i), '')"
        "   FROM generate_series(1, 62000) AS i)), 'pending'"
        " FROM generate_series(1, 12) AS n"
    )
    first = await source.rows_by_id(Table.TASK, 0, 2**60, 5_000)
    assert 1 < len(first) < 12
    await copying.round()
    assert await differences(source, copy) == []


async def test_odd_rows_are_copied_as_they_are(
    origin: SourceHub, copying: Copying, source: Source, copy: Copy
) -> None:
    origin.fill(3)
    origin.sql("UPDATE task SET created_at = 'infinity' WHERE task_id = 'task-1'")
    origin.sql("UPDATE task SET updated_at = '-infinity' WHERE task_id = 'task-2'")
    origin.sql(
        "UPDATE task SET status = E'\\x1b[2Jodd|', trace_id = '|', last_worker_name = '🚀',"
        " priority = -7, queue = '' WHERE task_id = 'task-3'"
    )
    origin.sql("UPDATE task_attempt SET finished_at = started_at - interval '1 h' WHERE id = 2")
    await copying.round()
    assert await differences(source, copy) == []


async def test_what_is_deleted_goes(
    origin: SourceHub, copying: Copying, source: Source, copy: Copy
) -> None:
    origin.fill(60)
    await copying.round()
    origin.sql("DELETE FROM task_attempt WHERE task_id LIKE 'task-1%%'")
    origin.sql("DELETE FROM task WHERE task_id LIKE 'task-1%%'")
    origin.sql("DELETE FROM task_attempt WHERE task_id = 'task-2' AND status = 'running'")
    await copying.round(sweeps=True)
    assert len(await copy.fingerprints(Table.TASK, 0, 2**60)) == 49
    assert await differences(source, copy) == []


async def test_rows_are_counted_by_stretches_of_ids(
    origin: SourceHub, copying: Copying, source: Source, copy: Copy
) -> None:
    origin.fill(30)
    origin.sql("DELETE FROM task_attempt WHERE task_id = 'task-12' OR id BETWEEN 31 AND 40")
    await copying.round()
    for width, to in ((10, 60), (10, 25), (7, 59), (100, 33), (1, 5)):
        tallies = await copy.tallies(Table.ATTEMPT, width, to)
        for stretch in range(-(-to // width)):
            span = (stretch * width, min((stretch + 1) * width, to))
            theirs = await source.tally(Table.ATTEMPT, *span)
            assert tallies.get(stretch, (0, 0)) == theirs


async def test_ids_may_lie_far_apart(
    origin: SourceHub, copying: Copying, source: Source, copy: Copy
) -> None:
    origin.sql("ALTER SEQUENCE task_id_seq RESTART WITH 4000000000000")
    origin.sql("ALTER SEQUENCE task_attempt_id_seq RESTART WITH 7")
    origin.fill(20)
    origin.sql("UPDATE task SET id = 3 WHERE task_id = 'task-5'")
    stretches = await source.stretches(Table.TASK, 100, 2**60)
    assert list(stretches) == [0, 39_999_999_999, 40_000_000_000]
    assert list(await source.stretches(Table.TASK, 100, 3)) == [0]
    assert list(await source.stretches(Table.TASK, 100, 2)) == []
    await copying.round()
    assert await differences(source, copy) == []
    origin.sql("DELETE FROM task_attempt WHERE task_id = 'task-9'")
    origin.sql("DELETE FROM task WHERE task_id = 'task-9'")
    await copying.round(sweeps=True)
    assert await differences(source, copy) == []


async def test_a_deleted_worker_goes_with_all_that_it_had(
    origin: SourceHub, copying: Copying, source: Source, copy: Copy
) -> None:
    origin.fill(60)
    await copying.round()
    origin.sql(
        "DELETE FROM task_attempt WHERE task_id IN"
        " (SELECT task_id FROM task WHERE worker_name = 'mailer')"
    )
    origin.sql("DELETE FROM task WHERE worker_name = 'mailer'")
    origin.sql("DELETE FROM worker WHERE worker_name = 'mailer'")
    await copying.round()
    assert [one.worker_name for one in await copy.workers()] == ["images"]
    assert await differences(source, copy) == []


async def test_the_newest_rows_go_too(
    origin: SourceHub, copying: Copying, source: Source, copy: Copy
) -> None:
    origin.fill(60)
    await copying.round()
    origin.sql("DELETE FROM task_attempt WHERE task_id IN ('task-59', 'task-60')")
    origin.sql("DELETE FROM task WHERE task_id IN ('task-59', 'task-60')")
    await copying.round(sweeps=True)
    assert await differences(source, copy) == []
    origin.sql("TRUNCATE task, task_attempt")
    await copying.round(sweeps=True)
    assert await copy.ids(Table.TASK, 0, 2**60) == []
    assert await copy.ids(Table.ATTEMPT, 0, 2**60) == []


async def test_deleted_rows_are_noticed_by_themselves(
    origin: SourceHub,
    source: Source,
    copy: Copy,
    watcher: Quiet,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(copying_module, "SWEEP_SHARE", 0)
    monkeypatch.setattr(copying_module, "SWEEP_REST", 0)
    origin.fill(60)
    copying = Copying(source, copy, Pace(1.0), watcher)
    await copying.round()
    origin.sql("DELETE FROM task_attempt WHERE task_id = 'task-7'")
    origin.sql("DELETE FROM task WHERE task_id = 'task-7'")
    # The server counts them a moment later.
    async with asyncio.timeout(60):
        while (await source.moment()).deleted != (copying.position.swept_deleted or 0) + 3:
            await asyncio.to_thread(origin.sql, "SELECT pg_sleep(0.02)")
    await copying.round()
    assert await differences(source, copy) == []


async def test_a_task_that_was_made_anew_under_its_id(
    origin: SourceHub, copying: Copying, source: Source, copy: Copy
) -> None:
    origin.fill(10)
    await copying.round()
    origin.sql("DELETE FROM task_attempt WHERE task_id = 'task-4'")
    origin.sql("DELETE FROM task WHERE task_id = 'task-4'")
    origin.enqueue("task-4", "mailer")
    await copying.round(sweeps=True)
    assert await differences(source, copy) == []


async def test_what_the_copy_lacks_comes_again(
    origin: SourceHub, copying: Copying, source: Source, copy: Copy
) -> None:
    origin.fill(30)
    await copying.round()
    await copy.remove(Table.TASK, [3, 4])
    assert len(await differences(source, copy)) == 2
    await copying.round(sweeps=True)
    assert await differences(source, copy) == []


async def test_the_copy_answers_as_its_source_does(
    origin: SourceHub, copying: Copying, copy_target: Target, copy: Copy
) -> None:
    origin.fill(80)
    await copying.round()
    await copy.close()
    source_target = Target("postgres", origin.secret)
    async with await open_hub(source_target) as there, await open_hub(copy_target) as here:
        for filter in (
            TaskFilter(),
            TaskFilter(statuses=("fail",)),
            TaskFilter(worker_name="mailer"),
            TaskFilter(task_id="task-1"),
        ):
            theirs = await there.tasks.list_tasks(filter)
            ours = await here.tasks.list_tasks(filter)
            assert ours.tasks == theirs.tasks
            assert theirs.tasks
        for task_id in ("task-3", "task-8"):
            assert await here.tasks.get_task(task_id) == await there.tasks.get_task(task_id)
            ours_attempts = await here.tasks.list_attempts(task_id)
            assert ours_attempts == await there.tasks.list_attempts(task_id)
        counts = (await here.tasks.status_counts()).by_status
        assert {status: counts[status].value for status in ("pending", "success", "fail")} == {
            status: count.value
            for status, count in (await there.tasks.status_counts()).by_status.items()
            if status in ("pending", "success", "fail")
        }
        assert await here.tasks.get_worker_stats("mailer") == await there.tasks.get_worker_stats(
            "mailer"
        )


async def test_a_copy_can_be_opened_again(copy_target: Target, copy: Copy) -> None:
    await copy.close()
    again = await open_copy(copy_target)
    try:
        assert await again.position() is None
    finally:
        await again.close()
