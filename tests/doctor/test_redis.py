"""The check-up of the hub's Redis: limits, role, rights, and whether asynq is at home there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from pydantic import SecretStr
from redis import Redis

from asynqhub_tui import asynq
from asynqhub_tui.asynq import keys
from asynqhub_tui.asynq.checkup_server import REDIS, clients, version
from asynqhub_tui.checkup import Level
from asynqhub_tui.models import WorkerConfig
from asynqhub_tui.queue import PENDING
from asynqhub_tui.repository import Refused, Unavailable
from tests.contract.builders import QUEUE, make_worker
from tests.doctor.findings import Findings, look
from tests.queue.rows import Rows
from tests.servers import free_port
from tests.valkey import ValkeyServer


@pytest.fixture
def redis(own_valkey: ValkeyServer) -> Iterator[Redis]:
    """The driver's own client."""
    with own_valkey.client() as client:
        yield client


async def look_at(
    server: ValkeyServer | str, workers: Sequence[WorkerConfig] = (), *, read_only: bool = False
) -> Findings:
    """Look a Redis over, and demand that nothing was written."""
    address = SecretStr(server if isinstance(server, str) else server.uri())
    return await look(await asynq.open_checkup(address, workers=workers, read_only=read_only))


def run(redis: Redis, *command: str | int) -> None:
    """Run one command that the driver has no method for."""
    redis.execute_command(*command)  # type: ignore[no-untyped-call]


def serve(redis: Redis, *queues: str) -> None:
    """Let asynq know queues, with a task in each."""
    for queue in queues:
        redis.sadd(keys.QUEUES, queue)
        Rows(redis).put(f"task-{queue}", PENDING, queue=queue)


async def test_a_healthy_one_and_nothing_is_written(own_valkey: ValkeyServer, redis: Redis) -> None:
    redis.config_set("appendonly", "yes")
    redis.sadd(keys.QUEUES, QUEUE)
    before = redis.info("persistence")["rdb_changes_since_last_save"]
    found = await look_at(own_valkey, [make_worker()])
    assert found.worse_than(Level.OK) == []
    assert {one.check for one in found.all} == {
        *("connection", "role", "memory", "version", "persistence", "queues", "rights"),
    }
    assert redis.info("persistence")["rdb_changes_since_last_save"] == before
    assert redis.keys() == [keys.QUEUES.encode()]


async def test_one_that_is_away() -> None:
    found = await look_at(f"redis://:s3cr@127.0.0.1:{free_port()}/0")
    assert found.one("connection").failure is Unavailable
    assert len(found.all) == 1


async def test_a_wrong_password() -> None:
    with ValkeyServer(password="right") as server:
        found = await look_at(f"redis://:wrong-secret@127.0.0.1:{server.port}/0")
    assert found.one("connection").failure is Refused
    assert "wrong-secret" not in str(found.all)


async def test_keys_are_thrown_away_when_memory_is_full(
    own_valkey: ValkeyServer, redis: Redis
) -> None:
    redis.config_set("maxmemory-policy", "allkeys-lru")
    assert not (await look_at(own_valkey)).of("eviction"), "there is no limit"
    redis.config_set("maxmemory", "100mb")
    found = (await look_at(own_valkey)).one("eviction")
    assert found.level is Level.WARNING
    assert "allkeys-lru" in found.title
    run(redis, *found.commands[0].split())
    assert not (await look_at(own_valkey)).of("eviction")


async def test_memory_is_nearly_full(own_valkey: ValkeyServer, redis: Redis) -> None:
    used = redis.info("memory")["used_memory"]
    redis.config_set("maxmemory", used + 50_000)
    assert (await look_at(own_valkey)).one("memory").level is not Level.OK
    redis.config_set("maxmemory", used // 2)
    assert (await look_at(own_valkey)).one("memory").level is Level.PROBLEM


async def test_what_is_left_after_a_restart(own_valkey: ValkeyServer, redis: Redis) -> None:
    found = (await look_at(own_valkey)).one("persistence")
    assert found.level is Level.WARNING
    redis.config_set("save", "60 1000")
    note = (await look_at(own_valkey)).one("persistence")
    assert note.level is Level.NOTE
    assert "60 1000" in note.detail
    run(redis, *found.commands[0].split())
    assert (await look_at(own_valkey)).ok("persistence")


async def test_a_replica(own_valkey: ValkeyServer, redis: Redis) -> None:
    run(redis, "REPLICAOF", "127.0.0.1", free_port())
    found = (await look_at(own_valkey)).one("role")
    assert found.level is Level.PROBLEM
    assert "the link to it is down" in found.detail


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (["-lpush"], "LPUSH"),
        (["-set", "-zadd"], "SET, ZADD"),
        (["-evalsha"], "EVALSHA"),
        (["-eval"], "EVAL"),
        (["-sadd"], "SADD"),
    ],
)
async def test_a_user_who_may_not_do_what_a_retry_does(
    own_valkey: ValkeyServer, redis: Redis, rule: list[str], words: str
) -> None:
    run(redis, "ACL", "SETUSER", "default", *rule)
    found = (await look_at(own_valkey)).one("rights")
    assert found.level is Level.PROBLEM
    assert found.title.endswith(f": {words}.")
    assert not (await look_at(own_valkey, read_only=True)).of("rights")
    run(redis, *found.commands[0].split())
    assert (await look_at(own_valkey)).ok("rights")


