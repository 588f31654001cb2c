"""Buffers of PostgreSQL that each call of each screen touches, beside the hub's own way to ask."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from unittest.mock import patch

import psycopg
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr

from asynqhub_tui.backends.postgres import PostgresHub, connection
from asynqhub_tui.backends.postgres.connection import Database
from asynqhub_tui.backends.postgres.conninfo import parse
from tests.benchmarks.generate import CHURNED, busy, churn, fill
from tests.benchmarks.hub_queries import Statement
from tests.benchmarks.meter import FLUSH, Measured, Meter
from tests.benchmarks.report import Table
from tests.benchmarks.screens import Question, questions
from tests.servers import PostgresServer

TASKS = {"small": 100_000, "large": 10_000_000}

_SCAN_SECONDS = 120.0
_CATALOGS = 1.01  # what else a statement reads, of a scan

_SHARED_BUFFERS = "128MB"  # PostgreSQL's default, which the hub's compose file leaves as it is


async def run(size: str) -> list[Table]:
    """Fill an installation, measure, update its newest tasks again and again, and measure anew."""
    tasks = TASKS[size]
    with PostgresServer() as server:
        _resize(server)
        dsn = server.create_database()
        started = time.monotonic()
        fill(dsn, tasks)
        _say(f"{tasks:,} tasks written in {time.monotonic() - started:.0f} s")
        with _sessions(server, dsn) as sessions:
            try:
                return [await sessions.table(tasks)]
            finally:
                await sessions.close()


class _Sessions:
    """The sessions that are measured: our backend's, and one as the hub opens it."""

    def __init__(self, meter: Meter, dsn: str, plain: psycopg.Connection) -> None:
        self._meter = meter
        self._dsn = dsn
        self._plain = plain
        self._database = Database(parse(SecretStr(dsn)), read_only=True)

    async def close(self) -> None:
        await self._database.close()

    async def table(self, tasks: int) -> Table:
        await self._database.open()
        hub = PostgresHub(self._database)
        scan = await self._check()
        asked = await questions(
            hub.tasks,
            hub.workers,
            lambda: busy(self._dsn),
            lambda: PostgresHub(self._database).tasks,
        )
        fresh = await self._measure_all(asked, warm_up=True)
        churn(self._dsn)
        churned = await self._measure_all(asked, warm_up=False)
        rows = [
            (one.what, _budget(one), *_cells(one, *before), *_cells(one, *after))
            for one, before, after in zip(asked, fresh, churned, strict=True)
        ]
        return Table(
            f"PostgreSQL: buffers of each call, {tasks:,} tasks",
            _COLUMNS,
            rows,
            [
                "Buffers of 8 KiB, found in memory or read, planning included: the most that one",
                "of several calls took. ms: their median, as our process sees it. churned: after",
                f"four updates of each of the newest {CHURNED:,} tasks, without vacuum.",
                "hub: the statements of Asynq-Hub and its web UI for the same (pages of 20 with a",
                "full count, figures of all time worker by worker). Without a budget: on a slower",
                "clock, with its age beside it.",
                f"Check: a scan of the table task counted {scan:,} buffers, and it has as many (or"
                " up to 1 % less: the statement reads catalogs, too).",
            ],
        )

    async def _measure_all(
        self, asked: Sequence[Question], *, warm_up: bool
    ) -> list[tuple[Measured, Measured | None]]:
        results = []
        of_hub: dict[str, Measured] = {}  # several questions share one answer, which takes minutes
        for one in asked:
            ours = await self._meter.measure(
                one.ask, self._flush, prepare=one.prepare, warm_up=warm_up
            )
            key = repr(one.hub)
            if one.hub and key not in of_hub:
                of_hub[key] = await self._measure_hub(one.hub, warm_up=warm_up)
            theirs = of_hub.get(key)
            _say(f"{one.what}: {ours.buffers:,} {ours.refusal}")
            results.append((ours, theirs))
        return results

    async def _measure_hub(self, statements: Sequence[Statement], *, warm_up: bool) -> Measured:
        async def ask() -> None:
            for statement, params in statements:
                self._plain.execute(statement, params).fetchall()

        return await self._meter.measure(ask, self._flush, warm_up=warm_up)

    async def _flush(self) -> None:
        await self._database.fetch(FLUSH)
        self._plain.execute(FLUSH)

    async def _check(self) -> int:
        """Measure what is known: reading a table from end to end touches each of its blocks."""

        async def scan() -> None:
            await self._database.fetch("SELECT count(payload) FROM task", seconds=_SCAN_SECONDS)

        [(blocks,)] = await self._database.fetch(
            "SELECT pg_relation_size('task') / current_setting('block_size')::integer"
        )
        measured = await self._meter.measure(scan, self._flush, warm_up=True)
        if not blocks <= measured.buffers <= blocks * _CATALOGS:
            raise RuntimeError(
                f"A scan of {blocks:,} blocks was counted as {measured.buffers:,}: "
                "something else is at work in this database."
            )
        return measured.buffers


_COLUMNS = (
    "what",
    "budget",
    "buffers",
    "ms",
    "hub",
    "hub ms",
    "ratio",
    "within",
    "churned",
    "ms",
    "hub",
    "hub ms",
    "ratio",
    "within",
)


def _cells(question: Question, ours: Measured, theirs: Measured | None) -> list[str]:
    within = ""
    if question.budget is not None:
        within = "yes" if ours.buffers <= question.budget and not ours.refusal else "NO"
    ms = "timeout" if ours.refusal else f"{ours.ms:,.1f}"
    if theirs is None:
        return [f"{ours.buffers:,}", ms, "", "", "", within]
    ratio = theirs.buffers / max(ours.buffers, 1)
    shown = f"{ratio:,.0f}x" if ratio >= 10 else f"{ratio:.1f}x"
    return [f"{ours.buffers:,}", ms, f"{theirs.buffers:,}", f"{theirs.ms:,.1f}", shown, within]


def _budget(question: Question) -> str:
    return "" if question.budget is None else f"{question.budget:,}"


def _resize(server: PostgresServer) -> None:
    with psycopg.connect(server.socket_dsn("postgres"), autocommit=True) as admin:
        admin.execute(f"ALTER SYSTEM SET shared_buffers = '{_SHARED_BUFFERS}'".encode())
    server.restart()


@contextmanager
def _sessions(server: PostgresServer, dsn: str) -> Iterator[_Sessions]:
    name = str(conninfo_to_dict(dsn)["dbname"])
    with (
        # One connection: a pool of several would not tell which of them has yet to report.
        patch.object(connection, "_CONNECTIONS", 1),
        Meter(server.dsn("postgres"), name) as meter,
        psycopg.connect(dsn, autocommit=True) as plain,
    ):
        yield _Sessions(meter, dsn, plain)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
