"""Delete a worker, or purge its history first.

Deleting takes the worker's row away, which is saved to a restore file before. A store refuses it
while the worker has tasks; the report then offers to disable the worker, or to purge its tasks.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from asynqhub_tui import figures
from asynqhub_tui.actions import restore
from asynqhub_tui.actions.journal import Journal, utc_now
from asynqhub_tui.actions.outcome import Offer, Outcome, Report
from asynqhub_tui.actions.writing import check_original, check_typed, check_writable, concluded
from asynqhub_tui.consumers import consumers
from asynqhub_tui.dsn import mask
from asynqhub_tui.liveness import FRESH
from asynqhub_tui.models import Count, PurgeProgress, WorkerConfig, WorkerUsage
from asynqhub_tui.queue import QueueReader
from asynqhub_tui.repository import Hub, HubError, Refused, TaskFilter


@dataclass(frozen=True, slots=True)
class DeletionPlan:
    """What the operator should know before a worker is deleted.

    `heartbeat_age` is None where the worker never sent one. `warnings` are sentences.
    """

    worker: WorkerConfig
    usage: WorkerUsage
    heartbeat_age: timedelta | None
    warnings: tuple[str, ...]

    @property
    def name(self) -> str:
        """The worker's name, which is to be typed."""
        return self.worker.worker_name

    @property
    def offers(self) -> tuple[Offer, ...]:
        """What can be done instead, where the store will keep the worker for its tasks."""
        return _offers(self.worker) if self.usage.tasks.value else ()


async def plan_deletion(
    hub: Hub,
    name: str,
    clock: Callable[[], datetime] = utc_now,
    queue: QueueReader | None = None,
) -> DeletionPlan:
    """Look at what hangs on the worker, and which asynq servers take from its queues.

    Without a `queue`, or where the worker's row names another Redis, those are not known. Raises
    NotFound, and Refused where the installation is a copy.
    """
    check_original(hub)
    worker = await hub.workers.get(name)
    usage = await hub.tasks.worker_usage(name)
    now = clock()
    beat = worker.last_heartbeat_at
    age = None if beat is None else max(now - beat, timedelta(0))
    live = await _live_servers(queue, worker) if queue is not None else []
    return DeletionPlan(worker, usage, age, (*live, *_warnings(usage, age, now)))


async def _live_servers(queue: QueueReader, worker: WorkerConfig) -> list[str]:
    """Say which live servers take from the worker's queues; nothing where none does."""
    try:
        found = consumers(worker, await queue.servers()).servers
    except HubError as error:
        return [f"Whether servers of it live is not known: {error.what}"]
    if not found:
        if not worker.redis_addr or not queue.differs(worker.redis_addr):
            return []
        return [f"Its Redis is {mask(worker.redis_addr)}: whether servers of it live is not known."]
    hosts = ", ".join(sorted({server.host for server in found}))
    number = "1 asynq server" if len(found) == 1 else f"{len(found)} asynq servers"
    takes = "takes" if len(found) == 1 else "take"
    return [f"It is alive: {number} {takes} from its queues, on {hosts}."]


async def delete(
    hub: Hub, plan: DeletionPlan, typed_name: str, journal: Journal, restore_folder: Path
) -> Report:
    """Save the worker's row to a restore file and delete it.

    Raises Refused where the action may not begin: another name was typed, the installation is
    read-only, or the journal cannot be written.
    """
    check_typed(typed_name, plan.name)
    check_writable(hub)
    check_original(hub)
    now = journal.now()
    path = restore.path_for(restore_folder, plan.name, now)
    async with journal.action("delete_worker", plan.name, _intent(plan, path)) as record:
        saved: Path | None = None
        try:
            worker = await hub.workers.get(plan.name)
            await restore.save(path, worker, hub.info, now)
            saved = path
            await hub.workers.delete(plan.name)
        except HubError as error:
            record.failed(error)
            kept = saved and isinstance(error, Refused) and await _has_tasks(hub, plan.name)
            offers = _offers(plan.worker) if kept else ()
            report = Report(record.outcome, (str(error),), offers, saved)
        else:
            report = Report(
                Outcome.DONE,
                (f"The worker {plan.name} is deleted.", f"Its row is saved in {path}."),
                restore_file=path,
            )
    return concluded(report, record)


