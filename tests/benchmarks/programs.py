"""The programs that are measured: the dashboard, and what it is compared with.

They run as over SSH: 120 by 40 cells and 256 colours, which is what most sessions have.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.benchmarks.recorder import Recorder
from tests.e2e.hub import Hub
from tests.e2e.terminal import PROGRAM
from tests.servers import PostgresServer

TASKS = 300

CHANGES = 0.2
"""Seconds between two changes of rows in view."""

DASHBOARD = (PROGRAM, "--backend", "postgres")
DEMO = (PROGRAM,)
STOCK = (sys.executable, "-m", "tests.benchmarks.stock_app")
BARE = (sys.executable, "-m", "tests.benchmarks.bare_app")
"""Command lines. STOCK takes the seconds between two polls, and perhaps how many tasks it holds."""

_CHECKOUT = Path(__file__).parents[2]


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
def installation() -> Iterator[Hub]:
    """A PostgreSQL with some hundred tasks."""
    with PostgresServer() as server:
        hub = Hub(server.create_database())
        fill(hub)
        yield hub


@contextmanager
def changing(hub: Hub) -> Iterator[None]:
    """Let three of the first rows change again and again, as long as the block runs."""
    stopped = threading.Event()

    def change() -> None:
        with psycopg.connect(hub.dsn, autocommit=True) as connection:
            while not stopped.wait(CHANGES):
                connection.execute(_CHANGE)

    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


@contextmanager
def started(
    command: Sequence[str],
    variables: Mapping[str, str] | None = None,
    *,
    bytes_per_second: int | None = None,
) -> Iterator[Recorder]:
    """Start a program in a terminal that reads so many bytes a second, or all at once."""
    with tempfile.TemporaryDirectory() as folder:
        environ = {
            "PATH": os.defpath,
            "HOME": folder,
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            "SSH_CONNECTION": "192.0.2.1 50000 192.0.2.2 22",
            "PYTHONPATH": str(_CHECKOUT),
            **(variables or {}),
        }
        place = Path(folder)
        with Recorder(command, environ, place, bytes_per_second=bytes_per_second) as terminal:
            yield terminal


_CHANGE = """
UPDATE task SET updated_at = now(),
    status = (ARRAY['success', 'fail', 'pending'])[1 + floor(3 * random())::integer]
WHERE task_id IN (
    SELECT task_id FROM (SELECT task_id FROM task ORDER BY created_at DESC LIMIT 30) AS newest
    ORDER BY random() LIMIT 3
)
"""
