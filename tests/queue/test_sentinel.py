"""A master that real sentinels know."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import ResponseError

from asynqhub_tui.asynq import keys
from asynqhub_tui.asynq.client import Client
from asynqhub_tui.queue import Answer, Result
from asynqhub_tui.repository import HubError, Refused, Unavailable
from tests.queue.builders import QUEUE, make_message, make_ref
from tests.queue.conftest import connected
from tests.servers import free_port
from tests.valkey import ValkeyServer

_PASSWORD = "s3cr@t"


def _watching(master: ValkeyServer) -> str:
    return f"sentinel monitor mymaster {master.host} {master.port} 1\n"


@pytest.fixture
def sentinel(own_server: ValkeyServer) -> Iterator[ValkeyServer]:
    """A sentinel that watches the test's own server."""
    with ValkeyServer(sentinel_config=_watching(own_server)) as server:
        yield server


def _sees_a_replica(master: Redis) -> bool:
    driver: Any = master
    replica = driver.info("replication").get("slave0", {})
    return bool(replica.get("state") == "online")


def _fail_over(sentinel: ValkeyServer, replica: ValkeyServer) -> None:
    """Make the sentinel promote the replica, and return when it says that it has."""
    with sentinel.client() as client:
        driver: Any = client
        asked = False
        while driver.sentinel_get_master_addr_by_name("mymaster")[1] != replica.port:
            with contextlib.suppress(ResponseError):  # until it knows the replica, and while at it
                asked = asked or bool(driver.execute_command("SENTINEL", "FAILOVER", "mymaster"))


async def _failure(uri: str) -> HubError:
    async with connected(uri) as connection:
        with pytest.raises(HubError) as raised:
            await connection.call("PING")
    assert _PASSWORD not in str(raised.value)
    return raised.value


async def test_the_master_is_found_also_behind_a_sentinel_that_is_down(
    own_server: ValkeyServer, sentinel: ValkeyServer
) -> None:
    hosts = f"127.0.0.1:{free_port()},127.0.0.1:{sentinel.port}"
    async with connected(f"redis-sentinel://{hosts}/3?master=mymaster") as connection:
        assert connection.place == "mymaster (Sentinel)"
        assert await Client(connection).enqueue([make_message()], "b") == [Answer(Result.DONE)]
    with own_server.client(0) as redis:  # as asynq v0.25.1, which reads no database there
        assert redis.exists("asynq:queues")


async def test_a_master_that_nobody_knows(sentinel: ValkeyServer) -> None:
    error = await _failure(f"redis-sentinel://127.0.0.1:{sentinel.port}?master=another")
    assert isinstance(error, Unavailable)
    assert "No sentinel that answers knows a living master another" in error.what


async def test_no_sentinel_answers() -> None:
    error = await _failure(f"redis-sentinel://127.0.0.1:{free_port()}?master=mymaster")
    assert isinstance(error, Unavailable)


async def test_the_password_is_the_sentinels(own_server: ValkeyServer) -> None:
    config = f"requirepass {_PASSWORD}\n{_watching(own_server)}"
    with ValkeyServer(password=_PASSWORD, sentinel_config=config) as sentinel:
        host = f"127.0.0.1:{sentinel.port}?master=mymaster"
        async with connected(f"redis-sentinel://:s3cr%40t@{host}") as connection:
            assert await connection.call("DBSIZE") == 0
        for secret in ("", ":pw@"):
            error = await _failure(f"redis-sentinel://{secret}{host}")
            assert isinstance(error, Refused)
            assert "do not accept the password" in error.what


async def test_after_a_failover_the_new_master_is_written_to(own_server: ValkeyServer) -> None:
    pending = keys.collection(QUEUE, "pending")
    with (
        ValkeyServer("--replicaof", f"{own_server.host} {own_server.port}") as replica,
        own_server.client() as old,
        replica.client() as new,
    ):
        while not _sees_a_replica(old):  # so that the sentinel hears of it at once
            pass
        with ValkeyServer(sentinel_config=_watching(own_server)) as sentinel:
            uri = f"redis-sentinel://127.0.0.1:{sentinel.port}?master=mymaster"
            async with connected(uri) as connection:
                client = Client(connection)
                assert await client.enqueue([make_message()], "b") == [Answer(Result.DONE)]
                while not new.llen(pending):
                    pass
                _fail_over(sentinel, replica)
                own_server.stop()
                message = make_message(make_ref("t-2"), "a-2")
                answers: list[Answer] = []
                while not answers:
                    with contextlib.suppress(Unavailable):
                        answers = [*await client.enqueue([message], "b")]
        assert answers == [Answer(Result.DONE)]
        assert new.llen(pending) == 2
