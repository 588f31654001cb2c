"""The live servers, and what they work on."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from asynqhub_tui.asynq import keys
from asynqhub_tui.asynq.inspector import Inspector
from asynqhub_tui.asynq.messages import ServerInfo, WorkerInfo, encode
from asynqhub_tui.queue import Execution, Server, envelope
from asynqhub_tui.repository import Refused
from tests.queue.rows import QUEUE, Rows

STARTED = 1_767_225_600
NEVER = -62_135_596_800  # Go's zero time


def beat(rows: Rows, server_id: str = "s1", *, left: int = 10, **fields: Any) -> None:
    """A server writes its heartbeat, which is valid for some seconds more."""
    values: dict[str, Any] = {"host": "web-1", "pid": 42, "concurrency": 10, "status": "active"}
    info = ServerInfo(server_id=server_id, **(values | fields))
    info.start_time.seconds = STARTED
    name = keys.server(info.host, info.pid, server_id)
    now = rows.redis.time()[0]
    rows.redis.set(name, encode(info))
    rows.redis.zadd(keys.SERVERS, {name: now + left})


def work(
    rows: Rows, asynq_id: str, server_id: str = "s1", *, left: int = 10, payload: str = "{}"
) -> None:
    """A server writes down that it works on a task."""
    info = WorkerInfo(
        host="web-1",
        pid=42,
        server_id=server_id,
        task_id=asynq_id,
        task_type=QUEUE,
        task_payload=envelope(f"hub-{asynq_id}", payload).encode(),
        queue=QUEUE,
    )
    info.start_time.seconds = STARTED
    info.start_time.nanos = 5_000
    info.deadline.seconds = STARTED + 30
    name = keys.workers("web-1", 42, server_id)
    rows.redis.hset(name, asynq_id, encode(info))
    rows.redis.zadd(keys.WORKERS, {name: rows.redis.time()[0] + left})


async def test_a_server_and_what_it_works_on(inspector: Inspector, rows: Rows) -> None:
    beat(rows, queues={QUEUE: 30, "crawler:main:low": 10})
    work(rows, "b")
    work(rows, "a")
    started = datetime.fromtimestamp(STARTED, UTC)
    executions = tuple(
        Execution(
            queue=QUEUE,
            asynq_id=asynq_id,
            task_id=f"hub-{asynq_id}",
            started_at=started.replace(microsecond=5),
            deadline=started.replace(second=30),
        )
        for asynq_id in ("a", "b")
    )
    assert await inspector.servers() == [
        Server(
            host="web-1",
            pid=42,
            server_id="s1",
            queues={QUEUE: 30, "crawler:main:low": 10},
            concurrency=10,
            status="active",
            started_at=started,
            executions=executions,
        )
    ]


async def test_only_the_beginning_of_a_long_payload_travels(
    inspector: Inspector, rows: Rows
) -> None:
    beat(rows)
    work(rows, "short")
    work(rows, "long", payload=json.dumps("x" * 100_000))
    work(rows, "odd", payload=json.dumps({"task_id": "y" * 1_000}))
    before = rows.redis.info("stats")["total_net_output_bytes"]
    (server,) = await inspector.servers()
    after = rows.redis.info("stats")["total_net_output_bytes"]
    assert {one.task_id for one in server.executions} == {"hub-short", "hub-long", "hub-odd"}
    assert {one.deadline for one in server.executions} == {
        datetime.fromtimestamp(STARTED + 30, UTC)
    }
    assert after - before < 20_000


async def test_no_servers(inspector: Inspector) -> None:
    assert await inspector.servers() == []


async def test_servers_come_by_host_pid_and_queues(inspector: Inspector, rows: Rows) -> None:
    beat(rows, "s1", host="web-2", queues={"a": 1})
    beat(rows, "s2", host="web-1", pid=43, queues={"a": 1})
    beat(rows, "s3", host="web-1", pid=42, queues={"b": 1})
    beat(rows, "s4", host="web-1", pid=42, queues={"a": 1})
    assert [server.server_id for server in await inspector.servers()] == ["s4", "s3", "s2", "s1"]


async def test_a_server_that_is_gone_is_left_out_and_left_alone(
    inspector: Inspector, rows: Rows
) -> None:
    beat(rows, "live")
    beat(rows, "gone", left=-1)
    beat(rows, "crashed")
    rows.redis.delete(keys.server("web-1", 42, "crashed"))
    work(rows, "a", "live")
    work(rows, "b", "gone", left=-1)
    work(rows, "c", "of no server")
    before = rows.dump()
    (server,) = await inspector.servers()
    assert server.server_id == "live"
    assert [one.asynq_id for one in server.executions] == ["a"]
    assert rows.dump() == before


async def test_what_is_no_server_is_left_out(inspector: Inspector, rows: Rows) -> None:
    beat(rows, "live")
    beat(rows, "garbage")
    beat(rows, "list")
    rows.redis.set(keys.server("web-1", 42, "garbage"), b"\xff\xff")
    name = keys.server("web-1", 42, "list")
    rows.redis.delete(name)
    rows.redis.rpush(name, "x")
    work(rows, "a", "live")
    rows.redis.hset(keys.workers("web-1", 42, "live"), "b", b"\xff")
    work(rows, "c", "list")
    rows.redis.set(keys.workers("web-1", 42, "list"), "x")
    (server,) = await inspector.servers()
    assert [one.asynq_id for one in server.executions] == ["a"]


@pytest.mark.parametrize("started", [NEVER, 0, 2**60])
async def test_a_time_that_never_was_is_none(
    inspector: Inspector, rows: Rows, started: int
) -> None:
    info = ServerInfo(host="web-1", pid=42, server_id="s1")
    info.start_time.seconds = started
    name = keys.server("web-1", 42, "s1")
    rows.redis.set(name, info.SerializeToString())
    rows.redis.zadd(keys.SERVERS, {name: "+inf"})
    (server,) = await inspector.servers()
    assert server.started_at is None


async def test_an_index_of_another_type_is_an_error(inspector: Inspector, rows: Rows) -> None:
    rows.redis.set(keys.SERVERS, "nobody's")
    with pytest.raises(Refused, match="WRONGTYPE"):
        await inspector.servers()
