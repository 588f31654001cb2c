"""Requests: from HTTP to a query."""

from __future__ import annotations

import base64
import binascii
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from email.policy import HTTP
from io import BufferedIOBase
from urllib.parse import parse_qsl, urlsplit

from tests.clickhouse_http import encodings
from tests.clickhouse_http.engine import Query
from tests.clickhouse_http.errors import NOT_IMPLEMENTED, QueryError

_TRANSPORT = {
    *("buffer_size", "client_protocol_version", "compress", "database", "decompress"),
    *("default_format", "password", "query", "query_id", "quota_key", "role", "session_check"),
    *("session_id", "session_timeout", "stacktrace", "user", "wait_end_of_query"),
}
"""Parameters of the URL that are not settings of the query. All others are."""


@dataclass(frozen=True)
class Request:
    """One request, with its body read and not yet decompressed."""

    method: str
    path: str
    url_parameters: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @classmethod
    def read(cls, method: str, target: str, headers: Message, stream: BufferedIOBase) -> Request:
        """Read the body that the headers announce."""
        url = urlsplit(target)
        lowered = {key.lower(): value for key, value in headers.items()}
        if lowered.get("transfer-encoding", "").lower() == "chunked":
            body = b"".join(_chunks(stream))
        else:
            body = stream.read(int(lowered.get("content-length", 0)))
        parameters = dict(parse_qsl(url.query, keep_blank_values=True))
        return cls(method, url.path, parameters, lowered, body)

    @property
    def credentials(self) -> tuple[str, str]:
        """The user and the password: from ClickHouse's headers, from HTTP's, or from the URL."""
        if "x-clickhouse-user" in self.headers:
            return self.headers["x-clickhouse-user"], self.headers.get("x-clickhouse-key", "")
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            try:
                user, _, password = base64.b64decode(token).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                return "", ""
            return user, password
        return self.url_parameters.get("user", "default"), self.url_parameters.get("password", "")

    @property
    def session(self) -> str:
        """The id of the session, or ""."""
        return self.url_parameters.get("session_id", "")

    @property
    def encoding(self) -> str:
        """The compression that the answer gets, or ""."""
        if self.url_parameters.get("enable_http_compression", "1") not in ("1", "true"):
            return ""
        accepted = self.headers.get("accept-encoding", "")
        return next((offered for offered in encodings.OFFERED if offered in accepted), "")

    def query(self) -> Query:
        """Return the query: its text from the URL, then from the body or a form.

        Raises QueryError if the body cannot be read.
        """
        parameters = dict(self.url_parameters)
        body = encodings.decode(self.body, self.headers.get("content-encoding", ""))
        if self.headers.get("content-type", "").startswith("multipart/form-data"):
            parameters |= _form(self.headers["content-type"], body)
            body = b""
        parts = (parameters.get("query", "").encode(), body)
        settings = {
            key: value
            for key, value in parameters.items()
            if key not in _TRANSPORT and not key.startswith("param_")
        }
        if self.method == "GET" and settings.get("readonly", "0") == "0":
            settings["readonly"] = "2"  # as ClickHouse has it: what is got changes nothing
        return Query(
            text=b"\n".join(part for part in parts if part),
            id=parameters.get("query_id") or str(uuid.uuid4()),
            database=parameters.get("database") or self.headers.get("x-clickhouse-database", ""),
            format=parameters.get("default_format")
            or self.headers.get("x-clickhouse-format", "TabSeparated"),
            whole=parameters.get("wait_end_of_query", "0") in ("1", "true"),
            settings=settings,
            parameters={
                key.removeprefix("param_"): value
                for key, value in parameters.items()
                if key.startswith("param_")
            },
        )


def _chunks(stream: BufferedIOBase) -> Iterator[bytes]:
    while size := int(stream.readline().partition(b";")[0], 16):
        yield stream.read(size)
        stream.readline()
    while stream.readline().strip():
        pass  # trailers


def _form(content_type: str, body: bytes) -> dict[str, str]:
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    fields = {}
    for part in message_from_bytes(head + body, policy=HTTP).iter_parts():
        if part.get_filename() is not None:
            words = "Data of external tables is not supported by the server of the tests."
            raise QueryError.named(NOT_IMPLEMENTED, "NOT_IMPLEMENTED", words)
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        fields[str(name)] = content.decode()
    return fields
