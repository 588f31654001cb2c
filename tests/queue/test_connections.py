"""Every way in which Redis cannot be reached or is lost: one sentence, no secret, back again."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import trustme
from pydantic import SecretStr
from redis import Redis

from asynqhub_tui.asynq import connection as connection_module
from asynqhub_tui.asynq import keys, open_queue
from asynqhub_tui.asynq.client import Client
from asynqhub_tui.queue import Answer, Result
from asynqhub_tui.repository import HubError, Refused, Unavailable
from tests.queue.builders import QUEUE, hold, make_message, make_move, make_ref
from tests.queue.conftest import connected
from tests.queue.proxy import proxy
from tests.servers import PostgresServer, free_port
from tests.valkey import ValkeyServer

_PASSWORD = "hub:s3cr@t/ü"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a call give up at once, not after seconds."""
    monkeypatch.setattr(connection_module, "CONNECT_SECONDS", 0.2)
    monkeypatch.setattr(connection_module, "READ_SECONDS", 0.2)


@pytest.fixture
def locked_server() -> Iterator[ValkeyServer]:
    """A server that asks for a password."""
    with ValkeyServer(password=_PASSWORD) as server:
        yield server


async def _failure(uri: str) -> HubError:
    """Return what a call to an address raises; it shows no password."""
    async with connected(uri) as connection:
        with pytest.raises(HubError) as raised:
            await connection.call("DBSIZE")
    assert raised.value.what.endswith(".")
    assert raised.value.hint
    assert "s3cr" not in str(raised.value)
    assert "pw" not in str(raised.value)
    return raised.value


