"""The statements that Asynq-Hub sends for what our screens show, to compare with.

Its web UI polls whole pages, each with a full count, and asks worker by worker for figures of all
time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg import sql

from asynqhub_tui.repository import TaskFilter

PAGE_ROWS = 20
"""Rows of a page of its web UI."""

Statement = tuple[sql.SQL | sql.Composed, dict[str, Any]]


def page(filter: TaskFilter, number: int = 0) -> Sequence[Statement]:
    """Page `number` of its task list, and the count beside it; empty for filters it has not."""
    where, params = _where(filter)
    if where is None:
        return ()
    rows = sql.SQL("SELECT * FROM task {} ORDER BY created_at DESC LIMIT {} OFFSET {}").format(
        where, PAGE_ROWS, number * PAGE_ROWS
    )
    return [(rows, params), *count(filter)]


def count(filter: TaskFilter) -> Sequence[Statement]:
    """Its count of tasks."""
    where, params = _where(filter)
    if where is None:
        return ()
    return [(sql.SQL("SELECT count(*) FROM task {}").format(where), params)]


def task(task_id: str) -> Sequence[Statement]:
    """A task and its attempts."""
    params = {"task_id": task_id}
    return [
        (sql.SQL("SELECT * FROM task WHERE task_id = %(task_id)s LIMIT 1"), params),
        (
            sql.SQL(
                "SELECT * FROM task_attempt WHERE task_id = %(task_id)s "
                "ORDER BY started_at DESC LIMIT 50"
            ),
            params,
        ),
    ]


def workers() -> Sequence[Statement]:
    """All workers."""
    return [(sql.SQL("SELECT * FROM worker ORDER BY worker_name"), {})]


def statistics(worker_name: str) -> Sequence[Statement]:
    """One worker's figures: three statements over all of its tasks and attempts."""
    params = {"worker": worker_name}
    return [(sql.SQL(text), params) for text in (_TOTALS, _DURATION, _QUEUES)]


def series(worker_name: str, hours: int) -> Statement:
    """One worker's attempts by the hour."""
    return sql.SQL(_SERIES), {"worker": worker_name, "hours": hours}


def _where(filter: TaskFilter) -> tuple[sql.SQL | sql.Composed | None, dict[str, Any]]:
    # One value of each, compared as a whole; a queue group, an id or a time it cannot ask for.
    known = len(filter.statuses) <= 1 and not filter.task_id and filter.since is None
    group = filter.queue is not None and ":" not in filter.queue
    if not known or group or set(filter.statuses) & {"running", "overdue"}:
        return None, {}
    params: dict[str, Any] = {}
    if filter.worker_name is not None:
        params["worker_name"] = filter.worker_name
    if filter.statuses:
        params["status"] = filter.statuses[0]
    if filter.queue is not None:
        params["queue"] = filter.queue
    if not params:
        return sql.SQL(""), {}
    tests = [sql.SQL("{} = {}").format(sql.Identifier(k), sql.Placeholder(k)) for k in params]
    return sql.SQL("WHERE ") + sql.SQL(" AND ").join(tests), params


_TOTALS = """
SELECT count(*), count(*) FILTER (WHERE status = 'success'),
    count(*) FILTER (WHERE status = 'fail'), count(*) FILTER (WHERE status = 'pending'),
    count(*) FILTER (WHERE status = 'running')
FROM task WHERE worker_name = %(worker)s
"""

_DURATION = """
SELECT avg(a.duration_ms) FROM task_attempt AS a JOIN task AS t ON t.task_id = a.task_id
WHERE t.worker_name = %(worker)s AND a.status = 'success' AND a.duration_ms IS NOT NULL
"""

_QUEUES = "SELECT queue, count(*) FROM task WHERE worker_name = %(worker)s GROUP BY queue"

_SERIES = """
SELECT to_char(date_trunc('hour', a.started_at), 'YYYY-MM-DD HH24:00') AS hour, count(*),
    count(*) FILTER (WHERE a.status = 'success'),
    count(*) FILTER (WHERE a.status IN ('fail', 'dead')),
    avg(a.duration_ms) FILTER (WHERE a.status = 'success' AND a.duration_ms IS NOT NULL)
FROM task_attempt AS a JOIN task AS t ON t.task_id = a.task_id
WHERE t.worker_name = %(worker)s
  AND a.started_at >= now() - make_interval(hours => %(hours)s)
GROUP BY 1 ORDER BY 1
"""
