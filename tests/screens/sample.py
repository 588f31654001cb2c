"""The installation that the tests of the screens look at: fixed rows around a fixed time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from asynqhub_tui.models import DEAD, FAIL, PENDING, RUNNING, SUCCESS, Attempt, Task, WorkerConfig
from tests.contract.builders import both_rows, make_attempt, make_task, make_worker

NOW = datetime(2026, 11, 23, 14, 2, 11, tzinfo=UTC)
"""The time at which every test begins."""

ERRORS = (
    "dial tcp 10.0.0.1:443: connect: connection refused",
    "context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
    "任务故意失败: map[url:fail-http://x/1 depth:2]",
    "panic error cause by: runtime error: index out of range [3] with length 3\ngoroutine 41",
)

HOSTILE = (
    "\x1b[31mred\x1b[0m \x1b]52;c;aGk=\x07 [bold red]markup[/] \u202eREVERSED\u202c \x9b2J"
    " \u200bzero\u200d 任务 🚀 e\u0301 العربية\tend\r\nsecond line\x00"
)
"""What no text of a row may do to the terminal."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of the three tables."""

    workers: Sequence[WorkerConfig] = ()
    tasks: Sequence[Task] = ()
    attempts: Sequence[Attempt] = ()


def task_id(number: int) -> str:
    """Return an id as Asynq-Hub makes them."""
    return hashlib.md5(f"task {number}".encode(), usedforsecurity=False).hexdigest()


def before(**length: float) -> datetime:
    """Return the time that lies this long before NOW; the keywords are those of timedelta."""
    return NOW - timedelta(**length)


def fleet() -> list[WorkerConfig]:
    """Return one worker of each kind of liveness."""
    return [
        make_worker(
            "ai-worker",
            ("text_analyze", "embedding"),
            default_timeout=120,
            redis_addr="10.0.0.6:6379/1",
            last_heartbeat_at=before(hours=5),
        ),
        make_worker("mail-worker", ("mail",), last_heartbeat_at=before(hours=3)),
        make_worker("new-worker", ("fresh",)),
        make_worker("old-worker", ("legacy",), is_enabled=False, last_heartbeat_at=before(days=41)),
        make_worker(
            "worker-1",
            ("web_crawl", "image_crawl"),
            default_retry_count=1,
            default_timeout=300,
            base_url="http://10.0.0.7:8080",
            redis_addr="10.0.0.5:6379/0",
            last_heartbeat_at=before(seconds=22),
        ),
    ]


_PLANS = (
    (FAIL, "worker-1:web_crawl:critical"),
    (SUCCESS, "worker-1:web_crawl:default"),
    (PENDING, "ai-worker:text_analyze:default"),
    (RUNNING, "worker-1:image_crawl:default"),
    (SUCCESS, "ai-worker:embedding:low"),
    (DEAD, "worker-1:image_crawl:low"),
    (SUCCESS, "worker-1:web_crawl:default"),
    (SUCCESS, "ai-worker:text_analyze:critical"),
)


def sample(number: int = 64) -> Rows:
    """Return the fleet with `number` tasks of the last day, of every status; the first is new."""
    tasks: list[Task] = []
    attempts: list[Attempt] = []
    for index in range(number):
        status, queue = _PLANS[index % len(_PLANS)]
        created = before(seconds=4 + 19 * index * index)
        rows, updated = _history(index, status, created)
        attempts += rows
        tasks.append(
            make_task(
                task_id(index),
                at=created,
                worker_name=queue.partition(":")[0],
                queue=queue,
                priority={"low": 1, "default": 2, "critical": 3}[queue.rpartition(":")[2]],
                status=PENDING if status == RUNNING else status,
                last_attempt=2 if status in (FAIL, DEAD) else 1,
                updated_at=updated,
                payload=json.dumps({"url": f"https://example.com/{index}?q=你好", "depth": 2}),
                trace_id=f"{index:032x}",
            )
        )
    return Rows(fleet(), tasks, attempts)


