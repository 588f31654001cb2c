"""The ClickHouse of the tests itself: what clients, and tests that look behind them, rely on."""

from __future__ import annotations

import base64
import contextlib
import gzip
import http.client
import itertools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import (
    DatabaseError,
    OperationalError,
    StreamFailureError,
)

from tests.clickhouse import ClickHouseServer

_ENDLESS = (
    "SELECT count() FROM system.numbers WHERE sleepEachRow(0.01) = 1 SETTINGS max_block_size = 1"
)
_RUNNING = "SELECT count() FROM system.processes WHERE query_id = {id:String}"
_LEAVES = {"readonly": 2, "cancel_http_readonly_queries_on_client_close": 1}

_ids = (f"chosen by a test {number}" for number in itertools.count(1))


@pytest.fixture(scope="module")
def server() -> Iterator[ClickHouseServer]:
    """A ClickHouse for this module."""
    with ClickHouseServer() as server:
        yield server


@pytest.fixture
def dsn(server: ClickHouseServer) -> Iterator[str]:
    """The address of an empty database."""
    dsn = server.create_database()
    yield dsn
    server.fault("off")
    server.drop_database(dsn)


@pytest.fixture
def client(server: ClickHouseServer, dsn: str) -> Iterator[Client]:
    """A client on the empty database."""
    with server.client_of(dsn) as client:
        yield client


@pytest.fixture
def table(client: Client) -> str:
    """A table of the database: `id`, and `text`, which may be NULL."""
    columns = "id UInt64, text Nullable(String)"
    client.command(f"CREATE TABLE t ({columns}) ENGINE = MergeTree ORDER BY id")
    return "t"


def arguments(dsn: str) -> dict[str, Any]:
    """Return what clickhouse-connect's functions make a client from."""
    return {"dsn": dsn, "autogenerate_session_id": False}


@contextlib.contextmanager
def another(dsn: str, **more: Any) -> Iterator[Client]:
    """A client that is made from the address."""
    made = clickhouse_connect.get_client(**arguments(dsn), dedicated_pool=True, **more)
    with made as client:
        yield client


def until(condition: Callable[[], object]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.01)


def runs(client: Client, query_id: str) -> bool:
    """Say whether the engine runs a query."""
    return client.query(_RUNNING, parameters={"id": query_id}).first_row == (1,)


def authorization(server: ClickHouseServer) -> dict[str, str]:
    """Return the header that names the user."""
    token = base64.b64encode(f"{server.user}:{server.password}".encode()).decode()
    return {"Authorization": f"Basic {token}"}


def ask(
    server: ClickHouseServer,
    method: str,
    parameters: dict[str, str],
    body: bytes = b"",
    headers: dict[str, str] | None = None,
) -> tuple[http.client.HTTPResponse, bytes]:
    """Ask without a driver: return the response and its body."""
    connection = http.client.HTTPConnection(server.host, server.port)
    with contextlib.closing(connection):
        url = "/?" + urlencode(parameters)
        connection.request(method, url, body, headers or authorization(server))
        response = connection.getresponse()
        return response, response.read()


@pytest.mark.parametrize("form", [False, True], ids=["in the URL", "in a form"])
def test_parameters_arrive_as_they_were_given(dsn: str, form: bool) -> None:
    values = [
        ("String", "quote ' backslash \\ tab \t newline \n NUL \0 ü 漢 {x:String}"),
        ("String", "x" * 5000),  # too long for the URL: the client turns to a form by itself
        ("Nullable(String)", None),
        ("Array(String)", ["it's", "a\\b", ""]),
        ("Array(Nullable(Int64))", [1, None, -(2**63)]),
        ("DateTime64(6, 'UTC')", datetime(2024, 2, 29, 12, 30, 15, 123456, UTC)),
        ("Nullable(DateTime64(6, 'UTC'))", None),
        ("UInt64", 2**64 - 1),
        ("Float64", 0.1),
        ("Bool", True),
    ]
    asked = ", ".join(f"{{p{index}:{kind}}}" for index, (kind, _) in enumerate(values))
    parameters = {f"p{index}": value for index, (_, value) in enumerate(values)}
    with another(dsn, form_encode_query_params=form, tz_mode="aware") as client:
        rows = client.query(f"SELECT {asked}", parameters=parameters).result_rows
    assert [list(row) for row in rows] == [[value for _, value in values]]


@pytest.mark.parametrize("compress", [False, "lz4", "zstd", "gzip"])
def test_rows_go_in_and_come_out(dsn: str, table: str, compress: str | bool) -> None:
    rows = [[number, None if number % 3 else f"text {number}"] for number in range(20_000)]
    with another(dsn, compress=compress) as client:
        summary = client.insert(table, rows, column_names=["id", "text"])
        found = client.query("SELECT id, text FROM t ORDER BY id")
    assert summary.written_rows == 20_000
    assert [list(row) for row in found.result_rows] == rows


