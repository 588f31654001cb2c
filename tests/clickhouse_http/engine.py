"""Queries on chDB, the engine of ClickHouse inside this process."""

from __future__ import annotations

import contextlib
import itertools
import json
import re
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chdb.state.sqlitelike import Connection

from tests.clickhouse_http import sql
from tests.clickhouse_http.errors import SYNTAX_ERROR, QueryError

_OWN_SETTINGS = {
    "implicit_select": "0",  # a server takes no `1 + 1` for a query
    "fsync_metadata": "0",  # tests lose nothing with the machine
}

_PIECEWISE = {"Native", "TabSeparated", "TSV", "CSV", "RowBinary", "JSONEachRow"}
"""Formats without a head or a foot: chDB's pieces of them, one after another, are the whole."""

_READS = "READ_ONLY"


@dataclass(frozen=True)
class Query:
    """One query as it came: `text` is the statement and, after an INSERT, its data.

    `format` is that of the answer if the statement asks for none. `whole` says that nothing may be
    sent before the end is known.
    """

    text: bytes
    id: str
    database: str = ""
    format: str = "TabSeparated"
    whole: bool = True
    settings: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)


@dataclass
class Answer:
    """What came of a query. `format` is None if it gives no rows by its kind.

    `counts` are those of X-ClickHouse-Summary; while `pieces` come, they grow.
    """

    format: str | None
    pieces: Generator[bytes, None, None]
    counts: dict[str, int]


class Engine:
    """The databases in one folder. A process can open one folder, and a folder one process.

    Errors of the engine are `QueryError`.
    """

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._keeper = Connection(self._path)  # the engine stays while one handle is open
        row = self._keeper.query("SELECT version(), timezone()", "TabSeparated").bytes().decode()
        self.version, self.timezone = row.split()
        self._headers: dict[object, bytes] = {}

    @contextlib.contextmanager
    def answer(self, query: Query) -> Iterator[Answer]:
        """Run a query; the answer is good until the end of the block."""
        with _told(), self._handle(query) as handle:
            answer = self._run(handle, query)
            with contextlib.closing(answer.pieces):
                yield answer

    def kill(self, query_id: str) -> None:
        """Ask that a query ends; nothing happens if there is none."""
        statement = f"KILL QUERY WHERE {sql.QUERY_ID} = {sql.literal(query_id)} ASYNC"
        with contextlib.closing(Connection(self._path)) as handle:
            handle.query(statement, "Null")

    def fail(self, words: str) -> QueryError:
        """Return an error of the engine with these words in it."""
        try:
            with self.answer(Query(f"SELECT throwIf(1, {sql.literal(words)})".encode(), "")):
                raise AssertionError
        except QueryError as error:
            return error

    @contextlib.contextmanager
    def _handle(self, query: Query) -> Iterator[Connection]:
        # A handle of its own for each query, 0.3 ms: settings and the database belong to a handle,
        # and one that was set to readonly does not come back.
        with contextlib.closing(Connection(self._path)) as handle:
            # chDB gives queries ids of its own; log_comment has system.processes show the client's.
            settings = _OWN_SETTINGS | query.settings | {"log_comment": query.id}
            pairs = (f"{_checked(key)} = {sql.literal(value)}" for key, value in settings.items())
            use = f"USE {sql.name(query.database)}; " if query.database else ""
            handle.query(f"{use}SET {', '.join(pairs)}", "Null")
            yield handle

    def _run(self, handle: Connection, query: Query) -> Answer:
        insert = sql.insert(query.text)
        if insert is not None:
            return _insert(handle, insert)
        text = sql.with_query_ids(query.text)
        reads = _kind(handle, text) == _READS
        answer_format = sql.format_of(text) or query.format
        # chDB gives nothing but SELECT in pieces
        if sql.selects(text) and not query.whole and answer_format in _PIECEWISE:
            return self._piecewise(handle, text, answer_format, query)
        result = _ask(handle, text, answer_format, query.parameters)
        if sql.defines(text):
            self._headers.clear()
        body: bytes = result.bytes()
        if reads and not body and answer_format == "Native":
            body = self._header(handle, text, query)
        rows = reads or bool(body) or sql.kills(text)
        return Answer(answer_format if rows else None, _one(body), _counts(result))

    def _piecewise(
        self, handle: Connection, text: bytes, answer_format: str, query: Query
    ) -> Answer:
        stream = handle.send_query(text, answer_format, query.parameters)  # type: ignore[arg-type]
        counts: dict[str, int] = {}

        def pieces() -> Generator[bytes, None, None]:
            empty = True
            with _told(), contextlib.closing(stream):
                for piece in stream:
                    empty = False
                    for key, count in _counts(piece).items():
                        counts[key] = counts.get(key, 0) + count
                    yield piece.bytes()
            if empty and answer_format == "Native":
                with _told():
                    yield self._header(handle, text, query)

        return Answer(answer_format, pieces(), counts)

    def _header(self, handle: Connection, text: bytes, query: Query) -> bytes:
        # To ask for it takes as long as the query. The values of parameters make no columns.
        names, settings = frozenset(query.parameters), frozenset(query.settings.items())
        key = (query.database, text, names, settings)
        if key not in self._headers:
            self._headers[key] = _header(handle, text, query.parameters)
        return self._headers[key]


