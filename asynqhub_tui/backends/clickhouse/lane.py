"""One client of the driver on a thread of its own: the driver waits, the event loop never does."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from asynqhub_tui.backends.clickhouse.errors import DRIVER_ERRORS, closed, translate, unanswered

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

    Make = Callable[[], Client]
    Kill = Callable[[str], None]

T = TypeVar("T")

_GRACE = 2.0
"""Seconds beyond its own time after which a statement is given up."""

_ENDING = 1.0
"""Seconds that a statement gets to end after it was cancelled."""


class Lane:
    """Runs one statement at a time.

    `make` opens the client when it is first needed, on the thread. `kill` cancels, from any
    thread, the statement with an id. A statement that does not end when it is cancelled loses its
    client: the thread is left behind, and the next statement gets a new one of both.
    """

    def __init__(self, place: str, make: Make, kill: Kill) -> None:
        self._place = place
        self._make = make
        self._kill = kill
        self._thread: _Thread | None = None
        self._closed = False

    async def run(
        self,
        call: Callable[[Client, dict[str, Any]], T],
        seconds: float,
    ) -> T:
        """Run `call` with the client and the settings of its statement, for `seconds` at most.

        Raises what `translate` makes of the driver's errors. Cancelling it cancels the statement
        on the server before it returns.
        """
        if self._closed:
            raise closed(self._place)
        if self._thread is None:
            self._thread = _Thread(self._make)
        name = uuid.uuid4().hex
        settings = {"query_id": name, "max_execution_time": max(int(seconds), 1)}
        work = self._thread.start(lambda client: call(client, settings))
        try:
            done, _ = await asyncio.wait({work}, timeout=seconds + _GRACE)
        except asyncio.CancelledError:
            await self._cancel(work, name)
            raise
        if not done:
            await self._cancel(work, name)
            raise unanswered(self._place)
        try:
            return work.result()
        except DRIVER_ERRORS as error:
            raise translate(error, self._place) from error

    async def close(self) -> None:
        """Close the client. A second call does nothing."""
        self._closed = True
        if self._thread is not None:
            self._thread.stop()
            self._thread = None

    async def _cancel(self, work: asyncio.Future[Any], name: str) -> None:
        work.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        # A daemon too, and nobody waits for it: the server may be what does not answer.
        threading.Thread(target=self._killed, args=(name,), daemon=True).start()
        await asyncio.wait({work}, timeout=_ENDING)
        if not work.done() and self._thread is not None:
            self._thread.stop()
            self._thread = None

    def _killed(self, name: str) -> None:
        with contextlib.suppress(*DRIVER_ERRORS):
            self._kill(name)


class _Thread:
    """A thread with its client. It is a daemon: a server that is silent must not hold up an end."""

    def __init__(self, make: Make) -> None:
        self._make = make
        self._client: Client | None = None
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        threading.Thread(target=self._serve, name="clickhouse", daemon=True).start()

    def start(self, call: Callable[[Client], T]) -> asyncio.Future[T]:
        """Queue a call, and return what will hold its result."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def job() -> None:
            try:
                if self._client is None:
                    self._client = self._make()
                result = call(self._client)
            except BaseException as error:  # whoever waits for it raises it
                _tell(loop, _fail, future, error)
            else:
                _tell(loop, _succeed, future, result)

        self._jobs.put(job)
        return future

    def stop(self) -> None:
        """End the thread behind what it does, and close the client."""
        self._jobs.put(None)

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
        if self._client is not None:
            self._client.close()


def _tell(loop: asyncio.AbstractEventLoop, what: Callable[..., None], *arguments: object) -> None:
    with contextlib.suppress(RuntimeError):  # the loop has been closed: nobody waits any more
        loop.call_soon_threadsafe(what, *arguments)


def _succeed(future: asyncio.Future[T], result: T) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: asyncio.Future[Any], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)
