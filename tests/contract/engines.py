"""The engines that the contract is tested on, each a real one.

A further backend joins with one entry in ENGINES: how to make a fresh installation of it, and how
to put many rows into it at once.
"""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import UTC, datetime
from typing import Any, ClassVar, Self

import psycopg
import pytest
from clickhouse_connect.driver.client import Client
from psycopg import sql
from psycopg.types.json import Jsonb
from pydantic import SecretStr

from asynqhub_tui.backends import Target
from asynqhub_tui.backends.clickhouse import rows as clickhouse_rows
from asynqhub_tui.backends.clickhouse.schema import TABLES, statements
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
from tests.clickhouse import ClickHouseServer


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
        with request.getfixturevalue("postgres_server").installation() as dsn:
            yield cls(dsn)

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


class ClickHouse(Engine):
    backend = "clickhouse"

    def __init__(self, dsn: str, client: Client) -> None:
        super().__init__(dsn)
        self.client = client
        """The driver's own, to look behind the scenes."""

    def load(
        self,
        workers: Iterable[WorkerConfig] = (),
        tasks: Iterable[Task] = (),
        attempts: Iterable[Attempt] = (),
    ) -> None:
        now = datetime.now(UTC)
        rows = list(attempts)
        client = self.client
        insert_rows(
            client,
            "worker",
            (*clickhouse_rows.WORKER_COLUMNS, "version"),
            [[*clickhouse_rows.worker_values(one, now), 1] for one in workers],
        )
        insert_rows(
            client,
            "task",
            (*clickhouse_rows.TASK_COLUMNS, "version"),
            [
                [*clickhouse_rows.task_values(one), clickhouse_rows.micros(one.updated_at)]
                for one in tasks
            ],
        )
        owners = client.query(
            "SELECT task_id, created_at, worker_name, queue FROM task FINAL"
            " WHERE task_id IN {ids:Array(String)}",
            parameters={"ids": [row.task_id for row in rows]},
        ).result_rows
        of_task = {task_id: owner for task_id, *owner in owners}
        insert_rows(
            client,
            "task_attempt",
            (*clickhouse_rows.ATTEMPT_COLUMNS, *clickhouse_rows.OWNER_COLUMNS, "version"),
            [
                [*clickhouse_rows.attempt_values(row), *of_task[row.task_id], number]
                for number, row in enumerate(rows)
            ],
        )


def insert_rows(
    client: Client, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> None:
    """Write rows of a ClickHouse table past the repository."""
    if rows:
        kinds = [TABLES[table].columns[column] for column in columns]
        client.insert(table, rows, column_names=columns, column_type_names=kinds)


class Chdb(ClickHouse):
    @classmethod
    @contextmanager
    def fresh(cls, request: pytest.FixtureRequest) -> Iterator[Engine]:
        with request.getfixturevalue("chdb_store").installation() as (dsn, client):
            yield cls(dsn, client)


class ClickHouseHttp(ClickHouse):
    @classmethod
    @contextmanager
    def fresh(cls, request: pytest.FixtureRequest) -> Iterator[Engine]:
        server = request.getfixturevalue("clickhouse_server")
        with server.installation() as (dsn, client):
            yield cls(dsn, client)

    @classmethod
    @contextmanager
    def alone(cls, server: ClickHouseServer) -> Iterator[Self]:
        """Make an installation that nobody uses later, for tests that change its tables."""
        dsn = server.create_database()
        with server.client_of(dsn) as client:
            for statement in statements():
                client.command(statement)
            yield cls(dsn, client)
        server.drop_database(dsn)


def _row(task: Task) -> dict[str, Any]:
    return task.model_dump(exclude={"newest_attempt", "failed_attempt"})


SHARED = ("sqlite", "postgres")
"""The engines for tests in which several processes open one installation."""

ENGINES: dict[str, Callable[[pytest.FixtureRequest], AbstractContextManager[Engine]]] = {
    "sqlite": Sqlite.fresh,
    "postgres": Postgres.fresh,
    "chdb": Chdb.fresh,
    "clickhouse": ClickHouseHttp.fresh,
}
