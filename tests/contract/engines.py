"""The engines that the contract is tested on, each a real one.

A further backend joins with one entry in ENGINES: how to make a fresh installation of it, and how
to put many rows into it at once.
"""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import UTC, datetime
from typing import Any, ClassVar

import psycopg
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb
from pydantic import SecretStr

from asynqhub_tui.backends import Target
from asynqhub_tui.backends.sqlite import create
from asynqhub_tui.backends.sqlite.rows import (
    ATTEMPT_COLUMNS,
    TASK_COLUMNS,
    WORKER_COLUMNS,
    attempt_values,
    insert,
    task_values,
    worker_values,
)
from asynqhub_tui.models import Attempt, Task, WorkerConfig


class Engine(ABC):
    """A fresh installation on one engine."""

    backend: ClassVar[str]

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn

    def target(self, *, read_only: bool = False) -> Target:
        """Return what opens it."""
        return Target(self.backend, SecretStr(self.dsn), read_only)

    @abstractmethod
    def load(
        self,
        workers: Iterable[WorkerConfig] = (),
        tasks: Iterable[Task] = (),
        attempts: Iterable[Attempt] = (),
    ) -> None:
        """Write rows as they stand, in this order, past the repository: for tests with many."""


class Sqlite(Engine):
    backend = "sqlite"

    @classmethod
    @contextmanager
    def fresh(cls, request: pytest.FixtureRequest) -> Iterator[Engine]:
        path = request.getfixturevalue("tmp_path") / "hub.db"
        create(path)
        yield cls(str(path))

    def load(
        self,
        workers: Iterable[WorkerConfig] = (),
        tasks: Iterable[Task] = (),
        attempts: Iterable[Attempt] = (),
    ) -> None:
        now = datetime.now(UTC)
        with closing(sqlite3.connect(self.dsn)) as connection, connection:
            for table, columns, rows in (
                ("worker", WORKER_COLUMNS, [worker_values(worker, now) for worker in workers]),
                ("task", TASK_COLUMNS, [task_values(task) for task in tasks]),
                ("task_attempt", ATTEMPT_COLUMNS, [attempt_values(row) for row in attempts]),
            ):
                connection.executemany(insert(table, columns), rows)


class Postgres(Engine):
    backend = "postgres"

    @classmethod
    @contextmanager
    def fresh(cls, request: pytest.FixtureRequest) -> Iterator[Engine]:
        server = request.getfixturevalue("postgres_server")
        dsn = server.create_database()
        yield cls(dsn)
        server.drop_database(dsn)

    def load(
        self,
        workers: Iterable[WorkerConfig] = (),
        tasks: Iterable[Task] = (),
        attempts: Iterable[Attempt] = (),
    ) -> None:
        now = datetime.now(UTC)
        stamps = {"created_at": now, "updated_at": now}
        with psycopg.connect(self.dsn) as connection:
            for table, models in (
                ("worker", [worker.model_dump() for worker in workers]),
                ("task", [_row(task) for task in tasks]),
                ("task_attempt", [row.model_dump() for row in attempts]),
            ):
                if not models:
                    continue
                columns = list(models[0])
                statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
                    sql.Identifier(table),
                    sql.SQL(", ").join(map(sql.Identifier, columns)),
                    sql.SQL(", ").join(sql.Placeholder() * len(columns)),
                )
                for row in models:
                    if "queue_groups" in row:
                        row |= {name: row[name] or at for name, at in stamps.items()}
                        row["queue_groups"] = Jsonb(row["queue_groups"])
                connection.cursor().executemany(statement, [list(row.values()) for row in models])


def _row(task: Task) -> dict[str, Any]:
    return task.model_dump(exclude={"newest_attempt", "failed_attempt"})


ENGINES: dict[str, Callable[[pytest.FixtureRequest], AbstractContextManager[Engine]]] = {
    "sqlite": Sqlite.fresh,
    "postgres": Postgres.fresh,
}
