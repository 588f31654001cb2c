"""An installation's database, written to with plain SQL as Asynq-Hub writes to it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, LiteralString

import psycopg


class Hub:
    """Stands in for Asynq-Hub and its workers: their rows come into being and change.

    Times are the server's own, `ago` seconds back.
    """

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn

    def sql(self, statement: LiteralString, *values: object) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows, if it has any."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def register(
        self, worker: str, groups: Sequence[str] = ("main",), *, ago: float | None = None
    ) -> None:
        """A worker registers, with a heartbeat where `ago` tells its age."""
        queue_groups = [
            {"name": group, "concurrency": 4, "priorities": {"critical": 6, "default": 3}}
            for group in groups
        ]
        self.sql(
            "INSERT INTO worker (worker_name, queue_groups, last_heartbeat_at)"
            " VALUES (%s, %s, now() - make_interval(secs => %s))",
            worker,
            json.dumps(queue_groups),
            ago,
        )

    def beat(self, worker: str) -> None:
        """The worker sends a heartbeat."""
        self.sql(
            "UPDATE worker SET last_heartbeat_at = now(), updated_at = now()"
            " WHERE worker_name = %s",
            worker,
        )

    def enqueue(self, task_id: str, worker: str, *, payload: str = "{}", ago: float = 0) -> None:
        """Business code posts a task."""
        self.sql(
            "INSERT INTO task"
            " (task_id, worker_name, queue, priority, payload, status, created_at, updated_at)"
            " VALUES (%s, %s, %s, 2, %s, 'pending', now() - make_interval(secs => %s),"
            " now() - make_interval(secs => %s))",
            task_id,
            worker,
            f"{worker}:main:default",
            payload,
            ago,
            ago,
        )

    def begin(self, task_id: str, attempt: int = 1, *, ago: float = 0) -> None:
        """A worker starts an attempt: its running row comes, the task's row stays as it is."""
        self.sql(
            "INSERT INTO task_attempt (task_id, attempt, status, started_at)"
            " VALUES (%s, %s, 'running', now() - make_interval(secs => %s))",
            task_id,
            attempt,
            ago,
        )

    def report(
        self,
        task_id: str,
        status: str,
        attempt: int = 1,
        *,
        error: str | None = None,
        took: float = 1.5,
    ) -> None:
        """The worker reports the attempt's end: a second row of it, and the task's row changes."""
        self.sql(
            "INSERT INTO task_attempt (task_id, attempt, status, started_at, finished_at, error)"
            " SELECT task_id, attempt, %s, started_at, started_at + make_interval(secs => %s), %s"
            " FROM task_attempt WHERE task_id = %s AND attempt = %s AND status = 'running'"
            " ORDER BY started_at DESC LIMIT 1",  # a retry in place has its number again
            status,
            took,
            error,
            task_id,
            attempt,
        )
        self.sql(
            "UPDATE task SET status = %s, last_attempt = %s, updated_at = now() WHERE task_id = %s",
            status,
            attempt,
            task_id,
        )

    def workers(self) -> list[str]:
        """The names in the worker table."""
        return [name for (name,) in self.sql("SELECT worker_name FROM worker ORDER BY 1")]

    def sessions(self) -> list[str]:
        """The states of the dashboard's sessions on the server."""
        found = self.sql(
            "SELECT state FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'asynqhub-tui'"
        )
        return [str(state) for (state,) in found]
