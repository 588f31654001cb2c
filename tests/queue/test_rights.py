"""What a user of Redis must be allowed for reading, and what happens without it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import pytest

from asynqhub_tui.asynq import keys
from asynqhub_tui.asynq.inspector import Inspector
from asynqhub_tui.queue import STATES
from asynqhub_tui.repository import Refused
from tests.queue.conftest import connected
from tests.queue.rows import QUEUE, Rows
from tests.valkey import ValkeyServer

NOTHING = ("-@all", "+@connection")
READING = (*NOTHING, "+@read", "+eval", "+time")


async def test_reading_needs_no_right_to_write(own_server: ValkeyServer) -> None:
    with own_server.client() as client:
        rows = Rows(client)
        for state in STATES:
            rows.put(f"hub-{state}", state)
        client.execute_command("ACL", "SETUSER", "default", *READING)
    async with connected(own_server.uri()) as connection:
        inspector = Inspector(connection)
        assert len((await inspector.search(QUEUE)).found) == len(STATES)
        assert await inspector.look(QUEUE, "asynq-1")
        assert (await inspector.depths([QUEUE]))[QUEUE].pending == 1
        assert await inspector.servers() == []


async def test_what_is_forbidden_is_refused(own_server: ValkeyServer) -> None:
    with own_server.client() as client:
        client.execute_command("ACL", "SETUSER", "default", *NOTHING)
    async with connected(own_server.uri()) as connection:
        inspector = Inspector(connection)
        with pytest.raises(Refused, match="eval"):
            await inspector.servers()
        with pytest.raises(Refused, match="eval"):
            await inspector.depths([QUEUE])
        with pytest.raises(Refused, match="eval"):
            await inspector.search(QUEUE)
        with pytest.raises(Refused, match="eval"):
            await inspector.look(QUEUE, "asynq-1")


SEARCHING = ["llen", "lrange", "zcard", "zrange", "zrevrange", "smembers", "hmget", "zscore"]
COUNTING = ["llen", "zcard", "exists", "get", "lindex", "hget", "smembers", "time"]
SERVING = ["zrevrangebyscore", "get", "hvals", "time"]


@pytest.mark.parametrize(
    ("question", "command"),
    [
        *(("search", command) for command in SEARCHING),
        *(("depths", command) for command in COUNTING),
        *(("servers", command) for command in SERVING),
    ],
)
async def test_what_may_not_be_read_never_looks_as_if_it_were_not_there(
    own_server: ValkeyServer, question: str, command: str
) -> None:
    with own_server.client() as client:
        rows = Rows(client)
        for state in STATES:
            rows.put(f"hub-{state}", state)
        live = {"asynq:servers:{h:1:s}": "+inf"}
        client.zadd(keys.SERVERS, live)
        client.zadd(keys.WORKERS, live)
        client.execute_command("ACL", "SETUSER", "default", *READING, f"-{command}")
    async with connected(own_server.uri()) as connection:
        inspector = Inspector(connection)
        ask: Mapping[str, Callable[[], Awaitable[object]]] = {
            "search": lambda: inspector.search(QUEUE),
            "depths": lambda: inspector.depths([QUEUE]),
            "servers": inspector.servers,
        }
        with pytest.raises(Refused, match=command):
            await ask[question]()
