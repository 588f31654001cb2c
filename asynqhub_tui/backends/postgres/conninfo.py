"""The DSN as the hub has it, made into what libpq understands."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, urlencode

import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pydantic import SecretStr

from asynqhub_tui.repository import Refused

CONNECT_TIMEOUT = 5
"""Seconds to wait for each host, unless the DSN has a `connect_timeout`."""

_DEFAULTS = {
    "application_name": "asynqhub-tui",
    "connect_timeout": str(CONNECT_TIMEOUT),
    "client_encoding": "utf8",
    # A network that went away silently is noticed within about half a minute.
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",
}

_URI = re.compile(r"postgres(?:ql)?://")

_OF_THE_HUBS_DRIVER = re.compile(
    r"pool_\w+|statement_cache_capacity|description_cache_capacity|default_query_exec_mode|krbspn"
)
"""What the hub's own driver (pgx) takes from a DSN for itself."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where to connect to: libpq's connection string, a secret, and what may be shown of it."""

    conninfo: SecretStr
    place: str

    def with_settings(self, settings: Mapping[str, str]) -> str:
        """Return the connection string with server settings that hold from the first statement."""
        own = conninfo_to_dict(self.conninfo.get_secret_value()).get("options")
        options = " ".join(filter(None, (str(own or ""), _options(settings))))
        return make_conninfo(self.conninfo.get_secret_value(), options=options)

    def seen_as(self, info: psycopg.ConnectionInfo) -> Address:
        """Return it with the place of an open connection, which also knows service files."""
        return replace(self, place=_place(info.host, str(info.port), info.dbname))


def parse(dsn: SecretStr | None) -> Address:
    """Read a DSN: a URI, or libpq's `host=… dbname=…`. Raises Refused, never quoting it.

    The hub's driver takes server settings as parameters of the URI, which libpq does not; they go
    to the server all the same.
    """
    if dsn is None:
        raise Refused("PostgreSQL needs a DSN.", hint="Set POSTGRES_DSN, as the hub has it.")
    text = dsn.get_secret_value().strip()
    settings: dict[str, str] = {}
    if _URI.match(text):
        text, settings = _split_settings(text)
    try:
        parts = {name: str(value) for name, value in conninfo_to_dict(text).items()}
    except psycopg.ProgrammingError:
        raise _malformed() from None
    if not all(port.isdigit() for port in filter(None, parts.get("port", "").split(","))):
        raise _malformed()
    if settings:
        parts["options"] = " ".join(filter(None, (parts.get("options"), _options(settings))))
    place = _place(parts.get("host", ""), parts.get("port", ""), parts.get("dbname", ""))
    return Address(SecretStr(make_conninfo("", **(_DEFAULTS | parts))), place)


def _split_settings(uri: str) -> tuple[str, dict[str, str]]:
    base, mark, query = uri.partition("?")
    authority, _, path = base.partition("://")[2].partition("/")
    # An @ in a password that was not percent-encoded: libpq would take its rest for the host.
    if authority.count("@") > 1 or "@" in path:
        raise _malformed()
    known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
    kept, settings = {}, {}
    for name, value in parse_qsl(query.replace("+", "%2B"), keep_blank_values=True):
        if name in known or name == "ssl":  # libpq reads ssl=true in a URI
            kept[name] = value
        elif not _OF_THE_HUBS_DRIVER.fullmatch(name):
            settings[name] = value
    return base + mark + urlencode(kept).replace("+", "%20"), settings


def _options(settings: Mapping[str, str]) -> str:
    return " ".join(
        f"-c {name}=" + re.sub(r"([\\\s])", r"\\\1", value) for name, value in settings.items()
    )


def _place(host: str, port: str, database: str) -> str:
    return f"{host or 'localhost'}:{port or '5432'}/{database}".rstrip("/")


def _malformed() -> Refused:
    return Refused(
        "The DSN is not of the form postgresql://user:password@host:port/database.",
        hint="Characters such as @ / : ? # % in the password have to be percent-encoded.",
    )
