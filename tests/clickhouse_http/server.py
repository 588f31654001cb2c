"""The HTTP side: one thread for each connection."""

from __future__ import annotations

import contextlib
import json
import secrets
import socket
import ssl
import string
import traceback
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from tests.clickhouse_http.encodings import encoder
from tests.clickhouse_http.engine import Answer, Engine, Query
from tests.clickhouse_http.errors import (
    AUTHENTICATION_FAILED,
    QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING,
    SESSION_IS_LOCKED,
    STD_EXCEPTION,
    QueryError,
)
from tests.clickhouse_http.faults import Fault, Faults
from tests.clickhouse_http.request import Request
from tests.clickhouse_http.running import LOOK_SECONDS, Leavers, Taken, has_left

_BUFFER = 1 << 20
"""Bytes of an answer that are held back: an error until then has its own status."""

_END = b"0\r\n\r\n"
"""The chunk that ends a body."""

_SUMMARY = (
    *("read_rows", "read_bytes", "written_rows", "written_bytes", "total_rows_to_read"),
    *("result_rows", "result_bytes", "elapsed_ns"),
)


class Server(ThreadingHTTPServer):
    """Listens on 127.0.0.1, for one user."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, engine: Engine, user: str, password: str) -> None:
        self.engine = engine
        self.faults = Faults()
        self.leavers = Leavers(engine.kill)
        self.taken = Taken()
        self._credentials = (user, password)
        super().__init__(("127.0.0.1", port), _Handler)

    def speak_tls(self, certificate: Path) -> None:
        """Encrypt; each handshake is made by the thread of its connection."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self.socket = context.wrap_socket(
            self.socket, server_side=True, do_handshake_on_connect=False
        )

    def admit(self, request: Request) -> None:
        """Raise QueryError, in ClickHouse's words, unless the request is by the user."""
        if request.credentials != self._credentials:
            raise QueryError.named(
                AUTHENTICATION_FAILED,
                "AUTHENTICATION_FAILED",
                f"{request.credentials[0]}: Authentication failed: "
                "password is incorrect, or there is no user with such name.",
            )


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and the body leave together

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self) -> None:
        try:
            request = Request.read(self.command, self.path, self.headers, self.rfile)
            if request.path in ("", "/"):
                self._query(request)
            elif request.path == "/ping":
                self._plain(200, b"Ok.\n")
            elif request.path == "/_test/fault":
                self._fault(request)
            else:
                self._plain(404, f"There is no handle {request.path}\n".encode())
            self.wfile.flush()
        except ConnectionError:  # nobody is there to be answered
            self.close_connection = True

    def _fault(self, request: Request) -> None:
        if self.command == "POST":
            asked = dict(parse_qsl(urlsplit(self.path).query))
            self.server.faults.arm(Fault(asked["kind"]), asked.get("match", "").encode())
        self._plain(200, self.server.faults.armed.encode())

    def _query(self, request: Request) -> None:
        query_id = ""
        try:
            self.server.admit(request)
            query = request.query()
            query_id = query.id
            with self._running(request, query), self.server.engine.answer(query) as answer:
                self._send(request, query, answer)
        except QueryError as error:
            self._fail(error, query_id)
        except ConnectionError:
            raise
        except Exception:
            words = traceback.format_exc()
            self._fail(QueryError.named(STD_EXCEPTION, "STD_EXCEPTION", words), query_id)

    @contextlib.contextmanager
    def _running(self, request: Request, query: Query) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            if request.session:
                code, name = SESSION_IS_LOCKED, "SESSION_IS_LOCKED"
                words = f"Session {request.session} is locked by a concurrent client."
                locked = QueryError.named(code, name, words)
                stack.enter_context(self.server.taken.take(f"session {request.session}", locked))
            code, name = (
                QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING,
                "QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING",
            )
            same = QueryError.named(code, name, f"Query with id = {query.id} is already running.")
            stack.enter_context(self.server.taken.take(f"query {query.id}", same))
            if _ends_with_client(query):
                stack.enter_context(self.server.leavers.watch(query.id, self.connection))
            yield

    def _send(self, request: Request, query: Query, answer: Answer) -> None:
        held, ended = _held(answer)
        fault = self._meet(query)
        encoding = request.encoding if held else ""
        encode = encoder(encoding)
        tag = self._head(200, query.id, _headers(answer, encoding))
        if fault is Fault.DROP:
            begun = encode.encode(held) if held else b""
            self._chunk(begun[: max(1, len(begun) // 2)])
            self._hang_up()
            return
        if held:
            self._chunk(encode.encode(held))
        try:
            if fault is Fault.EXCEPTION:
                raise self.server.engine.fail("the fault that a test asked for")
            if not ended:
                for piece in answer.pieces:
                    self._chunk(encode.encode(piece))
        except QueryError as error:
            self._chunk(encode.encode(_in_band(self._text(error), tag)))
            self._hang_up()
            return
        if held:
            self._chunk(encode.end())
        self.wfile.write(_END)

    def _meet(self, query: Query) -> Fault:
        fault, released = self.server.faults.take(query.text)
        while fault is Fault.STALL and not released.wait(LOOK_SECONDS):
            if has_left(self.connection):
                raise ConnectionAbortedError
        return fault

    def _head(self, status: int, query_id: str, more: dict[str, str]) -> str:
        tag = "".join(secrets.choice(string.ascii_lowercase) for _ in range(16))
        self.send_response(status)
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("X-ClickHouse-Query-Id", query_id)
        self.send_header("X-ClickHouse-Timezone", self.server.engine.timezone)
        self.send_header("X-ClickHouse-Exception-Tag", tag)
        for key, value in more.items():
            self.send_header(key, value)
        self.end_headers()
        return tag

    def _chunk(self, data: bytes) -> None:
        if data:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))

    def _hang_up(self) -> None:
        """End the connection without the chunk that ends a body: the client sees it broken."""
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_WR)
        self.close_connection = True

    def _fail(self, error: QueryError, query_id: str) -> None:
        code = {"X-ClickHouse-Exception-Code": str(error.code)}
        self._head(error.status, query_id, code | {"X-ClickHouse-Summary": _summary({})})
        self._chunk(self._text(error))
        self.wfile.write(_END)

    def _text(self, error: QueryError) -> bytes:
        return f"{error} (version {self.server.engine.version} (official build))\n".encode()

    def _plain(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=UTF-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _held(answer: Answer) -> tuple[bytes, bool]:
    """Return the beginning of the body, and whether it is all of it."""
    held = bytearray()
    for piece in answer.pieces:
        held += piece
        if len(held) > _BUFFER:
            return bytes(held), False
    return bytes(held), True


def _ends_with_client(query: Query) -> bool:
    # ClickHouse looks after the client of a query only if the query is readonly, too.
    asked = query.settings.get("cancel_http_readonly_queries_on_client_close", "0")
    return asked in ("1", "true") and query.settings.get("readonly", "0") != "0"


def _headers(answer: Answer, encoding: str) -> dict[str, str]:
    headers = {"X-ClickHouse-Summary": _summary(answer.counts)}
    if answer.format is not None:
        headers["X-ClickHouse-Format"] = answer.format
    if encoding:
        headers["Content-Encoding"] = encoding
    return headers


def _summary(counts: dict[str, int]) -> str:
    whole = dict.fromkeys(_SUMMARY, 0) | counts
    return json.dumps({key: str(count) for key, count in whole.items()}, separators=(",", ":"))


def _in_band(text: bytes, tag: str) -> bytes:
    mark = tag.encode()
    return b"\r\n__exception__\r\n%b\r\n%b%d %b\r\n__exception__\r\n" % (
        mark,
        text,
        len(text),
        mark,
    )
