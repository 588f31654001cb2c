"""How many tasks a second a retry plans and runs, beside the same done one after the other."""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from pydantic import SecretStr
from redis.asyncio import Redis

from asynqhub_tui import asynq
from asynqhub_tui.actions.journal import Journal
from asynqhub_tui.actions.retry import run as retrying
from asynqhub_tui.actions.retry.run import Plan
from asynqhub_tui.actions.retry.selection import failed_only
from asynqhub_tui.asynq import keys
from asynqhub_tui.asynq.messages import TaskMessage, encode
from asynqhub_tui.backends import Target, open_hub
from asynqhub_tui.queue import TaskQueue, envelope
from asynqhub_tui.repository import Hub, TaskFilter
from tests.benchmarks.failed_tasks import archive, fill
from tests.benchmarks.report import Table
from tests.servers import PostgresServer
from tests.valkey import ValkeyServer

TASKS = 20_000

_SUCCEEDED = 180_000
"""How many other tasks the installation has: the store is not to read them."""

PLANNED = {"small": 100_000, "large": 1_000_000}

_ONE_BY_ONE = 2_000
"""For how many tasks the baseline is measured: its pace does not depend on their number."""

Add = Callable[[str, float], None]


async def run(size: str) -> list[Table]:
    """Retry tasks in place, enqueue others again, and plan a large batch."""
    with PostgresServer() as server, ValkeyServer() as valkey:
        _durable(server)
        with tempfile.TemporaryDirectory() as folder:
            measured = [
                await _measure(server, valkey, Path(folder) / name, archived=archived)
                for name, archived in (("in place", True), ("enqueued", False))
            ]
            baseline = await _baseline(server, valkey)
            planned = await _planned(server, valkey, Path(folder), PLANNED[size])
    return [_speed(measured, baseline), _shares(measured), planned]


@dataclass(slots=True)
class _Times:
    """Seconds of a retry, `spent` of them in calls of one kind, by its name.

    `busy` are the seconds of processor time that our process took while it ran.
    """

    what: str
    planning: float = 0.0
    running: float = 0.0
    busy: float = 0.0
    spent: dict[str, float] = field(default_factory=dict)

    def add(self, name: str, seconds: float) -> None:
        """Note the time of a call."""
        self.spent[name] = self.spent.get(name, 0.0) + seconds


async def _measure(
    server: PostgresServer, valkey: ValkeyServer, folder: Path, *, archived: bool
) -> _Times:
    dsn, uri = server.create_database(), valkey.fresh()
    fill(dsn, TASKS, succeeded=_SUCCEEDED)
    if archived:
        with valkey.client_of(uri) as redis:
            archive(redis, TASKS)
    times = _Times("resumed in place" if archived else "enqueued again")
    async with _opened(dsn, uri) as (hub, queue):
        _watch(hub, queue, times.add)
        started = time.perf_counter()
        plan, journal = await _plan(hub, queue, folder)
        times.planning = time.perf_counter() - started
        started, busy = time.perf_counter(), time.process_time()
        work = retrying.run(hub, queue, plan, journal, stop=asyncio.Event())
        async for progress in work:
            end = progress.end
        times.running = time.perf_counter() - started
        times.busy = time.process_time() - busy
    kind = "resumed" if archived else "enqueued"
    if end is None or {str(one): n for one, n in end.counts.items()} != {kind: TASKS}:
        raise RuntimeError(f"{TASKS:,} tasks were to be {times.what}, and came to {end}.")
    _say(f"{TASKS:,} {times.what}: {times.planning:.1f} s of planning, {times.running:.1f} s")
    return times


async def _plan(hub: Hub, queue: TaskQueue, folder: Path) -> tuple[Plan, Journal]:
    journal = Journal(hub.info, folder, {})
    chosen = hub.tasks.task_refs(failed_only(TaskFilter()))
    return await retrying.prepare(hub, queue, chosen, "all", journal), journal


@asynccontextmanager
async def _opened(dsn: str, uri: str) -> AsyncIterator[tuple[Hub, TaskQueue]]:
    async with (
        await open_hub(Target("postgres", SecretStr(dsn))) as hub,
        await asynq.open_queue(SecretStr(uri)) as queue,
    ):
        yield hub, queue


def _watch(hub: Any, queue: Any, add: Add) -> None:
    """Take the time of every call to the store and to the queue."""
    for place, name in (
        *((queue, name) for name in ("search", "claims", "run", "enqueue")),
        *((hub.tasks, name) for name in ("changes", "mark_pending")),
    ):
        setattr(place, name, _timed(getattr(place, name), name, add))
    for name in ("task_refs", "with_payloads"):
        setattr(hub.tasks, name, _timed_stream(getattr(hub.tasks, name), name, add))


def _timed(call: Callable[..., Awaitable[Any]], name: str, add: Add) -> Callable[..., Any]:
    async def timed(*args: Any, **kwargs: Any) -> Any:
        with _clock(name, add):
            return await call(*args, **kwargs)

    return timed


