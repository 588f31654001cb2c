"""Servers that take no writes: every task is told so, and nothing has changed."""

from __future__ import annotations

import pytest
from redis import Redis
from redis.exceptions import ResponseError

from asynqhub_tui.asynq.client import Client
from asynqhub_tui.queue import Answer, Result
from asynqhub_tui.repository import Unavailable
from tests.queue.builders import dump, hold, make_message, make_move, make_ref
from tests.queue.conftest import connected
from tests.servers import free_port
from tests.valkey import ValkeyServer

_MOVES = [make_move(make_ref(f"t-{n}"), f"a-{n}") for n in range(3)]
_MESSAGES = [make_message(make_ref(f"t-{n}"), f"b-{n}", unique_seconds=60) for n in range(3)]


async def _is_refused(server: ValkeyServer, redis: Redis, why: str) -> None:
    """Every write is refused, and changes nothing; reading goes on."""
    before = dump(redis, claims=True)
    async with connected(server.uri()) as connection:
        client = Client(connection)
        refused = [Answer(Result.REFUSED, why)] * 3
        assert await client.run(_MOVES, "batch") == refused
        assert await client.enqueue(_MESSAGES, "batch") == refused
        assert await client.claims([move.ref for move in _MOVES]) == [None] * 3
    redis.srem("asynq:queues", "x")
    assert dump(redis, claims=True) == before


async def test_a_server_out_of_memory(own_server: ValkeyServer) -> None:
    with own_server.client() as redis:
        hold(redis, "archived", "a-0", "a-1", "a-2")
        redis.config_set("maxmemory", "1")
        await _is_refused(own_server, redis, "Redis is out of memory (maxmemory).")


async def test_memory_that_comes_back_lets_the_same_call_through(own_server: ValkeyServer) -> None:
    with own_server.client() as redis:
        hold(redis, "archived", "a-0", "a-1", "a-2")
        redis.config_set("maxmemory", "1")
        async with connected(own_server.uri()) as connection:
            await Client(connection).run(_MOVES, "batch")
            redis.config_set("maxmemory", "0")
            assert await Client(connection).run(_MOVES, "batch") == [Answer(Result.DONE)] * 3


async def test_a_server_that_waits_for_replicas(own_server: ValkeyServer) -> None:
    with own_server.client() as redis:
        hold(redis, "archived", "a-0", "a-1", "a-2")
        redis.config_set("min-replicas-to-write", "1")
        async with connected(own_server.uri()) as connection:
            client = Client(connection)
            answers = [*await client.run(_MOVES, "batch")]
            answers += await client.enqueue(_MESSAGES, "batch")
        why = "Redis has too few replicas, and takes no writes."
        assert answers == [Answer(Result.REFUSED, why)] * 6


async def test_a_server_that_cannot_save() -> None:
    with ValkeyServer("--save", "3600 1", "--dbfilename", "in the way") as server:
        (server.folder / "in the way").mkdir()
        with server.client(patient=True) as redis:
            hold(redis, "archived", "a-0", "a-1", "a-2")
            redis.bgsave()
            while redis.info("persistence")["rdb_last_bgsave_status"] != "err":
                pass
            async with connected(server.uri()) as connection:
                answers = await Client(connection).run(_MOVES, "batch")
        why = "Redis cannot save to its disk, and takes no writes."
        assert answers == [Answer(Result.REFUSED, why)] * 3


def _is_busy(redis: Redis) -> bool:
    try:
        redis.ping()
    except ResponseError:
        return True
    return False


async def test_a_server_that_is_busy_with_a_script(own_server: ValkeyServer) -> None:
    with own_server.client() as redis:
        redis.config_set("busy-reply-threshold", "1")
        busy = redis.connection_pool.get_connection()
        busy.send_command("EVAL", "while true do end", 0)
        while not _is_busy(redis):
            pass
        async with connected(own_server.uri()) as connection:
            client = Client(connection)
            refused = [Answer(Result.REFUSED, "Redis is busy with somebody's script.")] * 3
            assert await client.run(_MOVES, "batch") == refused
            assert await client.enqueue(_MESSAGES, "batch") == refused
            with pytest.raises(Unavailable, match="is busy with somebody's script"):
                await client.claims([move.ref for move in _MOVES])
            redis.script_kill()
            while _is_busy(redis):
                pass
            assert await client.run(_MOVES, "batch") == [Answer(Result.GONE)] * 3
        busy.disconnect()


async def test_a_replica(own_server: ValkeyServer) -> None:
    with ValkeyServer("--replicaof", f"127.0.0.1 {own_server.port}") as replica:
        with own_server.client() as redis:
            hold(redis, "archived", "a-0", "a-1", "a-2")
            redis.wait(1, 10_000)
            before = dump(redis, claims=True)
        async with connected(replica.uri()) as connection:
            client = Client(connection)
            refused = [Answer(Result.REFUSED, "This Redis is a read-only replica.")] * 3
            assert await client.run(_MOVES, "batch") == refused
            assert await client.enqueue(_MESSAGES, "batch") == refused
        with own_server.client() as redis:
            assert dump(redis, claims=True) == before


@pytest.mark.parametrize("rule", ["~asynq:*", "-lpush", "-@write", "-evalsha"])
async def test_a_user_who_may_not_write(own_server: ValkeyServer, rule: str) -> None:
    with own_server.client() as redis:
        hold(redis, "archived", "a-0", "a-1", "a-2")
        redis.sadd("asynq:queues", _MESSAGES[0].ref.queue)
        before = dump(redis, claims=True)
        rules = ["resetkeys", rule] if rule.startswith("~") else [rule]
        redis.execute_command("ACL", "SETUSER", "default", *rules)
        async with connected(own_server.uri()) as connection:
            client = Client(connection)
            answers = [*await client.run(_MOVES, "batch")]
            answers += await client.enqueue(_MESSAGES, "batch")
        redis.execute_command("ACL", "SETUSER", "default", "+@all", "~*")
        assert answers == [Answer(Result.REFUSED, "Redis does not let this user write here.")] * 6
        assert dump(redis, claims=True) == before


async def test_a_node_of_a_cluster_serves_what_lies_in_its_slots() -> None:
    message = make_message(make_ref("t-3"), "b-3", unique_seconds=60)
    cluster = ("--cluster-enabled", "yes", "--cluster-port", f"{free_port()}", "--databases", "1")
    with ValkeyServer(*cluster) as server:
        async with connected(server.uri()) as connection:
            client = Client(connection)
            down = Answer(Result.REFUSED, "The Redis Cluster is down.")
            assert await client.run(_MOVES, "batch") == [down] * 3
            assert await client.enqueue(_MESSAGES, "batch") == [down] * 3
            with pytest.raises(Unavailable):
                await client.claims([message.ref])

            with server.client() as redis:
                redis.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16_383)
                while b"cluster_state:ok" not in redis.execute_command("CLUSTER", "INFO"):
                    pass
                hold(redis, "archived", "a-0", "a-1", "a-2")
            # Here a command whose keys lie in several slots is an error.
            assert await client.run(_MOVES, "batch") == [Answer(Result.DONE)] * 3
            assert await client.enqueue([message], "batch") == [Answer(Result.DONE)]
            assert await client.claims([message.ref]) == ["batch"]
