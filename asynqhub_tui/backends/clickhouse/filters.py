"""From a TaskFilter to SQL: fixed fragments, and every value bound on the server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from asynqhub_tui.models import OVERDUE, RUNNING, SUCCESS, WorkerConfig
from asynqhub_tui.repository import TaskFilter

TIME = "DateTime64(6, 'UTC')"

PREFIX = 6
"""Characters of an id that its index knows."""

UNFINISHED = "t.status != 'success'"


@dataclass(frozen=True, slots=True)
class Where:
    """A condition on the task `t`.

    `rows` holds what the row itself tells. `states` asks what the task does now, as Task.state
    has it: a task passes whose state is one of them, or whose row has one of `beside`.
    """

    rows: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    parameters: dict[str, Any] = field(default_factory=dict)

    def sql(self) -> str:
        """Write what the rows tell."""
        return " AND ".join(self.rows) or "1"

    def narrowed(self, *rows: str, **parameters: object) -> Where:
        """Return the condition that this and `rows` hold; they bind `parameters`."""
        return replace(self, rows=(*self.rows, *rows), parameters=self.parameters | parameters)


def where(filter: TaskFilter, workers: Sequence[WorkerConfig]) -> Where:
    """Return the condition that `filter` stands for; `workers` tell what a queue group holds."""
    found = Where()
    if filter.worker_name:
        found = found.narrowed("t.worker_name = {worker:String}", worker=filter.worker_name)
    if filter.queue:
        found = found.narrowed("t.queue IN {queues:Array(String)}", queues=_queues(filter, workers))
    if filter.task_id:
        found = found.narrowed("startsWith(t.task_id, {prefix:String})", prefix=filter.task_id)
        if len(filter.task_id) >= PREFIX:
            start = filter.task_id[:PREFIX]
            found = found.narrowed(f"leftUTF8(t.task_id, {PREFIX}) = {{start:String}}", start=start)
    if filter.since is not None:
        found = found.narrowed(f"t.created_at >= {{since:{TIME}}}", since=filter.since)
    if filter.statuses:
        found = _with_statuses(found, filter.statuses)
    return found


def _queues(filter: TaskFilter, workers: Sequence[WorkerConfig]) -> list[str]:
    queue = filter.queue or ""
    if ":" in queue:
        return [queue]
    asked = [one for one in workers if filter.worker_name in (None, "", one.worker_name)]
    return [name for one in asked for name in one.queues(queue)] or [queue]


def _with_statuses(found: Where, statuses: Sequence[str]) -> Where:
    plain = tuple(status for status in statuses if status not in (RUNNING, OVERDUE))
    states = tuple(status for status in statuses if status in (RUNNING, OVERDUE))
    if not states:
        return found.narrowed("t.status IN {statuses:Array(String)}", statuses=list(plain))
    if plain and SUCCESS not in plain:
        found = found.narrowed(UNFINISHED)
    return replace(found, states=states, beside=plain)