def _timed_stream(stream: Callable[..., Any], name: str, add: Add) -> Callable[..., Any]:
    async def timed(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        items = stream(*args, **kwargs)
        while True:
            with _clock(name, add):
                item = await anext(items, None)
            if item is None:
                return
            yield item

    return timed


@contextmanager
def _clock(name: str, add: Add) -> Iterator[None]:
    started = time.perf_counter()
    yield
    add(name, time.perf_counter() - started)


async def _baseline(server: PostgresServer, valkey: ValkeyServer) -> float:
    """Return how many tasks a second are replayed one after the other, as by the hub."""
    dsn, uri = server.create_database(), valkey.fresh()
    fill(dsn, _ONE_BY_ONE)
    async with (
        await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection,
        Redis.from_url(uri) as redis,
    ):
        script = redis.register_script(_ASYNQ_ENQUEUE)
        started = time.perf_counter()
        for number in range(1, _ONE_BY_ONE + 1):
            row = await (await connection.execute(_READ, [f"task-{number}"])).fetchone()
            if row is None:
                raise RuntimeError(f"task-{number} is not there")
            worker, queue, payload = row
            task_id, asynq_id = uuid.uuid4().hex, str(uuid.uuid4())
            message = TaskMessage(
                type=queue,
                queue=queue,
                id=asynq_id,
                payload=envelope(task_id, payload).encode(),
                retry=3,
                timeout=30,
            )
            names = [keys.task(queue, asynq_id), keys.collection(queue, "pending")]
            await redis.sadd(keys.QUEUES, queue)
            await script(keys=names, args=[encode(message), asynq_id, time.time_ns()])
            await connection.execute(_INSERT, [task_id, worker, queue, payload])
        seconds = time.perf_counter() - started
    return _ONE_BY_ONE / seconds


async def _planned(server: PostgresServer, valkey: ValkeyServer, folder: Path, tasks: int) -> Table:
    """Plan a batch of many in a process of its own, for its memory."""
    dsn, uri = server.create_database(), valkey.fresh()
    fill(dsn, tasks)
    archived = min(tasks, 40_000)  # all that asynq keeps of four queues
    with valkey.client_of(uri) as redis:
        archive(redis, archived)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", __name__, dsn, uri, str(folder / "large")),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError("The plan of many tasks has failed.")
    found = json.loads(output)
    return Table(
        f"Retry: a plan of {tasks:,} tasks, PostgreSQL",
        ("what", "measured"),
        [
            ("tasks in the plan", f"{found['included']:,}"),
            ("seconds", f"{found['seconds']:.1f}"),
            ("tasks/s", f"{tasks / found['seconds']:,.0f}"),
            ("MB before it", f"{found['before']:,.0f}"),
            ("MB at its peak", f"{found['peak']:,.0f}"),
            ("MB on the disk", f"{found['disk']:,.0f}"),
        ],
        [f"{archived:,} of them are in asynq's archive, the others are enqueued again."],
    )


async def _plan_alone(dsn: str, uri: str, folder: str) -> None:
    async with _opened(dsn, uri) as (hub, queue):
        await hub.workers.list()
        before, started = _peak(), time.perf_counter()
        plan, _ = await _plan(hub, queue, Path(folder))
        seconds = time.perf_counter() - started
        disk = sum(file.stat().st_size for file in plan.batch.folder.iterdir()) / 1e6
        await plan.batch.close()
    found = {"included": plan.preview.included, "seconds": seconds, "before": before}
    print(json.dumps({**found, "peak": _peak(), "disk": disk}))


def _peak() -> float:
    """Return the most memory that this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def _speed(measured: Sequence[_Times], baseline: float) -> Table:
    rows = [
        (
            one.what,
            f"{TASKS / one.planning:,.0f}",
            f"{TASKS / one.running:,.0f}",
            "5,000",
            f"{TASKS / one.running / baseline:.0f}x",
            f"{TASKS / (one.planning + one.running) / baseline:.0f}x",
        )
        for one in measured
    ]
    return Table(
        f"Retry: {TASKS:,} failed tasks of {TASKS + _SUCCEEDED:,}, PostgreSQL and Valkey, tasks/s",
        ("what", "planning", "running", "budget", "ratio", "with its plan"),
        [*rows, ("one after the other", "", f"{baseline:,.0f}", "", "1x", "1x")],
        [
            "The batch and the journal are written with fsync, and so is PostgreSQL's log.",
            "one after the other: what the hub does to replay a task, on the same drivers: read",
            f"the row, enqueue one message, insert a row; for {_ONE_BY_ONE:,} tasks, as a copy.",
        ],
    )


def _shares(measured: Sequence[_Times]) -> Table:
    rows = [
        (name, *(f"{one.spent.get(name, 0.0):.2f}" for one in measured))
        for name in dict.fromkeys(name for one in measured for name in one.spent)
    ]
    others = [one.planning + one.running - sum(one.spent.values()) for one in measured]
    return Table(
        "Retry: seconds spent in each call, of the plan and of the run",
        ("call", *(one.what for one in measured)),
        [
            *rows,
            ("disk, and the rest", *(f"{seconds:.2f}" for seconds in others)),
            ("planning", *(f"{one.planning:.2f}" for one in measured)),
            ("running", *(f"{one.running:.2f}" for one in measured)),
            ("our processor time in it", *(f"{one.busy:.2f}" for one in measured)),
        ],
    )


def _durable(server: PostgresServer) -> None:
    with psycopg.connect(server.socket_dsn("postgres"), autocommit=True) as admin:
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            admin.execute(f"ALTER SYSTEM SET {name} = on".encode())
    server.restart()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


_READ = "SELECT worker_name, queue, payload::text FROM task WHERE task_id = %s"

_INSERT = """
INSERT INTO task (task_id, worker_name, queue, payload, status)
VALUES (%s, %s, %s, %s::jsonb, 'pending')
"""

# The script of asynq's own client, v0.25.
_ASYNQ_ENQUEUE = """
if redis.call("EXISTS", KEYS[1]) == 1 then return 0 end
redis.call("HSET", KEYS[1], "msg", ARGV[1], "state", "pending", "pending_since", ARGV[3])
redis.call("LPUSH", KEYS[2], ARGV[2])
return 1
"""

if __name__ == "__main__":
    asyncio.run(_plan_alone(*sys.argv[1:]))