def test_data_in_text_formats(client: Client, table: str) -> None:
    client.raw_insert(table, ["id", "text"], '{"id": 1, "text": "a"}\n', fmt="JSONEachRow")
    packed = gzip.compress(b'2,"b"\n')
    client.raw_insert(table, ["id", "text"], packed, fmt="CSV", compression="gzip")
    client.command("INSERT INTO t VALUES (3, 'c'), (4, NULL)")
    client.command("INSERT INTO t SELECT id + 4, text FROM t")
    found = client.raw_query("SELECT id, text FROM t ORDER BY id", fmt="CSV")
    assert found.split() == [
        *(b'1,"a"', b'2,"b"', b'3,"c"', b"4,\\N"),
        *(b'5,"a"', b'6,"b"', b'7,"c"', b"8,\\N"),
    ]


def test_a_broken_insert_writes_nothing(client: Client, table: str) -> None:
    with pytest.raises(DatabaseError) as caught:
        client.raw_insert(table, ["id", "text"], "1,a\nnot a number,b\n", fmt="CSV")
    assert caught.value.code == 27
    assert client.command("SELECT count() FROM t") == 0


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("lz4, zstd", "zstd"),
        ("lz4", "lz4"),
        ("br, gzip", "gzip"),
        ("deflate", "deflate"),
        ("", None),
    ],
)
def test_the_answer_is_compressed_as_asked(
    server: ClickHouseServer, accepted: str, encoding: str | None
) -> None:
    headers = {"X-ClickHouse-User": "hub reader", "X-ClickHouse-Key": server.password}
    headers["Accept-Encoding"] = accepted
    parameters = {"enable_http_compression": "1", "query": "SELECT 1"}
    response, _ = ask(server, "GET", parameters, headers=headers)
    assert response.getheader("Content-Encoding") == encoding


def test_an_empty_result_has_its_columns(client: Client, table: str) -> None:
    asked = "SELECT id, text AS `other name` FROM t WHERE id > {id:UInt64}"
    found = client.query(asked, parameters={"id": 5}, settings={"max_threads": 1})
    assert (found.column_names, found.row_count) == (("id", "other name"), 0)
    assert [kind.name for kind in found.column_types] == ["UInt64", "Nullable(String)"]
    assert client.query("SHOW TABLES LIKE 'none'").column_names == ("name",)
    with client.query_row_block_stream(asked, parameters={"id": 5}) as stream:
        assert stream.source.column_names == ("id", "other name")
        assert [row for block in stream for row in block] == []


def test_what_was_scanned_is_told(client: Client, table: str) -> None:
    client.command("INSERT INTO t SELECT number, NULL FROM numbers(1000)")
    summary = client.query("SELECT count() FROM t WHERE text IS NULL").summary
    assert (summary["read_rows"], summary["result_rows"]) == ("1000", "1")
    assert int(summary["read_bytes"]) >= 1000


def test_headers(server: ClickHouseServer) -> None:
    response, body = ask(server, "POST", {"query_id": "mine"}, b"SELECT 1 AS a FORMAT JSONEachRow")
    assert body == b'{"a":1}\n'
    assert response.getheader("X-ClickHouse-Query-Id") == "mine"
    assert response.getheader("X-ClickHouse-Format") == "JSONEachRow"
    assert response.getheader("X-ClickHouse-Timezone") == "Asia/Kathmandu"
    response, body = ask(
        server, "GET", {"query": "SELECT 1 AS a", "default_format": "CSVWithNames"}
    )
    assert (response.getheader("X-ClickHouse-Format"), body) == ("CSVWithNames", b'"a"\n1\n')


def test_a_wrong_password_is_refused(server: ClickHouseServer) -> None:
    with pytest.raises(DatabaseError, match="hub reader: Authentication failed") as caught:
        clickhouse_connect.get_client(
            host=server.host, port=server.port, username=server.user, password="wrong"
        )
    assert caught.value.code == 516
    headers = {"X-ClickHouse-User": server.user, "X-ClickHouse-Key": "wrong"}
    response, body = ask(server, "POST", {}, b"SELECT 1", headers)
    assert (response.status, response.getheader("X-ClickHouse-Exception-Code")) == (403, "516")
    assert body.startswith(b"Code: 516. DB::Exception: hub reader: Authentication failed: ")


