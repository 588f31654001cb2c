"""Deleting, purging, disabling and restoring a worker, on the embedded store."""

from __future__ import annotations

import json
import sqlite3
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from asynqhub_tui.actions import restore
from asynqhub_tui.actions.delete_worker import DeletionPlan, delete, plan_deletion, purge
from asynqhub_tui.actions.enable_worker import disable, enable
from asynqhub_tui.actions.journal import Journal
from asynqhub_tui.actions.outcome import Offer, Outcome
from asynqhub_tui.actions.restore import restore_worker
from asynqhub_tui.backends import Target
from asynqhub_tui.backends.sqlite import connection as sqlite_connection
from asynqhub_tui.backends.sqlite import create, open_hub
from asynqhub_tui.models import (
    FAIL,
    PENDING,
    RUNNING,
    Attempt,
    QueueGroup,
    Task,
    WorkerConfig,
)
from asynqhub_tui.repository import Hub, NotFound, Refused, TaskFilter

NAME = "worker-1"
NOW = datetime(2026, 11, 23, 14, 2, 11, 829, tzinfo=UTC)

WORKER = WorkerConfig(
    worker_name=NAME,
    base_url="http://10.0.0.7:8080",
    redis_addr="10.0.0.5:6379/0",
    queue_groups=(
        QueueGroup(name="web_crawl", concurrency=8, priorities={"default": 3, "low": 1}),
    ),
    default_retry_count=1,
    default_timeout=45,
    last_heartbeat_at=NOW - timedelta(seconds=4),
    created_at=NOW - timedelta(days=90),
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "hub.db"
    create(path)
    return path


@pytest.fixture
async def hub(file: Path) -> AsyncIterator[Hub]:
    async with await open_hub(Target("sqlite", SecretStr(str(file)))) as hub:
        await hub.workers.upsert(WORKER)
        yield hub


@pytest.fixture
def journal(hub: Hub, tmp_path: Path) -> Journal:
    return Journal(hub.info, tmp_path / "state", {}, lambda: NOW)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where restore files go."""
    return tmp_path / "state" / "restore"


async def plan_of(hub: Hub, name: str = NAME) -> DeletionPlan:
    return await plan_deletion(hub, name, lambda: NOW)


async def add_tasks(hub: Hub, count: int, status: str = PENDING) -> None:
    for number in range(count):
        await hub.tasks.upsert_task(
            Task(
                task_id=f"{number:032x}",
                worker_name=NAME,
                queue=f"{NAME}:web_crawl:default",
                payload="{}",
                status=status,
                created_at=NOW,
                updated_at=NOW,
            )
        )


async def start_attempt(hub: Hub, number: int, started_at: datetime) -> None:
    await hub.tasks.insert_attempt(
        Attempt(task_id=f"{number:032x}", attempt=1, status=RUNNING, started_at=started_at)
    )


def entries(journal: Journal) -> list[dict[str, Any]]:
    return [json.loads(line) for line in journal.path.read_text("ascii").splitlines()]


def put_in_the_way(folder: Path) -> None:
    """Leave a file where a folder should be made."""
    folder.parent.mkdir(exist_ok=True)
    folder.write_text("")


def restore_files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.exists() else []


async def test_the_plan_of_an_idle_worker_warns_of_its_return_only(hub: Hub) -> None:
    await hub.workers.update_heartbeat(NAME, NOW - timedelta(days=41))
    plan = await plan_of(hub)
    assert plan.worker.worker_name == plan.name == NAME
    assert plan.heartbeat_age == timedelta(days=41)
    assert plan.usage.tasks.value == 0
    assert plan.warnings == (
        "A running hub registers the worker again when it next creates a task for it.",
    )


async def test_the_plan_says_what_hangs_on_the_worker(hub: Hub) -> None:
    await add_tasks(hub, 3)
    await hub.tasks.update_task_status(f"{2:032x}", FAIL, 1, None, None)
    await start_attempt(hub, 0, datetime.now(UTC))
    plan = await plan_of(hub)
    assert plan.heartbeat_age == timedelta(seconds=4)
    assert plan.warnings[:-1] == (
        "It has 3 tasks; the store keeps it until they are purged.",
        "2 tasks are unfinished; deleting their rows does not cancel them in Redis.",
        "1 task runs now; what comes of a purged task is lost.",
        "Its last heartbeat is 4 s old: it may be alive.",
    )


async def test_the_plan_offers_what_can_be_done_instead(hub: Hub, journal: Journal) -> None:
    assert (await plan_of(hub)).offers == ()
    await add_tasks(hub, 1)
    assert (await plan_of(hub)).offers == (Offer.DISABLE, Offer.PURGE)
    await disable(hub, NAME, journal)
    assert (await plan_of(hub)).offers == (Offer.PURGE,)


async def test_an_attempt_is_a_sign_of_life_too(hub: Hub) -> None:
    await hub.workers.upsert(WORKER.model_copy(update={"last_heartbeat_at": None}))
    await add_tasks(hub, 1)
    await start_attempt(hub, 0, NOW - timedelta(seconds=40))
    plan = await plan_of(hub)
    assert plan.heartbeat_age is None
    assert "Its last attempt started 40 s ago: it may be alive, without heartbeats." in (
        plan.warnings
    )


async def test_there_is_no_plan_for_an_unknown_worker(hub: Hub) -> None:
    with pytest.raises(NotFound):
        await plan_of(hub, "nobody")


async def test_a_deleted_worker_is_gone_and_saved(hub: Hub, journal: Journal, folder: Path) -> None:
    before = await hub.workers.get(NAME)
    report = await delete(hub, await plan_of(hub), NAME, journal, folder)
    assert report.outcome is Outcome.DONE
    assert await hub.workers.list() == []
    assert report.restore_file is not None
    assert restore_files(folder) == [report.restore_file]
    assert stat.S_IMODE(report.restore_file.stat().st_mode) == 0o600
    assert (await restore.load(report.restore_file)).worker == before
    assert report.sentences == (
        f"The worker {NAME} is deleted.",
        f"Its row is saved in {report.restore_file}.",
    )
    intent, outcome = entries(journal)
    assert intent["action"] == "delete_worker"
    assert intent["details"]["restore_file"] == str(report.restore_file)
    assert outcome["outcome"] == "done"


@pytest.mark.parametrize("typed", ["", "worker", "Worker-1", "worker-1 "])
async def test_another_name_deletes_nothing(
    hub: Hub, journal: Journal, folder: Path, typed: str
) -> None:
    with pytest.raises(Refused, match="not the name of the worker"):
        await delete(hub, await plan_of(hub), typed, journal, folder)
    with pytest.raises(Refused, match="not the name of the worker"):
        await anext(purge(hub, await plan_of(hub), typed, journal, folder))
    assert [worker.worker_name for worker in await hub.workers.list()] == [NAME]
    assert not journal.path.exists()
    assert restore_files(folder) == []


async def test_a_worker_with_tasks_stays_and_the_report_offers_what_helps(
    hub: Hub, journal: Journal, folder: Path
) -> None:
    await add_tasks(hub, 1)
    report = await delete(hub, await plan_of(hub), NAME, journal, folder)
    assert report.outcome is Outcome.REFUSED
    assert not report.done
    assert report.offers == (Offer.DISABLE, Offer.PURGE)
    assert "still has tasks" in report.sentences[0]
    assert entries(journal)[-1]["outcome"] == "refused"
    await disable(hub, NAME, journal)
    again = await delete(hub, await plan_of(hub), NAME, journal, folder)
    assert again.offers == (Offer.PURGE,)


async def test_a_worker_that_went_meanwhile_is_reported(
    hub: Hub, journal: Journal, folder: Path
) -> None:
    plan = await plan_of(hub)
    await hub.workers.delete(NAME)
    report = await delete(hub, plan, NAME, journal, folder)
    assert report.outcome is Outcome.REFUSED
    assert report.restore_file is None
    assert report.offers == ()
    assert report.sentences[0].startswith(f"There is no worker {NAME}.")


async def test_a_store_that_does_not_answer_is_a_failure(
    hub: Hub, file: Path, journal: Journal, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_connection, "BUSY_TIMEOUT", 0.0)
    async with await open_hub(Target("sqlite", SecretStr(str(file)))) as second:
        other = sqlite3.connect(file, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        report = await delete(second, await plan_of(second), NAME, journal, folder)
        other.close()
    assert report.outcome is Outcome.FAILED
    assert "locked" in report.sentences[0]
    assert report.restore_file is not None
    assert entries(journal)[-1]["outcome"] == "failed"


async def test_without_a_restore_file_nothing_is_deleted(
    hub: Hub, journal: Journal, folder: Path
) -> None:
    put_in_the_way(folder)
    report = await delete(hub, await plan_of(hub), NAME, journal, folder)
    assert report.outcome is Outcome.REFUSED
    assert "nothing was deleted" in report.sentences[0]
    assert await hub.workers.get(NAME)


async def test_without_a_journal_nothing_is_changed(hub: Hub, tmp_path: Path) -> None:
    put_in_the_way(tmp_path / "full")
    journal = Journal(hub.info, tmp_path / "full", {})
    await add_tasks(hub, 1)
    plan = await plan_of(hub)
    with pytest.raises(Refused, match="nothing was done"):
        await delete(hub, plan, NAME, journal, tmp_path / "restore")
    with pytest.raises(Refused, match="nothing was done"):
        await anext(purge(hub, plan, NAME, journal, tmp_path / "restore"))
    with pytest.raises(Refused, match="nothing was done"):
        await disable(hub, NAME, journal)
    assert (await hub.workers.get(NAME)).is_enabled
    assert (await hub.tasks.count_tasks(TaskFilter())).value == 1
    assert restore_files(tmp_path / "restore") == []


async def test_read_only_changes_nothing(
    hub: Hub, file: Path, journal: Journal, folder: Path
) -> None:
    plan = await plan_of(hub)
    async with await open_hub(Target("sqlite", SecretStr(str(file)), read_only=True)) as reader:
        with pytest.raises(Refused, match="read-only"):
            await delete(reader, plan, NAME, journal, folder)
        with pytest.raises(Refused, match="read-only"):
            await anext(purge(reader, plan, NAME, journal, folder))
        with pytest.raises(Refused, match="read-only"):
            await disable(reader, NAME, journal)
        with pytest.raises(Refused, match="read-only"):
            await restore_worker(reader, folder / "none.json", journal)
    assert not journal.path.exists()


async def test_a_purge_tells_its_totals_and_then_the_worker_can_go(
    hub: Hub, journal: Journal, folder: Path
) -> None:
    await add_tasks(hub, 501)
    await start_attempt(hub, 0, NOW)
    totals = [
        (progress.tasks, progress.attempts)
        async for progress in purge(hub, await plan_of(hub), NAME, journal, folder)
    ]
    assert totals == [(500, 1), (501, 1)]
    outcome = entries(journal)[-1]
    assert (outcome["outcome"], outcome["details"]) == ("done", {"tasks": 501, "attempt_rows": 1})
    assert len(restore_files(folder)) == 1
    assert (await delete(hub, await plan_of(hub), NAME, journal, folder)).done


async def test_a_purge_that_is_stopped_keeps_the_rest(
    hub: Hub, journal: Journal, folder: Path
) -> None:
    await add_tasks(hub, 501)
    async with aclosing(purge(hub, await plan_of(hub), NAME, journal, folder)) as batches:
        await anext(batches)
    outcome = entries(journal)[-1]
    assert (outcome["outcome"], outcome["details"]) == (
        "cancelled",
        {"tasks": 500, "attempt_rows": 0},
    )
    assert (await hub.tasks.count_tasks(TaskFilter())).value == 1


async def test_a_stopped_purge_leaves_no_generator_of_the_store_behind(
    hub: Hub, journal: Journal, folder: Path
) -> None:
    await add_tasks(hub, 1)
    abandoned: list[object] = []
    plan = await plan_of(hub)
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(finalizer=abandoned.append)
    async with aclosing(purge(hub, plan, NAME, journal, folder)) as batches:
        await anext(batches)
    sys.set_asyncgen_hooks(*hooks)
    assert abandoned == []


async def test_a_purge_that_fails_is_journalled_with_what_it_did(
    hub: Hub, file: Path, journal: Journal, folder: Path
) -> None:
    await add_tasks(hub, 501)
    batches = purge(hub, await plan_of(hub), NAME, journal, folder)
    await anext(batches)
    with sqlite3.connect(file) as other:
        other.execute(
            "CREATE TRIGGER keep BEFORE DELETE ON task BEGIN SELECT RAISE(ABORT, 'kept'); END"
        )
    other.close()
    with pytest.raises(Refused):
        await anext(batches)
    outcome = entries(journal)[-1]
    assert outcome["outcome"] == "refused"
    assert outcome["details"]["tasks"] == 500
    assert "kept" in outcome["details"]["error"]


async def test_disable_and_enable_change_nothing_else(hub: Hub, journal: Journal) -> None:
    before = await hub.workers.get(NAME)
    for action, enabled in ((disable, False), (enable, True)):
        report = await action(hub, NAME, journal)
        after = await hub.workers.get(NAME)
        assert report.outcome is Outcome.DONE
        assert after.is_enabled is enabled
        assert after == before.model_copy(
            update={"is_enabled": enabled, "updated_at": after.updated_at}
        )
    assert [entry["action"] for entry in entries(journal)] == [
        "disable_worker",
        "disable_worker",
        "enable_worker",
        "enable_worker",
    ]


async def test_a_disabled_worker_is_not_written_again(hub: Hub, journal: Journal) -> None:
    await disable(hub, NAME, journal)
    before = await hub.workers.get(NAME)
    report = await disable(hub, NAME, journal)
    assert report.outcome is Outcome.UNCHANGED
    assert report.done
    assert await hub.workers.get(NAME) == before


async def test_an_unknown_worker_is_reported_and_journalled(hub: Hub, journal: Journal) -> None:
    report = await enable(hub, "nobody", journal)
    assert report.outcome is Outcome.REFUSED
    assert entries(journal)[-1]["outcome"] == "refused"


async def test_a_restored_worker_is_as_it_was(hub: Hub, journal: Journal, folder: Path) -> None:
    before = await hub.workers.get(NAME)
    deleted = await delete(hub, await plan_of(hub), NAME, journal, folder)
    assert deleted.restore_file is not None
    report = await restore_worker(hub, deleted.restore_file, journal)
    after = await hub.workers.get(NAME)
    assert report.outcome is Outcome.DONE
    assert after == before.model_copy(update={"updated_at": after.updated_at})
    assert entries(journal)[-1]["action"] == "restore_worker"


async def test_a_worker_that_is_there_is_not_restored_over(
    hub: Hub, journal: Journal, folder: Path
) -> None:
    deleted = await delete(hub, await plan_of(hub), NAME, journal, folder)
    assert deleted.restore_file is not None
    await hub.workers.upsert(WORKER.model_copy(update={"default_timeout": 7}))
    report = await restore_worker(hub, deleted.restore_file, journal)
    assert report.outcome is Outcome.REFUSED
    assert "already" in report.sentences[0]
    assert (await hub.workers.get(NAME)).default_timeout == 7


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff", b'{"kind": "other"}'])
async def test_what_is_no_restore_file_is_refused(
    hub: Hub, journal: Journal, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "some.json"
    path.write_bytes(content)
    with pytest.raises(Refused, match="no restore file"):
        await restore_worker(hub, path, journal)
    with pytest.raises(NotFound, match="There is no file"):
        await restore_worker(hub, tmp_path / "none.json", journal)
    with pytest.raises(Refused, match="cannot be read"):
        await restore_worker(hub, tmp_path, journal)


def test_a_name_becomes_a_safe_file_name(folder: Path) -> None:
    path = restore.path_for(folder, "../工 x" + "y" * 300, NOW)
    assert path.parent == folder
    assert path.name == f"20261123T140211.000829Z-_____x{'y' * 58}.json"
