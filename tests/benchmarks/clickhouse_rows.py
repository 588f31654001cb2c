"""What each method reads of ClickHouse, beside the same on a table ten times smaller."""

from __future__ import annotations

import hashlib
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from clickhouse_connect.driver.client import Client
from pydantic import SecretStr

from asynqhub_tui.backends import Target, open_hub
from asynqhub_tui.models import FAIL, SUCCESS, Attempt, QueueGroup, Task, Window, WorkerConfig
from asynqhub_tui.repository import Hub, HubError, TaskFilter
from tests.benchmarks.report import Table
from tests.chdb_store import ChdbStore

TASKS = {"small": 200_000, "large": 5_000_000}

TENTH = 10

ATTEMPT_ROWS = 2.4
"""Of each task, on average."""

_CALLS = 3

_WORKERS = 20

_PRIORITIES = {"critical": 6, "default": 3, "low": 1}

# Ids without order, thirty days, workers of unequal size, one task in fourteen failed.
_FILL_TASKS = f"""
INSERT INTO task (task_id, worker_name, queue, priority, status, last_attempt, created_at,
    updated_at, payload, version)
WITH number / {{tasks:UInt64}} AS age,
    leftPad(toString(1 + toUInt32(floor(pow(cityHash64(number) / pow(2, 64), 2) * {_WORKERS}))), 2,
        '0') AS worker,
    cityHash64(number, 'status') % 100 AS chance,
    now64(6, 'UTC') - toIntervalMicrosecond(toUInt64((1 - age) * 30 * 86400 * 1e6)) AS at
SELECT lower(hex(MD5(toString(number)))), concat('worker-', worker),
    concat('worker-', worker, ':', ['web', 'batch'][number % 2 + 1], ':',
        ['critical', 'default', 'low'][number % 3 + 1]),
    3 - number % 3,
    multiIf(age > 0.9999, 'pending', chance < 6, 'fail', chance < 7, 'dead', 'success'),
    if(cityHash64(number) % 5 = 0, 2, 1), at, at + toIntervalMillisecond(1500),
    concat('{{"url": "https://example.com/', toString(number), '", "n": ', toString(number), '}}'),
    toUnixTimestamp64Micro(at)
FROM numbers({{tasks:UInt64}})
"""

# Two rows an attempt; every fifth task has been tried twice.
_FILL_ATTEMPTS = """
INSERT INTO task_attempt (task_id, task_created_at, task_worker_name, task_queue, attempt, status,
    started_at, finished_at, error, version)
SELECT task_id, created_at, worker_name, queue, intDiv(step, 2) + 1 AS attempt,
    multiIf(step % 2 = 0, 'running', attempt < last_attempt, 'fail', status) AS said,
    created_at + toIntervalSecond(attempt) AS started,
    if(said = 'running', NULL, started + toIntervalMillisecond(200 + cityHash64(task_id) % 900)),
    if(said = 'fail', 'dial tcp 10.0.0.7:5432: connect: connection refused', ''),
    toUnixTimestamp64Micro(started) + step
FROM task ARRAY JOIN range(toUInt64(last_attempt) * 2) AS step WHERE status != 'pending'
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a call has taken: rows and bytes read, and milliseconds; the medians of a few calls."""

    rows: float
    size: float
    ms: float
    refusal: str = ""


