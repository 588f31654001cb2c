"""Which tasks run now and which are overdue: what no column of the hub's tables says.

A task's own row stays `pending` while it runs. What tells is an attempt row `running` without a
final row beside it. Two bounded looks find them: at the newest attempts, and at the oldest
unfinished rows, whose attempts may have begun long ago.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from asynqhub_tui.backends.folding import AttemptRow, Latest, latest
from asynqhub_tui.backends.postgres.connection import Database
from asynqhub_tui.backends.postgres.rows import TASK_COLUMNS, TaskRow, newest_rows, task_rows
from asynqhub_tui.backends.postgres.statuses import attempt_statuses
from asynqhub_tui.models import NO_TIMEOUT, OVERDUE, OVERDUE_GRACE, RUNNING, WorkerConfig

STARTED = 4_000
"""Newest `running` rows to look at."""

OPEN = 400
"""Tasks to look up of those whose newest attempt has not ended."""

UNFINISHED = 300
"""Rows that are not finished to look at, of either status, and at the attempts of each."""

_LEAST_REACH, _FARTHEST_REACH = timedelta(hours=1), timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class OpenTasks:
    """The rows of tasks that run or are overdue, each with its state.

    `looked_to` is set where the look at attempts met its bound: those that started earlier were
    not looked at. `all_running` and `all_waiting` are False where the look at rows with status
    running, or pending for long, met its own, so that some may be missing.
    """

    rows: Sequence[tuple[TaskRow, str]]
    looked_to: datetime | None
    all_running: bool
    all_waiting: bool

    def complete(self, state: str) -> bool:
        """Whether these are all tasks in this state."""
        rows = self.all_running and (self.all_waiting or state == RUNNING)
        return rows and self.looked_to is None


async def open_tasks(database: Database, workers: Sequence[WorkerConfig]) -> OpenTasks:
    """Find the tasks that run or are overdue now.

    Looks at the newest 4,000 `running` attempt rows, and at the newest 400 tasks among them whose
    newest attempt has no final row; at 300 rows with status running, the newest first; and at 300
    rows with status pending that were last updated before the shortest timeout, the oldest first.
    That is all there is if it reaches back for an hour, or for the longest timeout up to a day: an
    attempt of a failed task that has been open for longer than that is not searched for.
    """
    [(now,)] = await database.fetch("SELECT clock_timestamp()")
    timeouts = {worker.worker_name: worker.timeout for worker in workers}
    longest = max(timeouts.values(), default=NO_TIMEOUT) + OVERDUE_GRACE
    shortest = min(timeouts.values(), default=NO_TIMEOUT)
    reach = min(max(longest, _LEAST_REACH), _FARTHEST_REACH)
    found, looked_to = await _by_attempts(database)
    unfinished = await _by_rows(database, now - shortest)
    running = sum(row.status == RUNNING for row in unfinished)
    others = {row.id: row for row in unfinished if row.id not in found}
    attempts = await newest_rows(database, [row.task_id for row in others.values()])
    found |= {row.id: (row, latest(attempts.get(row.task_id, ()))) for row in others.values()}
    states = []
    for row, newest in found.values():
        timeout = timeouts.get(row.worker_name, NO_TIMEOUT)
        state = row.task(newest).state(now, timeout)
        if state in (RUNNING, OVERDUE):
            states.append((row, state))
    far_enough = looked_to is None or looked_to <= now - reach
    return OpenTasks(
        states,
        looked_to=None if far_enough else looked_to,
        all_running=running <= UNFINISHED,
        all_waiting=len(unfinished) - running <= UNFINISHED,
    )


async def _by_attempts(
    database: Database,
) -> tuple[dict[int, tuple[TaskRow, Latest]], datetime | None]:
    [(looked, oldest)] = await database.fetch(_STARTED, {"bound": STARTED + 1})
    if not looked:
        return {}, None
    statuses = await attempt_statuses(database)
    params = {"statuses": statuses, "low": oldest, "bound": OPEN + 1}
    rows = await database.fetch(_OPEN, params)
    [count, oldest_open, *_] = rows[0]
    looked_to = oldest if looked > STARTED else None
    if count > OPEN:
        looked_to = oldest_open
    found = {}
    for _, _, attempt, started_at, *columns in rows:
        if attempt is not None:
            row = TaskRow._make(columns)
            open_row = AttemptRow(row.task_id, attempt, RUNNING, started_at)
            found[row.id] = (row, latest([open_row]))
    return found, looked_to


async def _by_rows(database: Database, until: datetime) -> list[TaskRow]:
    params = {"until": until, "bound": UNFINISHED + 1}
    return task_rows(await database.fetch(_UNFINISHED, params))


_STARTED = """
SELECT count(*), min(a.started_at)
FROM (
    SELECT a.started_at FROM task_attempt AS a WHERE a.status = 'running'
    ORDER BY a.started_at DESC LIMIT %(bound)s
) AS a
"""

# All of them come out of the same stretch of the table, which is written in order of time. Of an
# attempt's rows the final one comes first.
_OPEN = f"""
WITH newest AS MATERIALIZED (
    SELECT DISTINCT ON (a.task_id)
        a.task_id, a.attempt, a.started_at, a.status = 'running' AS is_open
    FROM task_attempt AS a
    WHERE a.status = ANY(%(statuses)s::text[]) AND a.started_at >= %(low)s::timestamptz
    ORDER BY a.task_id, a.started_at DESC, a.attempt DESC, a.status = 'running'
), open AS MATERIALIZED (
    SELECT task_id, attempt, started_at FROM newest WHERE is_open
    ORDER BY started_at DESC LIMIT %(bound)s
), total AS (
    SELECT count(*) AS found, min(started_at) AS oldest FROM open
), unfinished AS (
    SELECT open.attempt, open.started_at, {TASK_COLUMNS}
    FROM open CROSS JOIN LATERAL (
        SELECT * FROM task AS x WHERE x.task_id = open.task_id LIMIT 1
    ) AS t
    WHERE t.status <> 'success'
)
SELECT total.found, total.oldest, t.attempt, t.started_at, {TASK_COLUMNS}
FROM total LEFT JOIN unfinished AS t ON true
"""

_UNFINISHED = f"""
(SELECT {TASK_COLUMNS} FROM task AS t WHERE t.status = 'running'
 ORDER BY t.updated_at DESC LIMIT %(bound)s)
UNION ALL
(SELECT {TASK_COLUMNS} FROM task AS t
 WHERE t.status = 'pending' AND t.updated_at <= %(until)s::timestamptz
 ORDER BY t.updated_at LIMIT %(bound)s)
"""
