"""A real ClickHouse engine for tests, behind ClickHouse's HTTP interface, started from wheels."""

from __future__ import annotations

import atexit
import base64
import http.client
import itertools
import os
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import time
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from urllib.parse import quote, urlencode, urlsplit

import clickhouse_connect
import psutil
import trustme
from clickhouse_connect.driver.client import Client

from tests.chdb_store import Installations
from tests.clickhouse_http.faults import Fault
from tests.servers import PASSWORD, free_port

USER = "hub reader"

_ROOT = Path(__file__).parent.parent
_START_SECONDS = 60.0

_ENVIRONMENT = {
    # Neither UTC nor the machine's zone: a time that is read without its zone shows.
    "TZ": "Asia/Kathmandu",
}


class ClickHouseServer:
    """A ClickHouse of its own on 127.0.0.1, with one user (see `tests.clickhouse_http`).

    Its data lies in a temporary folder, which goes when the server is closed or the process ends.
    """

    def __init__(
        self, *, user: str = USER, password: str = PASSWORD, authority: trustme.CA | None = None
    ) -> None:
        self.host = "127.0.0.1"
        self.port = free_port()
        self.user = user
        self.password = password
        self.folder = Path(tempfile.mkdtemp(prefix="clickhouse-"))
        self._authority = authority
        if authority is not None:
            authority.cert_pem.write_to_path(self.authority_path)
            issued = authority.issue_cert(self.host).private_key_and_cert_chain_pem
            issued.write_to_path(self.folder / "own.pem")
        self._numbers = itertools.count(1)
        self._installations = Installations(self.create_database, self.client_of)
        self._process: subprocess.Popen[bytes] | None = None
        atexit.register(self.close)
        self.start()

    def __enter__(self) -> ClickHouseServer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def authority_path(self) -> Path:
        """Where the certificate lies that clients are to trust, of a server that speaks TLS."""
        return self.folder / "authority.pem"

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The running server."""
        assert self._process is not None
        return self._process

    def start(self) -> None:
        """Start it, and return when it answers."""
        command = [sys.executable, "-m", "tests.clickhouse_http"]
        command += ["--path", str(self.folder / "data"), "--port", str(self.port)]
        command += ["--user", self.user, "--password", self.password]
        if self._authority is not None:
            command += ["--certificate", str(self.folder / "own.pem")]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=_ROOT, env=os.environ | _ENVIRONMENT, stdout=log, stderr=log
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self.folder / "log").read_text(errors="replace"))
            time.sleep(0.02)

    def stop(self) -> None:
        """End it at once, as a crash does. Its data stays."""
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait()
        self._process = None

    def restart(self) -> None:
        """Stop and start it, on the same port, with the same data."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Let it accept connections and say nothing, until `resume`."""
        self.process.send_signal(signal.SIGSTOP)
        while psutil.Process(self.process.pid).status() != psutil.STATUS_STOPPED:
            time.sleep(0.001)

    def resume(self) -> None:
        """Let it answer again."""
        self.process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """Stop it if it runs and remove its data. A second call does nothing."""
        atexit.unregister(self.close)
        self._installations.close()
        if self._process is not None:
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def installation(self) -> AbstractContextManager[tuple[str, Client]]:
        """Give the DSN of an installation without rows, and a client on it."""
        return self._installations.use()

    def create_database(self) -> str:
        """Create an empty database, and return its DSN."""
        name = f"hub_{next(self._numbers)}"
        self._ask("POST", "/", f"CREATE DATABASE {name} ENGINE = Atomic")
        return self.dsn(name)

    def drop_database(self, dsn: str) -> None:
        """Remove a database that `create_database` made."""
        self._ask("POST", "/", f"DROP DATABASE {urlsplit(dsn).path[1:]}")

    def dsn(self, database: str) -> str:
        """Return the URI of a database."""
        user, password = quote(self.user, safe=""), quote(self.password, safe="")
        scheme = "clickhouse" if self._authority is None else "clickhouses"
        return f"{scheme}://{user}:{password}@{self.host}:{self.port}/{database}"

    def client(self, database: str = "default") -> Client:
        """Return the driver's own client, to look behind the scenes. Close it."""
        return clickhouse_connect.get_client(
            host=self.host,
            port=self.port,
            username=self.user,
            password=self.password,
            database=database,
            autogenerate_session_id=False,
            dedicated_pool=True,
        )

    def client_of(self, dsn: str) -> Client:
        """Return the driver's own client for an address that `create_database` gave."""
        return self.client(urlsplit(dsn).path[1:])

    def fault(self, kind: str, match: str = "") -> None:
        """Let the next query whose text has `match` in it fail in a way (see `Fault`), once.

        "off" takes back what did not happen yet, and lets stalled answers go.
        """
        self._ask("POST", "/_test/fault?" + urlencode({"kind": Fault(kind), "match": match}))

    def fault_to_come(self) -> bool:
        """Say whether the fault has not happened yet."""
        return self._ask("GET", "/_test/fault") != Fault.OFF.encode()

    def _answers(self) -> bool:
        try:
            self._ask("GET", "/ping")
        except ConnectionError:
            return False
        return True

    def _connection(self) -> http.client.HTTPConnection:
        if self._authority is None:
            return http.client.HTTPConnection(self.host, self.port, timeout=_START_SECONDS)
        context = ssl.create_default_context()
        self._authority.configure_trust(context)
        return http.client.HTTPSConnection(
            self.host, self.port, timeout=_START_SECONDS, context=context
        )

    def _ask(self, method: str, target: str, body: str | None = None) -> bytes:
        connection = self._connection()
        token = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        try:
            connection.request(method, target, body, {"Authorization": f"Basic {token}"})
            response = connection.getresponse()
            answer = response.read()
        finally:
            connection.close()
        if response.status != 200:
            raise RuntimeError(answer.decode())
        return answer