@pytest.mark.parametrize(
    ("query", "parameters", "code", "status"),
    [
        ("SELECT * FROM nowhere", {}, 60, 404),
        ("SELECT 1", {"database": "nowhere"}, 81, 404),
        ("SELECT 1", {"no_such_setting": "1"}, 115, 404),
        ("SELEC 1", {}, 62, 400),
        ("SELECT 1; SELECT 2", {}, 62, 400),
        ("SELECT throwIf(1)", {}, 395, 500),
        ("SELECT sleepEachRow(0.1) FROM numbers(20)", {"max_execution_time": "0.1"}, 159, 408),
    ],
)
def test_errors(
    server: ClickHouseServer, query: str, parameters: dict[str, str], code: int, status: int
) -> None:
    response, body = ask(server, "POST", {"max_block_size": "1"} | parameters, query.encode())
    assert response.getheader("X-ClickHouse-Exception-Code") == str(code)
    assert response.status == status
    assert body.startswith(f"Code: {code}. DB::Exception: ".encode())


@pytest.mark.parametrize("level", [1, 2])
def test_readonly_is_for_one_request(client: Client, table: str, level: int) -> None:
    with pytest.raises(DatabaseError) as caught:
        client.command("INSERT INTO t VALUES (1, NULL)", settings={"readonly": level})
    assert caught.value.code == 164
    with pytest.raises(DatabaseError) as caught:
        client.insert(table, [[1, None]], settings={"readonly": level})
    assert caught.value.code == 164
    assert client.command("SELECT count() FROM t", settings={"readonly": level}) == 0
    client.command("INSERT INTO t VALUES (1, NULL)")
    assert client.command("SELECT count() FROM t") == 1


def test_what_is_got_changes_nothing(server: ClickHouseServer) -> None:
    response, _ = ask(server, "GET", {"query": "CREATE DATABASE never"})
    assert response.getheader("X-ClickHouse-Exception-Code") == "164"


def test_settings_are_for_one_request(client: Client) -> None:
    asked = "SELECT value FROM system.settings WHERE name = 'max_result_rows'"
    assert client.command(asked, settings={"max_result_rows": 1234}) == 1234
    assert client.command(asked) == 0


def test_queries_run_at_the_same_time(dsn: str, client: Client) -> None:
    ids = [next(_ids) for _ in range(3)]
    with ThreadPoolExecutor() as pool, another(dsn) as shared:
        running = [pool.submit(shared.query, _ENDLESS, settings={"query_id": id}) for id in ids]
        until(lambda: all(runs(client, id) for id in ids))
        for id in ids:
            client.command("KILL QUERY WHERE query_id = {id:String} ASYNC", parameters={"id": id})
        assert [killed(future) for future in running] == [394] * 3


def killed(future: Future[Any]) -> int | None:
    """Return the code that a query ended with."""
    with pytest.raises(DatabaseError) as caught:
        future.result(timeout=30)
    return caught.value.code


@pytest.mark.parametrize("how", ["SYNC", "ASYNC"])
def test_a_query_is_killed_by_the_id_that_its_client_chose(
    dsn: str, client: Client, how: str
) -> None:
    mine, other = next(_ids), next(_ids)
    kill = f"KILL QUERY WHERE query_id = {{id:String}} {how}"
    with ThreadPoolExecutor() as pool, another(dsn) as shared:
        future = pool.submit(shared.query, _ENDLESS, settings={"query_id": mine})
        until(lambda: runs(client, mine))
        client.command(kill, parameters={"id": other})
        assert runs(client, mine)
        client.command(kill, parameters={"id": mine})
        assert killed(future) == 394
    until(lambda: not runs(client, mine))


def test_one_query_at_a_time_has_an_id_and_a_session(
    server: ClickHouseServer, dsn: str, client: Client
) -> None:
    taken = {"query_id": next(_ids), "session_id": "a session"}
    with ThreadPoolExecutor() as pool, another(dsn) as shared:
        future = pool.submit(shared.query, _ENDLESS, settings=taken)
        until(lambda: runs(client, taken["query_id"]))
        response, _ = ask(server, "POST", {"query_id": taken["query_id"]}, b"SELECT 1")
        assert response.getheader("X-ClickHouse-Exception-Code") == "216"
        response, _ = ask(server, "POST", {"session_id": "a session"}, b"SELECT 1")
        assert response.getheader("X-ClickHouse-Exception-Code") == "373"
        kill = "KILL QUERY WHERE query_id = {id:String} SYNC"
        client.command(kill, parameters={"id": taken["query_id"]})
        assert killed(future) == 394


def test_a_query_ends_with_its_client(dsn: str, client: Client) -> None:
    mine = next(_ids)
    with (
        another(dsn, send_receive_timeout=1) as impatient,
        pytest.raises(OperationalError, match="timed out"),
    ):
        impatient.query(_ENDLESS, settings=_LEAVES | {"query_id": mine})
    until(lambda: not runs(client, mine))


