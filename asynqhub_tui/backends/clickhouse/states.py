"""What tasks do now: a look at the newest attempt of each.

A task's own row stays `pending` while it runs. So every row that is neither a success nor a failure
is looked at, which are few; of the failed ones, which are many, only those with an attempt that
has begun and not ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from asynqhub_tui.backends.clickhouse.database import Database
from asynqhub_tui.backends.clickhouse.filters import TIME, UNFINISHED, Where
from asynqhub_tui.backends.clickhouse.rows import REF_COLUMNS, names
from asynqhub_tui.models import NO_TIMEOUT, OVERDUE_GRACE, WorkerConfig

ATTEMPTS_LOOKED_AT = 400_000
"""Rows of attempts, the newest ones, among which open attempts of failed tasks are looked for."""

_REACHES = (timedelta(days=30), timedelta(days=7), timedelta(days=1), timedelta(hours=6))

_LEAST_REACH = timedelta(hours=1)

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)

WAITING = "t.status NOT IN ('success', 'fail', 'dead')"
"""Rows without an outcome; the index of statuses finds them."""

_FAILED = "t.status IN ('fail', 'dead')"

_OPEN = f"""
    SELECT task_created_at, task_id FROM task_attempt FINAL
    WHERE started_at >= {{open_after:{TIME}}}
    GROUP BY task_created_at, task_id, started_at, attempt
    HAVING countIf(status != 'running') = 0"""

_STATE = f"""multiIf(
    status = 'success' OR since IS NULL, toString(status),
    assumeNotNull(since) + toIntervalSecond({int(OVERDUE_GRACE.total_seconds())} + transform(
        toString(worker_name), {{names:Array(String)}}, {{timeouts:Array(Int64)}},
        toInt64({int(NO_TIMEOUT.total_seconds())}))) < {{now:{TIME}}}, 'overdue',
    'running')"""

_COLUMNS = names((*REF_COLUMNS, "created_at"), "t")
"""All that is asked of a task whose state is looked for."""

_SINCE = """multiIf(
    newest.open, toNullable(newest.begun),
    t.status = 'running', toNullable(t.updated_at),
    NULL)"""
"""When the task `t` began to run, by its newest attempt; NULL where it does not."""


@dataclass(frozen=True, slots=True)
class Now:
    """What states are judged by: the time, the workers' timeouts, and how far back one looks.

    An attempt of a failed task that has been open since before `open_after` is not found.
    """

    at: datetime
    workers: Sequence[WorkerConfig]
    open_after: datetime

    @property
    def far_enough(self) -> bool:
        """Whether the look reaches back for a day: a failed task seldom hangs for longer."""
        return self.open_after <= self.at - timedelta(days=1)


async def read_now(database: Database, workers: Sequence[WorkerConfig]) -> Now:
    """Return what states are judged by now."""
    now = datetime.now(UTC)
    for open_after in (_LONG_AGO, *(now - reach for reach in _REACHES)):
        begun = f"t.started_at >= {{after:{TIME}}}"
        cost = await database.estimate("task_attempt", begun, {"after": open_after})
        if cost <= ATTEMPTS_LOOKED_AT:
            return Now(now, workers, open_after)
    return Now(now, workers, now - _LEAST_REACH)


def with_states(columns: str, found: Where) -> str:
    """Write a SELECT of `columns` of the tasks that pass, of which one may be `state`.

    It binds what `state_parameters` returns, and ends behind its WHERE.
    """
    rows = found.sql()
    passing = "state IN {states:Array(String)}"
    if found.beside:
        passing += " OR status IN {beside:Array(String)}"
        looked_at = [rows]
    else:
        looked_at = [
            f"{rows} AND {WAITING}",
            f"{rows} AND {_FAILED} AND (t.created_at, t.task_id) IN ({_OPEN})",
        ]
    # The folding is that of `folding.fold`: the outcome of an attempt is its last final row.
    return f"""
        SELECT {columns} FROM (
            SELECT t.*, {_SINCE} AS since, {_STATE} AS state
            FROM ({_union(_COLUMNS, looked_at)}) AS t
            LEFT JOIN (
                SELECT task_created_at, task_id,
                    argMax(outcome = 'running', (started_at, attempt)) AS open,
                    max(started_at) AS begun
                FROM (
                    SELECT task_created_at, task_id, started_at, attempt,
                        argMax(status, (status != 'running', version)) AS outcome
                    FROM task_attempt FINAL
                    WHERE (task_created_at, task_id) IN (
                        {_union("t.created_at, t.task_id", looked_at, UNFINISHED)})
                    GROUP BY task_created_at, task_id, started_at, attempt
                )
                GROUP BY task_created_at, task_id
            ) AS newest ON newest.task_created_at = t.created_at AND newest.task_id = t.task_id
        ) WHERE {passing}"""


def _union(columns: str, conditions: Sequence[str], also: str = "1") -> str:
    return " UNION ALL ".join(
        f"SELECT {columns} FROM task AS t FINAL WHERE {condition} AND {also}"
        for condition in conditions
    )


def state_parameters(found: Where, now: Now) -> dict[str, Any]:
    """Return what `with_states` binds."""
    return {
        **found.parameters,
        "states": list(found.states),
        "beside": list(found.beside),
        "now": now.at,
        "open_after": now.open_after,
        "names": [worker.worker_name for worker in now.workers],
        "timeouts": [int(worker.timeout.total_seconds()) for worker in now.workers],
    }
