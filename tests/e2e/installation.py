"""An installation with its queue, and the program that is run on it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg
from redis import Redis

from asynqhub_tui.asynq import keys
from asynqhub_tui.models import DEAD, SUCCESS
from asynqhub_tui.queue import ARCHIVED
from tests import forked
from tests.contract.builders import QUEUE, THEN, make_task, make_worker
from tests.contract.engines import Postgres
from tests.queue.rows import Rows

Ended = subprocess.CompletedProcess[str]


class Installation:
    """PostgreSQL with `worker-1`, `worker-2`, which is disabled, `worker-3`, and an empty Redis.

    The row of `worker-3` names another Redis. `environ` is the whole environment of the program,
    `state` its state folder.
    """

    def __init__(
        self, dsn: str, address: str, redis: Redis, environ: Mapping[str, str], folder: Path
    ) -> None:
        self.state = folder / "state"
        self.environ = {
            **environ,
            "POSTGRES_DSN": dsn,
            "REDIS_ADDR": address,
            "ASYNQHUB_TUI_STATE": str(self.state),
        }
        self.folder = folder
        self.redis = redis
        self._rows = Rows(redis)
        self._engine = Postgres(dsn)
        elsewhere = make_worker("worker-3", redis_addr="redis://:hunter2@10.0.0.5:6379/0")
        self._engine.load([make_worker(), make_worker("worker-2", is_enabled=False), elsewhere])

    def archived(self, *task_ids: str, state: str = ARCHIVED, **fields: Any) -> None:
        """Let tasks have failed; asynq still holds them."""
        self.exhausted(*task_ids, **fields)
        for task_id in task_ids:
            self._rows.put(task_id, state, queue=QUEUE, asynq_id=f"asynq-{task_id}")

    def exhausted(self, *task_ids: str, **fields: Any) -> None:
        """Let tasks have failed for good; asynq no longer has them."""
        values = {"status": DEAD, "last_attempt": 4, "updated_at": THEN, **fields}
        self._engine.load(tasks=[make_task(task_id, **values) for task_id in task_ids])

    def succeeded(self, *task_ids: str, **fields: Any) -> None:
        """Let tasks have succeeded."""
        self.exhausted(*task_ids, status=SUCCESS, last_attempt=1, **fields)

    def run(self, *argv: str, given: str = "", **variables: str) -> Ended:
        """Run the program to its end, without a terminal; `given` is its standard input."""
        return forked.run(
            *("asynqhub_tui", *argv),
            folder=self.folder,
            environ=self.environ | variables,
            given=given,
        )

    def json(self, *argv: str, code: int = 0, **options: str) -> Any:
        """Run the program with --json, demand its exit code, and return what it has written."""
        done = self.run(*argv, "--json", **options)
        assert done.returncode == code, done.stderr
        return json.loads(done.stdout)

    def statuses(self) -> dict[str, str]:
        """Return the status of each row."""
        with psycopg.connect(self._engine.dsn) as connection:
            return dict(connection.execute("SELECT task_id, status FROM task").fetchall())

    def pending(self) -> int:
        """Return how many tasks wait in the queue."""
        count: Any = self.redis.llen(keys.collection(QUEUE, "pending"))
        return int(count)

    def files(self) -> set[str]:
        """Return the names of all files in the state folder."""
        return {path.name for path in self.state.rglob("*") if path.is_file()}
