"""What the dashboard sends to the terminal, in bytes.

It runs the installed program under a pseudo-terminal of 120 by 40 with 256 colours, as most SSH
sessions have it, on a PostgreSQL with some hundred tasks. Nothing here passes or fails.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.report import Table
from tests.e2e.hub import Hub
from tests.e2e.terminal import PROGRAM, Terminal
from tests.servers import PostgresServer

TASKS = 300
POLL = 2.0
IDLE_POLLS = 10

BUDGETS = {
    "first screen": 12_000,
    "idle, a second": 100,
    "three changed rows": 500,
    "cursor move": 600,
    "page down": 6_000,
    "dialog": 6_000,
}
"""Of design.md, in bytes."""


def fill(hub: Hub) -> None:
    """Write workers and tasks of all ages, a third of them failed; nothing of it is recent."""
    for worker in ("mailer", "images", "reports"):
        hub.register(worker, ago=86_400)
    hub.sql(
        "INSERT INTO task (task_id, worker_name, queue, priority, payload, status, last_attempt,"
        " created_at, updated_at)"
        " SELECT md5(n::text), w, w || ':main:default', 2, '{\"n\": 1}',"
        " (ARRAY['success', 'success', 'fail'])[n %% 3 + 1], 1, at, at"
        " FROM (SELECT n, (ARRAY['mailer', 'images', 'reports'])[n %% 2 + 1] AS w,"
        "  now() - make_interval(hours => 3, mins => n) AS at FROM generate_series(1, %s) AS n)",
        TASKS,
    )
    hub.sql(
        "INSERT INTO task_attempt (task_id, attempt, status, started_at, finished_at, error)"
        " SELECT task_id, 1, how, created_at,"
        "  CASE WHEN how <> 'running' THEN created_at + interval '1.2 s' END,"
        "  CASE WHEN how = 'fail' THEN 'connection refused: smtp://10.0.0.8:25' END"
        " FROM task CROSS JOIN LATERAL unnest(ARRAY['running', status]) AS how"
    )


@contextmanager
def dashboard(dsn: str, **variables: str) -> Iterator[Terminal]:
    """Open the dashboard on an installation."""
    with tempfile.TemporaryDirectory() as folder:
        environ = {
            "PATH": os.defpath,
            "HOME": folder,
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            "SSH_CONNECTION": "192.0.2.1 50000 192.0.2.2 22",
            "POSTGRES_DSN": dsn,
        }
        command = [PROGRAM, "--backend", "postgres"]
        with Terminal(command, environ | variables, Path(folder)) as terminal:
            yield terminal


def measure(hub: Hub, *, idle_polls: int = IDLE_POLLS) -> dict[str, int]:
    """Return the bytes of each operation."""
    found: dict[str, int] = {}

    def one(what: str, do: Callable[[], object], seconds: float = 1.0) -> None:
        """Count what comes after something was done, beside what comes anyway."""
        terminal.settle()
        before = len(terminal.raw)
        do()
        terminal.listen(seconds)
        found[what] = len(terminal.raw) - before

    with dashboard(hub.dsn) as terminal:
        terminal.wait_for("● live", "by creation, newest first", "24h")
        terminal.settle()
        found["first screen"] = len(terminal.raw)
        # Later than the slow feeds have answered for the first time.
        terminal.listen(2 * POLL)
        idle = idle_polls * POLL
        found["idle, a second"] = round(terminal.listen(idle) / idle)
        one("cursor move", lambda: terminal.press("j"))
        terminal.press("pagedown", "pagedown")  # from the last row on it scrolls
        one("page down", lambda: terminal.press("pagedown"))
        terminal.press("g")
        change = (
            "UPDATE task SET status = 'fail', updated_at = now() WHERE task_id IN"
            " (SELECT task_id FROM task ORDER BY created_at DESC OFFSET 5 LIMIT 3)"
        )
        one("three changed rows", lambda: hub.sql(change), 2.5 * POLL)
        terminal.press("3")
        terminal.wait_for("tasks of the last hour")
        terminal.listen(POLL)
        one("dialog", lambda: terminal.press("D"), POLL)
    return found


async def run(size: str) -> list[Table]:
    """Return the bytes of each operation beside its budget; the `size` makes no difference."""
    return [await asyncio.to_thread(_table)]


def _table() -> Table:
    with PostgresServer() as server:
        hub = Hub(server.create_database())
        fill(hub)
        found = measure(hub)
    return Table(
        "Bytes to the terminal, 120x40, 256 colours",
        ("what", "bytes", "budget"),
        [(what, f"{found[what]:,}", f"{budget:,}") for what, budget in BUDGETS.items()],
    )