def _history(index: int, status: str, created: datetime) -> tuple[list[Attempt], datetime]:
    """Return the rows of a task's attempts, and when its row was last updated."""
    name = task_id(index)
    if status == PENDING:
        return [], created
    first = created + timedelta(milliseconds=150)
    took = timedelta(milliseconds=90 + 70 * (index % 13))
    if status == RUNNING:
        return [make_attempt(name, 1, at=first)], created
    if status == SUCCESS:
        return both_rows(name, 1, SUCCESS, at=first, took=took), first + took
    error = ERRORS[index // 4 % len(ERRORS)]
    second = first + timedelta(seconds=1)
    return [
        *both_rows(name, 1, FAIL, at=first, took=took, error=error),
        *both_rows(name, 2, FAIL, at=second, took=took, error=error),
    ], second + took


def one_task(**fields: Any) -> Task:
    """Return a task of worker-1 that was created ten minutes ago."""
    defaults = {"worker_name": "worker-1", "queue": "worker-1:web_crawl:default", "priority": 2}
    return make_task("5a698b4a1e9028d3b6ac6f268494e9b5", at=before(minutes=10), **defaults | fields)


def rerun() -> Rows:
    """Return a task that was run again: attempt 2 four times, once without a report, now open."""
    task = one_task(
        status=FAIL,
        last_attempt=2,
        updated_at=before(minutes=3),
        payload='{"url": "https://example.com/page-678?q=%E4%BD%A0", "ids": [1, 2.50, 1e400],'
        ' "big": 123456789012345678901234567890, "nested": {"a": {"b": []}, "c": null}}',
    )
    name, took = task.task_id, timedelta(milliseconds=412)
    attempts = [
        *both_rows(name, 1, FAIL, at=before(minutes=9), took=took, error=ERRORS[0]),
        *both_rows(name, 2, FAIL, at=before(minutes=8), took=took * 40, error=ERRORS[1]),
        make_attempt(name, 2, at=before(minutes=6)),
        *both_rows(
            name, 2, FAIL, at=before(minutes=4), took=took, error=ERRORS[3], worker_name="worker-1"
        ),
        make_attempt(name, 2, at=before(seconds=40)),
    ]
    return Rows(fleet(), [task], attempts)


def untried() -> Rows:
    """Return a task without any attempt."""
    return Rows(fleet(), [one_task(payload="{}")])


def huge() -> Rows:
    """Return a task with a payload of almost 2 MiB, and an error of many lines."""
    items = [{"n": number, "text": "x" * 200} for number in range(8_000)]
    payload = json.dumps({"title": "y" * 5_000, "items": items})
    task = one_task(status=FAIL, last_attempt=1, payload=payload)
    error = "\n".join(f"frame {number} at main.go:{number}" for number in range(3_000))
    took = timedelta(seconds=75)
    rows = both_rows(task.task_id, 1, FAIL, at=task.created_at, took=took, error=error)
    return Rows(fleet(), [task], rows)


def hostile() -> Rows:
    """Return rows whose every text tries to reach the terminal."""
    name = f"evil{HOSTILE}"
    queue = f"{name}:{HOSTILE}:{HOSTILE}"
    worker = make_worker(name, (HOSTILE,), base_url=HOSTILE, redis_addr=HOSTILE)
    task = make_task(
        f"id{HOSTILE}",
        at=before(minutes=2),
        worker_name=name,
        queue=queue,
        status="fail",
        last_attempt=1,
        last_error=HOSTILE,
        last_worker_name=HOSTILE,
        trace_id=HOSTILE,
        payload=json.dumps({HOSTILE: [HOSTILE, {"plain": HOSTILE}]}, ensure_ascii=False),
    )
    odd = make_task("odd", at=before(minutes=3), worker_name=name, queue=HOSTILE, status=HOSTILE)
    attempts = both_rows(
        task.task_id,
        1,
        FAIL,
        at=task.created_at,
        took=timedelta(seconds=1),
        error=HOSTILE,
        worker_name=HOSTILE,
    )
    return Rows([worker], [task, odd], attempts)