@pytest.mark.parametrize("rule", ["~asynq:*", "~asynqhub-tui:*", "%R~*"])
async def test_a_user_who_may_not_write_the_keys(
    own_valkey: ValkeyServer, redis: Redis, rule: str
) -> None:
    run(redis, "ACL", "SETUSER", "default", "resetkeys", rule)
    found = (await look_at(own_valkey)).one("rights")
    assert "may not write the keys" in found.title
    run(redis, *found.commands[0].split())
    assert (await look_at(own_valkey)).ok("rights")


async def test_a_user_who_may_not_look(own_valkey: ValkeyServer, redis: Redis) -> None:
    """Each check says so in a sentence of its own."""
    run(redis, "ACL", "SETUSER", "default", "-@all", "+@connection")
    found = await look_at(own_valkey)
    assert found.one("info").title == "What Redis says of itself (INFO) could not be checked."
    assert "info" in found.one("info").detail
    assert found.one("queues").title == "asynq's queues could not be checked."
    assert "EVAL" in found.one("rights").title


async def test_a_user_who_may_not_ask_for_the_configuration(
    own_valkey: ValkeyServer, redis: Redis
) -> None:
    run(redis, "ACL", "SETUSER", "default", "-config")
    assert "is not known" in (await look_at(own_valkey)).one("persistence").title


async def test_no_queue_of_asynq(own_valkey: ValkeyServer) -> None:
    assert (await look_at(own_valkey)).one("queues").level is Level.NOTE
    assert (await look_at(own_valkey, [make_worker()])).one("queues").level is Level.WARNING


async def test_paused_queues_and_those_that_nobody_takes_from(
    own_valkey: ValkeyServer, redis: Redis
) -> None:
    hostile = "bad \x1b[31m[red]:q'"
    serve(redis, QUEUE, hostile)
    redis.set(keys.paused(hostile), 1)
    found = await look_at(own_valkey)
    paused = found.one("paused")
    assert paused.title == "1 queue is paused, with 1 waiting task."
    assert paused.commands[0].startswith("asynq queue unpause 'bad ")
    left = found.one("not-taken")
    assert left.title.startswith("1 task waits in 1 queue that no live server takes from")
    assert QUEUE in left.detail


async def test_workers_whose_rows_name_another_redis(own_valkey: ValkeyServer) -> None:
    workers = [
        make_worker("here", redis_addr=own_valkey.uri()),
        make_worker("nowhere", redis_addr=None),
        make_worker("there", redis_addr="redis://:hunter2@10.0.0.5:6379/0"),
    ]
    found = (await look_at(own_valkey, workers)).one("elsewhere")
    assert found.title.startswith("The rows of 1 worker name another Redis than 127.0.0.1:")
    assert "there (redis://:***@10.0.0.5:6379/0)" in found.detail


def test_what_the_server_says_of_its_clients_and_version() -> None:
    info = {"rejected_connections": "3", "connected_clients": "95", "maxclients": "100"}
    assert clients(info)[0].level is Level.WARNING
    assert clients(info | {"connected_clients": "9"})[0].level is Level.NOTE
    assert clients({"rejected_connections": "0"}) == []
    assert version({"redis_version": "3.2.1"})[0].level is Level.PROBLEM
    assert version({"redis_version": "7.2.4", "cluster_enabled": "1"})[0].level is Level.PROBLEM
    assert version({})[0] == REDIS.ok("version", "Redis ?.")
