"""From a TaskFilter to SQL: fixed fragments, and every value bound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from asynqhub_tui.backends.sqlite.rows import micros, span
from asynqhub_tui.models import (
    NO_TIMEOUT,
    OVERDUE,
    OVERDUE_GRACE,
    RUNNING,
    SUCCESS,
    WorkerConfig,
)
from asynqhub_tui.repository import TaskFilter

UNFINISHED = "t.status <> 'success'"
"""Literal, so that SQLite sees that the indexes of unfinished tasks serve."""

_OPEN_SINCE = """coalesce(
    (SELECT CASE WHEN a.status = 'running' THEN a.started_at END
     FROM task_attempt a WHERE a.task_id = t.task_id
     ORDER BY a.started_at DESC, a.attempt DESC, a.status = 'running' LIMIT 1),
    CASE WHEN t.status = 'running' THEN t.updated_at END)"""
"""When the unfinished task `t` began to run; NULL where it does not."""

STATE = f"""(SELECT CASE
    WHEN since IS NULL THEN t.status
    WHEN since + :grace + CASE WHEN timeout > 0 THEN timeout * 1000000 ELSE :no_timeout END < :now
    THEN 'overdue' ELSE 'running' END
  FROM (SELECT {_OPEN_SINCE} AS since,
    (SELECT w.default_timeout FROM worker w WHERE w.worker_name = t.worker_name) AS timeout))"""
"""The state of the unfinished task `t`, as Task.state has it; binds what `clock` returns."""


def clock(now: datetime) -> dict[str, int]:
    """Return the parameters of STATE."""
    return {"now": micros(now), "grace": span(OVERDUE_GRACE), "no_timeout": span(NO_TIMEOUT)}


@dataclass(slots=True)
class Where:
    """A condition on the task `t`.

    `rows` holds what the row itself tells. `state`, where it is set, is asked of the rows that
    pass, and costs a look-up each.
    """

    rows: list[str] = field(default_factory=list)
    state: str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)

    def sql(self, *, state: bool = True) -> str:
        """Write it as one condition, or only what the rows tell."""
        parts = [*self.rows, self.state] if state and self.state is not None else self.rows
        return " AND ".join(parts) or "1"

    def narrowed(self, row: str, **parameters: object) -> Where:
        """Return the condition that this and `row` hold; `row` binds `parameters`."""
        return replace(self, rows=[*self.rows, row], parameters=self.parameters | parameters)

    def any_of(self, column: str, name: str, values: Sequence[str]) -> str:
        """Write that `column` is one of `values`, which are bound under `name` and a number."""
        bound = {f"{name}{number}": value for number, value in enumerate(values)}
        self.parameters |= bound
        if len(bound) == 1:  # an equality keeps the order of an index, a list does not
            return f"{column} = :{name}0"
        return f"{column} IN ({', '.join(f':{key}' for key in bound)})"


def where(filter: TaskFilter, workers: Sequence[WorkerConfig], now: datetime) -> Where:
    """Return the condition that `filter` stands for; `workers` tell what a queue group holds."""
    found = Where()
    if filter.worker_name:
        found.rows.append("t.worker_name = :worker")
        found.parameters["worker"] = filter.worker_name
    if filter.queue:
        found.rows.append(found.any_of("t.queue", "queue", _queues(filter, workers)))
    if filter.task_id:
        # A range instead of LIKE: the index serves it, and nothing needs escaping.
        found.rows.append("t.task_id >= :prefix AND t.task_id < :prefix_end")
        found.parameters["prefix"] = filter.task_id
        found.parameters["prefix_end"] = filter.task_id + "\U0010ffff"
    if filter.since is not None:
        found.rows.append("t.created_at >= :since")
        found.parameters["since"] = micros(filter.since)
    if filter.statuses:
        _add_statuses(found, filter.statuses, now)
    return found


def _queues(filter: TaskFilter, workers: Sequence[WorkerConfig]) -> list[str]:
    queue = filter.queue or ""
    if ":" in queue:
        return [queue]
    asked = [one for one in workers if filter.worker_name in (None, "", one.worker_name)]
    return [name for one in asked for name in one.queues(queue)] or [queue]


def _add_statuses(found: Where, statuses: Sequence[str], now: datetime) -> None:
    plain = [status for status in statuses if status not in (RUNNING, OVERDUE)]
    states = [status for status in statuses if status in (RUNNING, OVERDUE)]
    if not states:
        found.rows.append(found.any_of("t.status", "status", plain))
        return
    found.parameters |= clock(now)
    found.state = found.any_of(STATE, "state", states)
    if plain:
        by_row = found.any_of("t.status", "status", plain)
        found.state = f"({by_row} OR {UNFINISHED} AND {found.state})"
    if SUCCESS not in plain:
        found.rows.append(UNFINISHED)
