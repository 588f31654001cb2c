"""What can be copied of a task, a list or a worker."""

from __future__ import annotations

import json
import shlex

from asynqhub_tui import query
from asynqhub_tui.models import Task, WorkerConfig
from asynqhub_tui.repository import TaskFilter, TaskRepository

TASK_CHOICES = (
    ("i", "task id", "task id"),
    ("e", "error", "error"),
    ("p", "payload", "payload"),
    ("c", "command line that shows it", "command line"),
    ("n", "note in Markdown", "note"),
)
"""Key, words and value of each choice."""

_TIME = "%Y-%m-%d %H:%M:%SZ"


def command(backend: str, *words: str) -> str:
    """Return the command line that answers the same without a screen; the DSN is not in it."""
    return shlex.join(["asynqhub-tui", "--backend", backend, *words])


def list_command(backend: str, filter: TaskFilter) -> str:
    """Return the command line that lists what a filter finds."""
    return command(backend, "tasks", *query.render(filter).split())


async def task_text(tasks: TaskRepository, task: Task, backend: str, state: str, what: str) -> str:
    """Return the text of one of TASK_CHOICES; empty where the task has none.

    Raises what `get_task` raises, where the payload is asked for.
    """
    if what == "task id":
        return task.task_id
    if what == "error":
        return task.error or ""
    if what == "payload":
        return (await tasks.get_task(task.task_id)).payload or ""
    if what == "command line":
        return command(backend, "task", task.task_id)
    return markdown(task, state)


def markdown(task: Task, state: str) -> str:
    """Return a task as a note to hand over, in Markdown."""
    number = task.newest_attempt.attempt if task.newest_attempt else task.last_attempt
    lines = [
        f"**{state}** task `{task.task_id}`",
        "",
        f"- worker `{task.worker_name}`, queue `{task.queue}`",
        f"- created {task.created_at:{_TIME}}, updated {task.updated_at:{_TIME}}",
        f"- attempt {number}",
    ]
    failed = task.failed_attempt
    if task.error and failed is not None and task.error_is_old:
        lines.append(f"- error of attempt {failed.attempt}, started {failed.started_at:{_TIME}}")
    if task.error:
        lines += ["", "```", task.error.replace("```", "'''"), "```"]
    return "\n".join(lines)


def worker_json(worker: WorkerConfig) -> str:
    """Return a worker's configuration as JSON."""
    return json.dumps(worker.model_dump(mode="json"), indent=2, ensure_ascii=False)
