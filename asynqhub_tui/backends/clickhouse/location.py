"""Which ClickHouse a DSN means: a server over HTTP, or a folder of the embedded engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from pydantic import SecretStr

from asynqhub_tui.dsn import mask
from asynqhub_tui.repository import Refused

SCHEMES = ("clickhouse", "clickhouses", "http", "https", "chdb")

DATABASE = "asynqhub"
"""The database of a `chdb://` DSN that names none."""

_TRUE = ("1", "true", "yes", "on")


@dataclass(frozen=True, slots=True)
class Server:
    """A server over HTTP. `place` is shown, `options` go to the driver."""

    place: str
    host: str
    port: int
    secure: bool
    database: str
    user: str
    password: SecretStr
    options: Mapping[str, str] = field(default_factory=dict)

    def arguments(self) -> dict[str, Any]:
        """Return what the driver needs to connect."""
        return {
            **self.options,
            "interface": "https" if self.secure else "http",
            "host": self.host,
            "port": self.port,
            "username": self.user,
            "password": self.password.get_secret_value(),
            "database": self.database,
        }


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that the embedded engine holds its data in; None is one that goes when closed."""

    place: str
    path: Path | None
    database: str

    def check(self) -> None:
        """Raise Refused where there is no such folder: the engine would make it."""
        if self.path is not None and not self.path.is_dir():
            raise Refused(f"There is no folder {self.place}.", hint="Check the path.")

    def make(self) -> None:
        """Make the folder where there is none. Raises Refused."""
        if self.path is not None:
            try:
                self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise Refused(
                    f"{self.place} cannot be made: {error.strerror}.", hint="Check the path."
                ) from error

    def arguments(self) -> dict[str, Any]:
        """Return what the driver needs to open it."""
        return {
            "interface": "chdb",
            "path": ":memory:" if self.path is None else str(self.path),
            "database": self.database,
        }


def location_given(dsn: SecretStr | None) -> Server | Folder:
    """Read the DSN of a target, as `location_of`. Raises Refused also where none is given."""
    if dsn is None:
        raise Refused("No ClickHouse is given.", hint="Give its address as the DSN.")
    return location_of(dsn.get_secret_value())


def location_of(dsn: str) -> Server | Folder:
    """Read a DSN.

    `clickhouse://USER:PASSWORD@HOST:PORT/DATABASE`, also `http://` and, with TLS, `clickhouses://`
    or `https://`; the port is 8123, or 8443 with TLS. Behind `?` stand the driver's options.
    `chdb:///FOLDER` is the embedded engine, `chdb:///FOLDER?database=NAME` another database in it,
    `chdb://demo` the sample, in memory. Raises Refused for what is none of these.
    """
    try:
        parts = urlsplit(dsn.strip())
        port = parts.port
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
    except ValueError:
        raise _unreadable(dsn) from None
    scheme = parts.scheme.lower()
    if scheme == "chdb":
        return _folder(parts, options, dsn)
    if scheme not in SCHEMES or not parts.hostname:
        raise _unreadable(dsn)
    secure = scheme in ("clickhouses", "https")
    secure = secure or options.pop("secure", "").lower() in _TRUE or port in (443, 8443)
    database = unquote(parts.path.strip("/")) or options.pop("database", "") or "default"
    port = port or (8443 if secure else 8123)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return Server(
        place=f"{host}:{port}/{database}",
        host=parts.hostname,
        port=port,
        secure=secure,
        database=database,
        user=unquote(parts.username or options.pop("user", "") or "default"),
        password=SecretStr(unquote(parts.password or options.pop("password", ""))),
        options=options,
    )


def _folder(parts: SplitResult, options: dict[str, str], dsn: str) -> Folder:
    database = options.pop("database", "") or DATABASE
    path = unquote(parts.path)
    if options or "\0" in path or (parts.netloc and (parts.netloc != "demo" or path)):
        raise _unreadable(dsn)
    if parts.netloc:
        return Folder("demo", None, database)
    if not path.strip("/"):
        raise _unreadable(dsn)
    folder = Path(path)
    return Folder(_shown(folder, database), folder, database)


def _shown(folder: Path, database: str) -> str:
    try:
        shown = str(Path("~") / folder.relative_to(Path.home()))
    except (ValueError, RuntimeError):  # it lies elsewhere; there is no home
        shown = str(folder)
    return shown if database == DATABASE else f"{shown} ({database})"


def _unreadable(dsn: str) -> Refused:
    return Refused(
        f"“{mask(dsn)}” names no ClickHouse.",
        hint="Write clickhouse://USER@HOST:8123/DATABASE, or chdb:///FOLDER.",
    )
