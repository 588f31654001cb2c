"""How many buffers of PostgreSQL a call touches, exactly, and how long it takes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import psycopg

from asynqhub_tui.repository import HubError

Call = Callable[[], Awaitable[Any]]

FLUSH = "SELECT pg_stat_force_next_flush()"
"""What a measured session runs, so that it reports at once what it has done, not a second later."""

RUNS = 5
"""How often each call is made."""

LONG = 1.5
"""Seconds from which on a call is made only once."""


@dataclass(frozen=True, slots=True)
class Measured:
    """`buffers` is the most that one of the calls took, `ms` their median.

    `refusal` is what the store refused it with, if it did.
    """

    buffers: int
    ms: float
    refusal: str = ""


class Meter:
    """Reads the server's own counters of one database, from a session on another one.

    They hold all that the measured sessions touch, found in memory or not: planning, catalogs,
    indexes, tables, TOAST, parallel workers. The server must have nothing else to do.
    """

    def __init__(self, admin_dsn: str, database: str) -> None:
        self._database = database
        self._connection = psycopg.connect(admin_dsn, autocommit=True)

    def __enter__(self) -> Meter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()

    async def measure(
        self, call: Call, flush: Call, *, prepare: Call | None = None, warm_up: bool = False
    ) -> Measured:
        """Make the call several times, each time after `prepare`, which does not count.

        `flush` runs FLUSH in every session of the database that did something. `warm_up` makes the
        call once before, so that the session knows its catalogs, as after a screen's first paint.
        """
        buffers: list[int] = []
        seconds: list[float] = []
        refusal = ""
        for run in range(RUNS + warm_up):
            if prepare is not None:
                await prepare()
            await flush()
            before = self._count()
            started = time.perf_counter()
            try:
                await call()
            except HubError as error:
                refusal = error.what
            took = time.perf_counter() - started
            await flush()
            if run > 0 or not warm_up or took > LONG:
                seconds.append(took)
                buffers.append(self._count() - before)
            if took > LONG:
                break
        return Measured(max(buffers), 1000 * statistics.median(seconds), refusal)

    def _count(self) -> int:
        [(count,)] = self._connection.execute(
            "SELECT blks_hit + blks_read FROM pg_stat_database WHERE datname = %s",
            [self._database],
        ).fetchall()
        return int(count)
