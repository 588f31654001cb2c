"""The commands `tasks` and `task`."""

from __future__ import annotations

from collections.abc import Sequence

from asynqhub_tui.figures import NONE, duration
from asynqhub_tui.headless import as_json, output
from asynqhub_tui.headless.output import Column, first_line
from asynqhub_tui.models import STATES, Attempt, Task
from asynqhub_tui.repository import LIST_LIMIT, Hub, Order, TaskFilter
from asynqhub_tui.text import block, one_line
from asynqhub_tui.view import View

DEFAULT_LIMIT = 50

_LIST = (
    Column("STATE"),
    Column("TASK"),
    Column("WORKER"),
    Column("QUEUE"),
    Column("ATTEMPT", number=True),
    Column("TOOK", number=True),
    Column("UPDATED", number=True),
    Column("ERROR"),
)

_ATTEMPTS = (
    Column("ATTEMPT", number=True),
    Column("STATUS"),
    Column("STARTED"),
    Column("TOOK", number=True),
    Column("WORKER"),
    Column("ERROR"),
)


async def list_tasks(
    hub: Hub, view: View, filter: TaskFilter, *, limit: int | None, order: Order | None, json: bool
) -> int:
    """Write the newest `limit` tasks (50 unless told) that match."""
    await know_workers(hub, view)
    tasks = await _collect(hub, filter, limit, order)
    if not tasks and (unknown := [one for one in filter.statuses if one not in STATES]):
        known = ", ".join(STATES)
        output.note(f"No task has the status {unknown[0]}. Asynq-Hub's own are {known}.")
    if json:
        as_json.write_array(as_json.task(task, view.state(task)) for task in tasks)
    else:
        output.write(output.columns(_LIST, [_row(view, task) for task in tasks]))
    return 0


async def show_task(hub: Hub, view: View, task_id: str, *, json: bool) -> int:
    """Write one task with its payload and attempts. Raises NotFound."""
    await know_workers(hub, view)
    task = await hub.tasks.get_task(task_id)
    attempts = await hub.tasks.list_attempts(task_id, LIST_LIMIT[1])
    if json:
        as_json.write(as_json.task_in_full(task, view.state(task), attempts))
    else:
        output.write(_in_full(view, task, attempts))
    return 0


async def know_workers(hub: Hub, view: View) -> None:
    """Tell `view` the workers, whose timeouts decide what runs and what is overdue."""
    view.workers = {worker.worker_name: worker for worker in await hub.workers.list()}


async def _collect(
    hub: Hub, filter: TaskFilter, limit: int | None, order: Order | None
) -> list[Task]:
    """Gather pages up to the limit.

    A search that the store stops early for cost goes on only where `filter.since` bounds it, or it
    might read a whole history; otherwise a note tells how far it came.
    """
    wanted = limit or DEFAULT_LIMIT
    most = LIST_LIMIT[1]
    page = await hub.tasks.list_tasks(filter, limit=min(wanted, most), order=order)
    tasks = list(page.tasks)
    while (
        page.more
        and page.last
        and len(tasks) < wanted
        and (page.searched_to is None or filter.since is not None)
    ):
        page = await hub.tasks.list_tasks(
            filter, limit=min(wanted - len(tasks), most), after=page.last
        )
        tasks += page.tasks
    if page.searched_to is not None and len(tasks) < wanted:
        how = " --since says how far to search." if page.more else ""
        output.note(
            f"searched back to {page.searched_to:%Y-%m-%dT%H:%M:%SZ}; older tasks may match.{how}"
        )
    elif page.more and limit is None:
        output.note(f"these are the newest {len(tasks)} of more; --limit N shows more.")
    return tasks


def _row(view: View, task: Task) -> list[str]:
    return [
        one_line(view.state(task)),
        one_line(task.task_id),
        one_line(task.worker_name),
        one_line(task.queue),
        _attempt(view, task),
        duration(task.duration_ms),
        view.moment(task.updated_at),
        output.error(task),
    ]


def _attempt(view: View, task: Task) -> str:
    newest = task.newest_attempt.attempt if task.newest_attempt else task.last_attempt
    most = view.max_attempts(task)
    return f"{newest}/{most}" if most is not None else str(newest)


def _in_full(view: View, task: Task, attempts: Sequence[Attempt]) -> list[str]:
    lines = output.pairs(
        [
            ("task", one_line(task.task_id)),
            ("state", one_line(view.state(task))),
            ("status", one_line(task.status)),
            ("worker", one_line(task.worker_name)),
            ("queue", one_line(task.queue)),
            ("priority", str(task.priority)),
            ("attempt", _attempt(view, task)),
            ("last worker", one_line(task.last_worker_name or "")),
            ("trace", one_line(task.trace_id or "")),
            ("created", view.full_moment(task.created_at)),
            ("updated", view.full_moment(task.updated_at)),
        ]
    )
    if task.error:
        lines += ["", _error_title(task), *_indented(task.error)]
    lines += ["", "attempts, newest first"]
    lines += output.columns(
        _ATTEMPTS, [_attempt_row(view, task, one, attempts[0]) for one in attempts]
    )
    return [*lines, "", "payload", *_indented(task.payload or NONE)]


def _error_title(task: Task) -> str:
    failed = task.failed_attempt
    if failed is None or not task.error_is_old:
        return "error"
    return f"error of attempt {failed.attempt}, started {failed.started_at:%Y-%m-%d %H:%M:%S} UTC"


def _attempt_row(view: View, task: Task, attempt: Attempt, newest: Attempt) -> list[str]:
    return [
        str(attempt.attempt),
        one_line(view.attempt_state(attempt, task.worker_name, newest=attempt is newest)),
        view.full_moment(attempt.started_at),
        duration(attempt.duration_ms),
        one_line(attempt.worker_name or NONE),
        first_line(attempt.error),
    ]


def _indented(text: str) -> list[str]:
    return [f"  {line}" for line in block(text).split("\n")]
