"""A sample installation as of a moment, looked at row by row and moved by hand."""

from __future__ import annotations

import json
import re
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from random import Random
from typing import Any, Self

from asynqhub_tui.demo.fleet import FLEET
from asynqhub_tui.demo.history import build
from asynqhub_tui.demo.traffic import Traffic
from asynqhub_tui.models import DEAD, FAIL, PENDING, RUNNING, SUCCESS

NOW = datetime(2026, 11, 23, 14, 2, 11, 829, tzinfo=UTC)

SMALL = 1_500


@dataclass
class Sample:
    """A sample installation as of `now`, to be looked at row by row and moved by hand."""

    path: Path
    now: datetime
    traffic: Traffic

    @classmethod
    def make(cls, path: Path, now: datetime, tasks: int = SMALL) -> Self:
        """Make one in the file `path`, of so many tasks."""
        present = build(path, now=now, seed=1, tasks=tasks)
        return cls(path, now, Traffic(path, now, present, Random(2)))

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        with sqlite3.connect(self.path) as connection:
            found = connection.execute(sql, values).fetchall()
        connection.close()
        return found

    def number(self, sql: str, *values: Any) -> int:
        ((value,),) = self.rows(sql, *values)
        return int(value)

    def pass_time(self, length: timedelta, step: timedelta = timedelta(seconds=1)) -> None:
        end = self.now + length
        while self.now < end:
            self.now = min(self.now + step, end)
            self.traffic.step(self.now)

    def open_attempts(self, after: int = 0) -> set[str]:
        """The tasks with an attempt that has not ended, of the attempt rows after `after`."""
        rows = self.rows(
            "SELECT task_id, attempt, started_at, status FROM task_attempt WHERE id > ?", after
        )
        runs = {row[:3] for row in rows if row[3] == RUNNING}
        return {task for task, *_ in runs - {row[:3] for row in rows if row[3] != RUNNING}}


def check_rows(sample: Sample) -> None:
    """Assert that all rows have the shapes that Asynq-Hub leaves."""
    assert sample.rows("PRAGMA foreign_key_check") == []
    queues = {queue for member in FLEET for queue in member.config.queues()}
    attempts = {
        task_id: list(rows)
        for task_id, rows in groupby(
            sample.rows(
                """SELECT task_id, attempt, started_at, status, finished_at, error, duration_ms,
                worker_name, asynq_task_id, trace_id, span_id FROM task_attempt
                ORDER BY task_id, id"""
            ),
            key=lambda row: row[0],
        )
    }
    for task_id, worker, queue, status, last_attempt, last_error, updated, payload in sample.rows(
        """SELECT task_id, worker_name, queue, status, last_attempt, last_error, updated_at, payload
        FROM task"""
    ):
        assert re.fullmatch("[0-9a-f]{32}", task_id)
        assert queue in queues
        assert queue.startswith(f"{worker}:")
        json.loads(payload)
        said = PENDING, 0
        before: tuple[Any, ...] | None = None
        for row in attempts.get(task_id, ()):
            _, attempt, started, outcome, finished, error, *left_out = row
            assert left_out == [None] * 5
            if outcome == RUNNING:
                assert (finished, error) == (None, None)
                assert before is None or started > before[2]
            else:
                assert before is not None
                assert (attempt, started) == (before[1], before[2])
                assert started <= finished <= updated
                assert (error is None) == (outcome == SUCCESS)
                said = outcome, attempt
            before = row
        if status == DEAD:
            assert last_error
            assert said[0] == FAIL
        else:
            assert (status, last_attempt) == said