async def purge(
    hub: Hub, plan: DeletionPlan, typed_name: str, journal: Journal, restore_folder: Path
) -> AsyncGenerator[PurgeProgress, None]:
    """Delete the worker's tasks and attempts in batches, and yield the totals after each.

    They cannot be restored; the worker's row, which stays, is saved to a restore file first.
    Closing the generator, or cancelling it, stops between two batches. At its first step it raises
    Refused as `delete` does, and later what the store raises; what was deleted until then is in
    the journal.
    """
    check_typed(typed_name, plan.name)
    check_writable(hub)
    check_original(hub)
    now = journal.now()
    path = restore.path_for(restore_folder, plan.name, now)
    async with journal.action("purge_worker", plan.name, _intent(plan, path)) as record:
        record.details.update(tasks=0, attempt_rows=0)
        await restore.save(path, await hub.workers.get(plan.name), hub.info, now)
        batches = hub.tasks.purge_worker(plan.name)
        try:
            async for progress in batches:
                record.details.update(tasks=progress.tasks, attempt_rows=progress.attempts)
                yield progress
        finally:
            # Closed here, not whenever it is collected, so that the totals are final.
            await batches.aclose()
    if record.unwritten is not None:
        raise HubError(record.unwritten, hint="The purge itself is complete.")


def purged_words(progress: PurgeProgress) -> str:
    """Say how much a purge has deleted; an attempt has two rows as a rule."""
    tasks = "1 task" if progress.tasks == 1 else f"{progress.tasks:,} tasks"
    rows = "1 attempt row" if progress.attempts == 1 else f"{progress.attempts:,} attempt rows"
    return f"Deleted {tasks} and {rows}."


def _intent(plan: DeletionPlan, restore_file: Path) -> dict[str, str | int | bool | None]:
    usage = plan.usage
    return {
        "tasks": figures.count(usage.tasks),
        "attempts": figures.count(usage.attempts),
        "unfinished": figures.count(usage.unfinished),
        "restore_file": str(restore_file),
    }


async def _has_tasks(hub: Hub, name: str) -> bool:
    try:
        tasks = await hub.tasks.count_tasks(TaskFilter(worker_name=name), cap=1)
    except HubError:  # a refusal came before, and is what the operator should read
        return False
    return tasks.value > 0


def _offers(worker: WorkerConfig) -> tuple[Offer, ...]:
    return (Offer.DISABLE, Offer.PURGE) if worker.is_enabled else (Offer.PURGE,)


def _warnings(usage: WorkerUsage, age: timedelta | None, now: datetime) -> list[str]:
    said = []
    if usage.tasks.value:
        said.append(f"It has {_tasks(usage.tasks)}; the store keeps it until they are purged.")
    if usage.unfinished.value:
        said.append(
            f"{_tasks(usage.unfinished, 'is', 'are')} unfinished; deleting their rows does not"
            " cancel them in Redis."
        )
    if usage.running.value:
        said.append(
            f"{_tasks(usage.running, 'runs', 'run')} now; what comes of a purged task is lost."
        )
    if age is not None and age <= FRESH:
        said.append(f"Its last heartbeat is {_seconds(age)} old: it may be alive.")
    elif usage.last_attempt_at is not None and now - usage.last_attempt_at <= FRESH:
        ago = _seconds(now - usage.last_attempt_at)
        said.append(f"Its last attempt started {ago} ago: it may be alive, without heartbeats.")
    said.append("A running hub registers the worker again when it next creates a task for it.")
    return said


def _tasks(count: Count, one: str = "", more: str = "") -> str:
    """Return `61 tasks are`, or `1 task is`."""
    alone = count == Count(value=1)
    words = f"{figures.count(count)} {'task' if alone else 'tasks'} {one if alone else more}"
    return words.rstrip()


def _seconds(length: timedelta) -> str:
    return f"{max(int(length.total_seconds()), 0)} s"