@contextlib.asynccontextmanager
async def _listener(greeting: bytes) -> AsyncIterator[int]:
    """Yield a port that accepts connections, says something to whoever speaks, and no more."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await reader.read(1)
            writer.write(greeting)
            while await reader.read(1 << 16):
                pass
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield int(server.sockets[0].getsockname()[1])


async def _until_blocked(redis: Redis) -> None:
    """Return when the server keeps a client waiting."""
    while not redis.info("clients")["blocked_clients"]:  # noqa: ASYNC110 - only it knows
        await asyncio.sleep(0)


async def test_nothing_listens(tmp_path: Path) -> None:
    port = free_port()
    for uri in (f"redis://:pw@127.0.0.1:{port}/0", f"redis://localhost:{port}"):
        error = await _failure(uri)
        assert isinstance(error, Unavailable)
        assert error.what.startswith("Nothing listens at ")
        assert f":{port}/0" in error.what
    error = await _failure(f"redis-socket://{tmp_path}/none.sock")
    assert error.what == f"Nothing listens at {tmp_path}/none.sock."


@pytest.mark.usefixtures("impatient")
async def test_an_unknown_host() -> None:
    assert isinstance(await _failure("redis://no-such-host.invalid:6379"), Unavailable)


async def test_a_wrong_password(locked_server: ValkeyServer) -> None:
    for secret in ("", ":pw@"):
        error = await _failure(f"redis://{secret}127.0.0.1:{locked_server.port}/0")
        assert isinstance(error, Refused)
        assert f"127.0.0.1:{locked_server.port}/0 does not accept the password" in error.what
    async with connected(locked_server.uri(3)) as connection:
        assert await connection.call("DBSIZE") == 0


async def test_a_password_where_none_is_asked_for(uri: str) -> None:
    assert isinstance(await _failure(uri.replace("://", "://:pw@")), Refused)


async def test_a_database_that_the_server_has_not(uri: str) -> None:
    error = await _failure(uri.rpartition("/")[0] + "/9999")
    assert isinstance(error, Refused)
    assert "has no such database" in error.what


async def test_a_unix_socket(locked_server: ValkeyServer) -> None:
    with locked_server.client(5) as redis:
        redis.set("a", "1")
    secret = locked_server.uri().partition("://")[2].partition("@")[0]
    async with connected(f"redis-socket://{secret}@{locked_server.socket}?db=5") as connection:
        assert await connection.call("GET", "a") == b"1"


async def test_a_user_may_not_read(own_server: ValkeyServer) -> None:
    with own_server.client() as redis:
        redis.execute_command("ACL", "SETUSER", "default", "-dbsize")
    error = await _failure(own_server.uri())
    assert isinstance(error, Refused)
    assert "forbids it to this user" in error.what


@pytest.mark.usefixtures("impatient")
async def test_a_server_that_stalls_and_comes_back(own_server: ValkeyServer) -> None:
    async with connected(own_server.uri()) as connection:
        await connection.call("SET", "a", "1")
        own_server.pause()
        for _ in range(10):  # more often than there are connections
            with pytest.raises(Unavailable, match="did not answer in time"):
                await connection.call("GET", "a")
        own_server.resume()
        assert await connection.call("GET", "a") == b"1"


@pytest.mark.usefixtures("impatient")
async def test_a_host_that_never_answers() -> None:
    async with _listener(b"") as port:
        for uri in (f"redis://:pw@127.0.0.1:{port}/1", f"rediss://127.0.0.1:{port}"):
            error = await _failure(uri)
            assert isinstance(error, Unavailable)
            assert "did not answer in time" in error.what


async def test_a_server_that_is_no_redis(postgres_server: PostgresServer) -> None:
    async with _listener(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        error = await _failure(f"redis://127.0.0.1:{port}")
    assert isinstance(error, Refused)
    assert "is no Redis" in error.what
    await _failure(f"redis://127.0.0.1:{postgres_server.port}")


async def test_a_server_that_restarts(own_server: ValkeyServer) -> None:
    async with connected(own_server.uri()) as connection:
        client = Client(connection)
        assert await client.enqueue([make_message()], "batch") == [Answer(Result.DONE)]
        own_server.stop()
        with pytest.raises(Unavailable):
            await client.enqueue([make_message()], "batch")
        own_server.start()
        assert await client.enqueue([make_message()], "batch") == [Answer(Result.DONE)]


async def test_a_server_that_says_that_it_is_loading() -> None:
    async with _listener(b"-LOADING Redis is loading the dataset in memory\r\n") as port:
        error = await _failure(f"redis://127.0.0.1:{port}")
    assert isinstance(error, Unavailable)
    assert "is still loading its data" in error.what


async def test_a_cancelled_call_leaves_no_reply_for_the_next(
    own_server: ValkeyServer,
) -> None:
    async with connected(own_server.uri()) as connection:
        for turn in range(10):  # more often than there are connections
            call = asyncio.create_task(connection.call("BLPOP", "nothing", 0))
            with own_server.client() as redis:
                await _until_blocked(redis)
                call.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await call
                redis.rpush("nothing", "the reply of another call")
                redis.delete("nothing")
            assert await connection.call("ECHO", f"{turn}") == f"{turn}".encode()


async def test_a_cancelled_write_can_be_made_again(redis: Redis, uri: str) -> None:
    count = 300
    hold(redis, "archived", *(f"a-{n}" for n in range(count)))
    moves = [make_move(make_ref(f"t-{n}"), f"a-{n}") for n in range(count)]
    async with connected(uri) as connection:
        client = Client(connection)
        for turns in range(12):
            call = asyncio.create_task(client.run(moves, "batch"))
            for _ in range(turns):
                await asyncio.sleep(0)
            call.cancel()
            await asyncio.wait([call])
        answers = await client.run(moves, "batch")
    assert {answer.result for answer in answers} <= {Result.DONE, Result.ALREADY}
    assert redis.llen(keys.collection(QUEUE, "pending")) == count


@pytest.mark.parametrize("breaks_after", [0, 1, 7, 1_000, 2_500])
async def test_a_line_that_breaks_in_mid_write(
    valkey_server: ValkeyServer, redis: Redis, uri: str, breaks_after: int
) -> None:
    count = 300
    hold(redis, "archived", *(f"a-{n}" for n in range(count)))
    moves = [make_move(make_ref(f"t-{n}"), f"a-{n}") for n in range(count)]
    async with (
        proxy(valkey_server.port, breaks_after=breaks_after) as port,
        connected(uri.replace(str(valkey_server.port), str(port))) as connection,
    ):
        client = Client(connection)
        with pytest.raises(Unavailable):
            await client.run(moves, "batch")
        answers = await client.run(moves, "batch")
    assert {answer.result for answer in answers} <= {Result.DONE, Result.ALREADY}
    assert redis.llen(keys.collection(QUEUE, "pending")) == count


async def test_a_killed_connection_is_opened_anew(own_server: ValkeyServer) -> None:
    async with connected(own_server.uri()) as connection:
        await connection.call("SET", "a", "1")
        call = asyncio.create_task(connection.call("BLPOP", "nothing", 0))
        with own_server.client() as redis:
            await _until_blocked(redis)
            redis.client_kill_filter(_type="normal", skipme=True)
        with pytest.raises(Unavailable, match="was lost"):
            await call
        assert await connection.call("GET", "a") == b"1"


async def test_more_calls_than_connections(connection: connection_module.RedisConnection) -> None:
    echoes = await asyncio.gather(*(connection.call("ECHO", f"{n}") for n in range(200)))
    assert echoes == [f"{n}".encode() for n in range(200)]


def _tls(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)
    return context


async def test_tls_trusts_what_the_machine_trusts(
    valkey_server: ValkeyServer, uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    trusted = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(trusted)
    db = uri.rpartition("/")[2]
    port = valkey_server.port
    async with (
        proxy(port, tls=_tls(authority, "localhost")) as right,
        proxy(port, tls=_tls(authority, "redis.example.com")) as wrong_name,
    ):
        error = await _failure(f"rediss://localhost:{right}/{db}")
        assert isinstance(error, Refused)
        assert "The certificate of localhost:" in error.what

        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        async with connected(f"rediss://localhost:{right}/{db}") as connection:
            assert await connection.call("DBSIZE") == 0
        error = await _failure(f"rediss://localhost:{wrong_name}/{db}")
        assert isinstance(error, Refused)
        assert "localhost" in error.what
        assert "mismatch" in error.what

        assert isinstance(await _failure(f"redis://localhost:{right}/{db}"), HubError)
    async with _listener(b"-ERR unknown command\r\n") as plain:
        error = await _failure(f"rediss://localhost:{plain}/{db}")
        assert isinstance(error, Refused)
        assert "does not speak TLS" in error.what


async def test_a_queue_is_opened_without_a_connection_and_says_where_it_is() -> None:
    port = free_port()
    queue = await open_queue(SecretStr(f"redis://:pw@127.0.0.1:{port}/2"))
    async with queue as entered:
        assert entered is queue
        assert queue.place == f"127.0.0.1:{port}/2"
        with pytest.raises(Unavailable):
            await queue.depths([QUEUE])
        with pytest.raises(Unavailable):
            await queue.run([make_move()], "batch")
    with pytest.raises(Refused):
        await open_queue(SecretStr("redis://:pw@nowhere"))


async def test_a_read_only_queue_reads_and_refuses_to_write(redis: Redis, uri: str) -> None:
    hold(redis, "archived", "a-1")
    async with await open_queue(SecretStr(uri), read_only=True) as queue:
        for write in (queue.run([make_move()], "batch"), queue.enqueue([make_message()], "batch")):
            with pytest.raises(Refused, match="is open read-only"):
                await write
        assert (await queue.depths([QUEUE]))[QUEUE].archived == 1
        assert await queue.claims([make_ref()]) == [None]
    assert redis.zcard(keys.collection(QUEUE, "archived")) == 1


async def test_a_whole_queue(redis: Redis, uri: str) -> None:
    message = make_message()
    async with await open_queue(SecretStr(uri)) as queue:
        assert await queue.enqueue([message], "batch") == [Answer(Result.DONE)]
        found = await queue.look(QUEUE, message.asynq_id)
        assert found is not None
        assert (found.task_id, found.state) == (message.ref.task_id, "pending")
        assert (await queue.search(QUEUE)).found == {message.ref.task_id: found}
        assert await queue.claims([message.ref]) == ["batch"]
        assert await queue.servers() == []
