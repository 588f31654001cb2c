"""Where the task queue is: asynq's connection URIs, and the hub's bare host:port.

The rules are those of asynq v0.25.1, which the hub and its workers use: a user's name is dropped,
only the password is sent; behind Sentinel it is the sentinels' password, and the database is 0.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from pydantic import SecretStr

from asynqhub_tui.dsn import mask
from asynqhub_tui.repository import Refused

_FORMS = "Write redis://:PASSWORD@HOST:PORT/DB, rediss://…, redis-socket:///PATH?db=N or \
redis-sentinel://HOST:PORT,HOST:PORT?master=NAME."

_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})

_NO_PASSWORD = SecretStr("")


@dataclass(frozen=True, slots=True)
class Address:
    """A Redis, or the sentinels that know it: `hosts` are theirs where `master` is set.

    `socket` is the path of a Unix socket, in the place of a host.
    """

    hosts: tuple[tuple[str, int], ...] = ()
    socket: str | None = None
    master: str | None = None
    password: SecretStr = _NO_PASSWORD
    db: int = 0
    tls: bool = False

    @property
    def place(self) -> str:
        """Say where it is, without secrets: host:port/db, a path, or the master's name."""
        if self.master is not None:
            return f"{self.master} (Sentinel)"
        if self.socket is not None:
            return f"{self.socket} db {self.db}" if self.db else self.socket
        ((host, port),) = self.hosts
        return f"{f'[{host}]' if ':' in host else host}:{port}/{self.db}"

    def same(self, other: Address) -> bool:
        """Whether both name the same database; of sentinels one in common is enough."""
        if self.master is not None or other.master is not None:
            return self.master == other.master and bool(_named(self) & _named(other))
        return (_named(self), self.socket, self.db) == (_named(other), other.socket, other.db)


def _named(address: Address) -> frozenset[tuple[str, int]]:
    """The hosts, whatever this machine is called."""
    return frozenset(
        ("localhost" if host.lower() in _LOCAL else host.lower(), port)
        for host, port in address.hosts
    )


def parse(text: str) -> Address:
    """Read an address. Raises Refused, and says what is wrong with it.

    Without a scheme it is completed as the hub completes its REDIS_ADDR: redis://TEXT/0.
    """
    uri = text.strip()
    if not uri:
        raise Refused("The Redis address is empty.", hint=_FORMS)
    if "://" not in uri:
        uri = f"redis://{uri}/0"
    try:
        parts = urlsplit(uri)
        read = _SCHEMES[parts.scheme]
    except KeyError:
        raise _wrong(uri, f"asynq knows no {parts.scheme}://") from None
    except ValueError:
        raise _wrong(uri, "it is no URI") from None
    try:
        return read(parts)
    except _WrongPart as error:
        raise _wrong(uri, str(error)) from None


class _WrongPart(Exception):
    """What is wrong, as the end of a sentence."""


def _wrong(uri: str, why: str) -> Refused:
    return Refused(f"The Redis address {mask(uri)} cannot be used: {why}.", hint=_FORMS)


def _tcp(parts: SplitResult) -> Address:
    _, _, place = parts.netloc.rpartition("@")
    if not parts.netloc and not parts.path:  # what asynq takes a bare redis:// for
        place = "localhost:6379"
    return Address(
        hosts=(_host(place),),
        password=_password(parts),
        db=_db(parts.path.strip("/").split("/")[0]) if parts.path else 0,
        tls=parts.scheme == "rediss",
    )


def _socket(parts: SplitResult) -> Address:
    if not parts.path:
        raise _WrongPart("it names no path")
    db = parse_qs(parts.query).get("db", ["0"])[0]
    return Address(socket=unquote(parts.path), password=_password(parts), db=_db(db))


def _sentinel(parts: SplitResult) -> Address:
    master = parse_qs(parts.query).get("master", [""])[0]
    if not master:
        raise _WrongPart("it names no master")
    _, _, places = parts.netloc.rpartition("@")
    hosts = tuple(_host(place) for place in places.split(","))
    return Address(hosts=hosts, master=master, password=_password(parts))


_SCHEMES: Mapping[str, Callable[[SplitResult], Address]] = {
    "redis": _tcp,
    "rediss": _tcp,
    "redis-socket": _socket,
    "redis-sentinel": _sentinel,
}


def _password(parts: SplitResult) -> SecretStr:
    user, _, _ = parts.netloc.rpartition("@")
    return SecretStr(unquote(user.partition(":")[2]))


def _host(place: str) -> tuple[str, int]:
    found = re.fullmatch(r"(?P<host>\[[^\]]+\]|[^:\[\]]+):(?P<port>\d{1,5})", place)
    if not found or not 0 < int(found["port"]) < 65536:
        raise _WrongPart("a host needs its port, such as localhost:6379")
    return found["host"].strip("[]"), int(found["port"])


def _db(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise _WrongPart("the database is no number")
    return int(text)