@contextlib.contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:  # ChdbError is one too
        raise QueryError.of_engine(str(error)) from error


def _one(body: bytes) -> Generator[bytes, None, None]:
    if body:
        yield body


def _checked(setting: str) -> str:
    if re.fullmatch(r"\w+", setting) is None:
        raise QueryError.named(115, "UNKNOWN_SETTING", f"Unknown setting '{setting}'.")
    return setting


def _ask(handle: Connection, text: bytes, answer_format: str, parameters: dict[str, str]) -> Any:
    return handle.query(text, answer_format, parameters)  # type: ignore[arg-type]  # bytes are fine


def _kind(handle: Connection, text: bytes) -> str:
    told = handle._conn.classify_query(text.decode(errors="replace"))
    if told["statement_count"] > 1:
        words = "Syntax error (Multi-statements are not allowed)."
        raise QueryError.named(SYNTAX_ERROR, "SYNTAX_ERROR", words)
    return str(told["query_class"].name)


def _insert(handle: Connection, insert: sql.Insert) -> Answer:
    inserter = handle.send_insert(insert.statement, insert.format)
    with inserter:
        if insert.data:
            inserter.append(insert.data)  # type: ignore[no-untyped-call]
        done = inserter.finish()
    rows, size = done.rows_written, done.bytes_written
    counts = {"read_rows": rows, "read_bytes": size, "written_rows": rows, "written_bytes": size}
    return Answer(None, _one(b""), counts | {"elapsed_ns": round(done.elapsed * 1e9)})


def _counts(result: Any) -> dict[str, int]:
    # rows_read() and bytes_read() are of the answer, not of what was scanned for it.
    return {
        "read_rows": result.storage_rows_read(),
        "read_bytes": result.storage_bytes_read(),
        "written_rows": result.rows_written(),
        "written_bytes": result.bytes_written(),
        "result_rows": result.rows_read(),
        "result_bytes": result.bytes_read(),
        "elapsed_ns": round(result.elapsed() * 1e9),
    }


def _header(handle: Connection, text: bytes, parameters: dict[str, str]) -> bytes:
    """Return the block that tells columns and no rows, which chDB leaves out and a server sends."""
    bare = sql.without_format(text)
    columns: Iterable[tuple[str, str]]
    if sql.selects(bare):
        described = b"DESCRIBE (" + bare + b"\n)"
        lines = _lines(handle, described, "JSONCompactEachRow", parameters)
        columns = [(line[0], line[1]) for line in lines]
    else:  # SHOW, EXPLAIN and their like cost nothing, and DESCRIBE does not take them
        names, types, *_ = _lines(handle, bare, "JSONCompactEachRowWithNamesAndTypes", parameters)
        columns = zip(names, types, strict=True)
    texts = [part.encode() for part in itertools.chain.from_iterable(columns)]
    strings = b"".join(_leb128(len(part)) + part for part in texts)
    return _leb128(len(texts) // 2) + _leb128(0) + strings


def _lines(
    handle: Connection, text: bytes, line_format: str, parameters: dict[str, str]
) -> list[list[str]]:
    body = _ask(handle, text, line_format, parameters).bytes()
    return [json.loads(line) for line in body.splitlines()]


def _leb128(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