@pytest.mark.parametrize(("readonly", "ends"), [(2, True), (0, False)])
def test_only_a_readonly_query_ends_with_its_connection(
    server: ClickHouseServer, client: Client, readonly: int, ends: bool
) -> None:
    mine = next(_ids)
    url = "/?" + urlencode(_LEAVES | {"query_id": mine, "readonly": readonly})
    connection = http.client.HTTPConnection(server.host, server.port)
    with contextlib.closing(connection):
        connection.request("POST", url, _ENDLESS, authorization(server))
        until(lambda: runs(client, mine))
    if not ends:
        assert all(runs(client, mine) for _ in range(10))
        client.command("KILL QUERY WHERE query_id = {id:String} ASYNC", parameters={"id": mine})
    until(lambda: not runs(client, mine))


def test_an_error_in_the_middle_of_a_stream(client: Client) -> None:
    asked = "SELECT number, throwIf(number = 600000, 'too far') FROM numbers(900000)"
    blocks: list[object] = []
    with (
        client.query_row_block_stream(asked) as stream,
        pytest.raises(StreamFailureError, match="too far") as caught,
    ):
        blocks.extend(stream)
    assert caught.value.code == 395
    assert blocks


def test_a_stream_is_whole(client: Client) -> None:
    with client.query_row_block_stream("SELECT number FROM numbers(900000)") as stream:
        assert sum(row[0] for block in stream for row in block) == 899_999 * 450_000


def test_an_answer_is_dropped(server: ClickHouseServer, client: Client, table: str) -> None:
    client.command("INSERT INTO t VALUES (1, 'a')")
    server.fault("drop", match="FROM t")
    assert client.query("SELECT 'another'").first_row == ("another",)
    with pytest.raises(StreamFailureError):
        client.query("SELECT * FROM t")
    assert not server.fault_to_come()
    assert client.query("SELECT * FROM t").result_rows == [(1, "a")]
    server.fault("drop", match="INSERT")
    with pytest.raises(OperationalError):
        client.command("INSERT INTO t VALUES (2, 'b')")
    assert client.command("SELECT count() FROM t") == 2  # it was done, and nobody told


def test_an_answer_goes_on_with_an_exception(server: ClickHouseServer, client: Client) -> None:
    server.fault("exception")
    found = client.query("SELECT 1")  # reads one block; the rest is read when it is asked for
    with pytest.raises(StreamFailureError, match="the fault that a test asked for") as caught:
        _ = found.result_rows
    assert caught.value.code == 395
    assert client.query("SELECT 1").first_row == (1,)


def test_an_answer_stalls(server: ClickHouseServer, dsn: str, client: Client) -> None:
    server.fault("stall", match="INSERT")
    with ThreadPoolExecutor() as pool, another(dsn) as shared:
        shared.command("CREATE TABLE t (id UInt64) ENGINE = MergeTree ORDER BY id")
        future = pool.submit(shared.raw_insert, "t", ["id"], "1", fmt="CSV")
        until(lambda: not server.fault_to_come())
        assert client.command("SELECT count() FROM t") == 1
        assert client.ping()
        assert not future.done()
        server.fault("off")
        assert future.result(timeout=30).written_rows == 1


def test_a_fault_spares_clients_that_start(server: ClickHouseServer, dsn: str) -> None:
    server.fault("drop")
    with another(dsn) as client:
        assert server.fault_to_come()
        with pytest.raises(StreamFailureError):
            client.query("SELECT 1")


def test_databases_do_not_see_each_other(server: ClickHouseServer, client: Client) -> None:
    client.command("CREATE TABLE t (id UInt64) ENGINE = MergeTree ORDER BY id")
    dsn = server.create_database()
    with server.client_of(dsn) as other:
        assert other.query("SHOW TABLES").result_rows == []
        server.drop_database(dsn)
        with pytest.raises(DatabaseError) as caught:
            other.query("SHOW TABLES")
    assert caught.value.code == 81


def test_a_restart_keeps_the_data(server: ClickHouseServer, dsn: str, client: Client) -> None:
    client.command("CREATE TABLE t (id UInt64) ENGINE = MergeTree ORDER BY id")
    client.insert("t", [[1], [2]], column_names=["id"])
    server.restart()
    assert client.query("SELECT id FROM t ORDER BY id").result_rows == [(1,), (2,)]
    server.stop()
    with pytest.raises(OperationalError):
        client.query("SELECT 1")
    server.start()
    assert client.command("SELECT count() FROM t") == 2
    assert server.dsn(urlsplit(dsn).path[1:]) == dsn


def test_a_paused_server_answers_later(server: ClickHouseServer, client: Client) -> None:
    with ThreadPoolExecutor() as pool:
        server.pause()
        try:
            future = pool.submit(client.command, "SELECT 1")
            assert not client.ping(timeout=0.1)
            assert not future.done()
        finally:
            server.resume()
        assert future.result(timeout=30) == 1
