"""What ctrl+c, SIGTERM and a hang-up do to a command."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from asynqhub_tui import garbage
from asynqhub_tui.repository import HubError

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_handlers: list[Callable[[int], None]] = []
_received: set[int] = set()


def run(command: Coroutine[Any, Any, int]) -> int:
    """Run a command and return its exit code, 128 and the signal's number where one has ended it.

    A signal cancels it, so that connections are closed and queries end at the server; a second
    one ends it at once, by KeyboardInterrupt with that exit code. asyncio.run alone misses a
    ctrl+c that comes in the moment before it begins to wait, and hears it only when something
    else happens.
    """
    return asyncio.run(_until_ended(command))


@contextmanager
def stopping(
    tell: Callable[[str], None],
    words: str = "Stopping behind the tasks that are under way; once more ends at once.",
) -> Iterator[Stop]:
    """Let the first signal end the work where it is safe to, and the second at once.

    `tell` shows the user what the first one does, in `words`.
    """
    stop = Stop()

    def ask(number: int) -> None:
        stop.exit_code = 128 + number
        stop.set()
        _handlers.remove(ask)
        tell(words)

    with _answered_by(ask):
        yield stop


class Stop(asyncio.Event):
    """Set when the work is to end. `exit_code` is that of the signal that has asked for it."""

    exit_code = 128 + signal.SIGINT


async def _until_ended(command: Coroutine[Any, Any, int]) -> int:
    garbage.resume()
    _received.clear()
    work = asyncio.ensure_future(command)
    ended_by = 0

    def end(number: int) -> None:
        nonlocal ended_by
        if ended_by:
            raise KeyboardInterrupt(128 + ended_by)
        ended_by = number
        work.cancel()

    with _answered_by(end):
        try:
            code = await work
        except (asyncio.CancelledError, HubError):  # what is cut off may say so in its own way
            if not ended_by:
                raise
        except OSError:  # with the terminal goes what would have been written there
            if signal.SIGHUP not in _received:
                raise
            return 128 + signal.SIGHUP
        else:
            if not ended_by:
                return code
        return 128 + ended_by


@contextmanager
def _answered_by(handler: Callable[[int], None]) -> Iterator[None]:
    """Give signals to `handler`, and afterwards to the one before it again."""
    outermost = not _handlers
    _handlers.append(handler)
    loop = asyncio.get_running_loop()
    # One that is ignored, as in the background or under nohup, stays so.
    heard = [one for one in _SIGNALS if signal.getsignal(one) != signal.SIG_IGN]
    if outermost:
        for one in heard:
            loop.add_signal_handler(one, _answer, one)
    try:
        yield
    finally:
        if handler in _handlers:
            _handlers.remove(handler)
        if outermost:
            for one in heard:
                loop.remove_signal_handler(one)


def _answer(number: int) -> None:
    _received.add(number)
    _handlers[-1](number)
