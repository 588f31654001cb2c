"""What is known of requests while they run."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

LOOK_SECONDS = 0.02
"""Between two looks after a client."""


class Taken:
    """Names that one request at a time may have."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._names: set[str] = set()

    @contextlib.contextmanager
    def take(self, name: str, error: Exception) -> Iterator[None]:
        """Have a name during the block; `error` is raised if it is taken."""
        with self._lock:
            if name in self._names:
                raise error
            self._names.add(name)
        try:
            yield
        finally:
            with self._lock:
                self._names.discard(name)


class Leavers:
    """Calls `gone(id)` for requests whose client went away, again and again until they end.

    Again, because a query that has just come may not be there yet to be killed.
    """

    def __init__(self, gone: Callable[[str], None]) -> None:
        self._gone = gone
        self._watched: dict[str, socket.socket] = {}
        self._some = threading.Condition()
        threading.Thread(target=self._look, daemon=True).start()

    @contextlib.contextmanager
    def watch(self, id: str, client: socket.socket) -> Iterator[None]:
        """Watch a connection on which nothing is read during the block."""
        with self._some:
            self._watched[id] = client
            self._some.notify()
        try:
            yield
        finally:
            with self._some:
                del self._watched[id]

    def _look(self) -> None:
        while True:
            with self._some:
                self._some.wait_for(lambda: self._watched)
                left = [id for id, client in self._watched.items() if has_left(client)]
            for id in left:
                self._gone(id)
            time.sleep(LOOK_SECONDS)


def has_left(client: socket.socket) -> bool:
    """Say whether the other side of a connection closed it."""
    try:
        return client.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