async def run(size: str) -> list[Table]:
    """Fill two installations inside the engine, and ask both the same."""
    tasks = TASKS[size]
    with ChdbStore() as store:
        small = await _costs(store, tasks // TENTH)
        whole = await _costs(store, tasks)
    rows = [
        (what, *_cells(small[what]), *_cells(cost), _growth(small[what], cost))
        for what, cost in whole.items()
    ]
    return [
        Table(
            f"ClickHouse: rows read by each method, {tasks:,} tasks and"
            f" {int(tasks * ATTEMPT_ROWS):,} attempt rows",
            (
                "method",
                *(f"{what} of a tenth" for what in ("rows", "KiB", "ms")),
                "rows",
                "KiB",
                "ms",
                "rows, times",
            ),
            rows,
            [
                "Embedded engine, two threads a query. Rows and bytes are those selected from all",
                "tables, uncompressed (the engine's SelectedRows and SelectedBytes); medians of",
                f"{_CALLS} calls. A tenth: the same on a table with a tenth of the rows, over the",
                "same thirty days. Writes read what they look at again after the write.",
            ],
        )
    ]


async def _costs(store: ChdbStore, tasks: int) -> Mapping[str, Cost]:
    with store.installation() as (dsn, client):
        started = time.monotonic()
        async with await open_hub(Target("clickhouse", SecretStr(dsn))) as hub:
            for number in range(1, _WORKERS + 1):
                await hub.workers.upsert(_worker(number))
            client.command(_FILL_TASKS, parameters={"tasks": tasks})
            client.command(_FILL_ATTEMPTS)
            _say(f"{tasks:,} tasks written in {time.monotonic() - started:.0f} s")
            return {what: await _cost(client, ask) for what, ask in _methods(hub, tasks).items()}


def _worker(number: int) -> WorkerConfig:
    groups = [
        QueueGroup(name=name, concurrency=4, priorities=_PRIORITIES) for name in ("web", "batch")
    ]
    return WorkerConfig(worker_name=f"worker-{number:02}", queue_groups=tuple(groups))


async def _cost(client: Client, ask: Callable[[], Awaitable[object]]) -> Cost:
    found = []
    try:
        for _ in range(_CALLS):
            before, began = _selected(client), time.perf_counter()
            await ask()
            took = (time.perf_counter() - began) * 1000
            after = _selected(client)
            found.append((after[0] - before[0], after[1] - before[1], took))
    except HubError as error:
        return Cost(0, 0, 0, error.what)
    return Cost(*(statistics.median(values) for values in zip(*found, strict=True)))


def _selected(client: Client) -> tuple[int, int]:
    """Return how many rows and bytes the engine has selected from tables so far."""
    rows = client.query(
        "SELECT event, value FROM system.events WHERE event IN ('SelectedRows', 'SelectedBytes')"
    ).result_rows
    events = {name: int(value) for name, value in rows}
    return events.get("SelectedRows", 0), events.get("SelectedBytes", 0)


def _methods(hub: Hub, tasks: int) -> dict[str, Callable[[], Awaitable[object]]]:
    """Return what is asked, by its name: the sixteen methods, and what the screens need besides."""
    store, workers = hub.tasks, hub.workers
    old = hashlib.md5(str(tasks // 2).encode(), usedforsecurity=False).hexdigest()
    recent = [
        hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()
        for number in range(tasks - 60, tasks)
    ]
    now = datetime.now(UTC)
    fresh = Task(
        task_id="fresh",
        worker_name="worker-01",
        queue="worker-01:web:default",
        priority=2,
        status=SUCCESS,
        payload="{}",
        created_at=now,
        updated_at=now,
    )
    attempt = Attempt(task_id=old, attempt=3, status=FAIL, started_at=now)
    day = TaskFilter(since=now - timedelta(days=1))
    return {
        "list_tasks, first page": lambda: store.list_tasks(TaskFilter(), limit=100),
        "list_tasks, last page": lambda: store.list_tasks(TaskFilter(), limit=100, from_end=True),
        "list_tasks, failed": lambda: store.list_tasks(TaskFilter(statuses=(FAIL,)), limit=100),
        "list_tasks, one worker": lambda: store.list_tasks(TaskFilter(worker_name="worker-20")),
        "list_tasks, id's beginning": lambda: store.list_tasks(TaskFilter(task_id=old[:8])),
        "get_task": lambda: store.get_task(old),
        "count_tasks, all": lambda: store.count_tasks(TaskFilter()),
        "count_tasks, failed": lambda: store.count_tasks(TaskFilter(statuses=(FAIL,))),
        "count_tasks, a day": lambda: store.count_tasks(day),
        "list_attempts": lambda: store.list_attempts(old),
        "get_worker_stats, 24 h": lambda: store.get_worker_stats("worker-01", Window.DAY),
        "get_worker_stats, all time": lambda: store.get_worker_stats("worker-01"),
        "get_worker_time_series_stats": lambda: store.get_worker_time_series_stats("worker-01"),
        "list_failed_tasks": lambda: store.list_failed_tasks(),
        "upsert_task": lambda: store.upsert_task(fresh),
        "update_task_status": lambda: store.update_task_status(recent[0], SUCCESS, 1, None, None),
        "insert_attempt": lambda: store.insert_attempt(attempt),
        "workers: list": workers.list,
        "workers: get": lambda: workers.get("worker-01"),
        "workers: list_offline_workers": lambda: workers.list_offline_workers(90),
        "workers: upsert": lambda: workers.upsert(_worker(1)),
        "workers: update_heartbeat": lambda: workers.update_heartbeat("worker-01", now),
        "workers: delete (refused)": lambda: _refused(workers.delete("worker-01")),
        "poll: changes of 50 rows": lambda: store.changes(recent[:50]),
        "poll: status_counts": lambda: store.status_counts(),
        "fleet_stats, 24 h": lambda: store.fleet_stats(Window.DAY),
        "fleet_series, 2 h": lambda: store.fleet_series(2),
        "worker_usage": lambda: store.worker_usage("worker-20"),
    }


async def _refused(call: Awaitable[None]) -> None:
    try:
        await call
    except HubError:
        return


def _cells(cost: Cost) -> tuple[str, str, str]:
    if cost.refusal:
        return "-", "-", cost.refusal
    return f"{cost.rows:,.0f}", f"{cost.size / 1024:,.0f}", f"{cost.ms:,.0f}"


def _growth(small: Cost, whole: Cost) -> str:
    if small.refusal or whole.refusal or not small.rows:
        return "-"
    return f"{whole.rows / small.rows:.1f}"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
