"""Questions on a terminal, and ctrl+c while work is under way."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Stop(asyncio.Event):
    """Set when the work is to end. `exit_code` is that of the signal that has asked for it."""

    exit_code = 128 + signal.SIGINT


async def typed(prompt: str) -> str:
    """Ask on standard error and return the line that is typed.

    The event loop waits for it, so that ctrl+c is heard meanwhile.
    """
    sys.stderr.write(prompt)
    sys.stderr.flush()
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(sys.stdin.fileno())
    return sys.stdin.readline().rstrip("\n")


@contextmanager
def stopping(
    tell: Callable[[str], None],
    words: str = "Stopping behind the tasks that are under way; once more ends at once.",
) -> Iterator[Stop]:
    """Let the first ctrl+c or SIGTERM end the work where it is safe to, and the second at once.

    `tell` shows the user what the first one does, in `words`.
    """
    stop = Stop()
    loop = asyncio.get_running_loop()
    before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}

    def ask(number: int) -> None:
        stop.exit_code = 128 + number
        stop.set()
        restore()
        tell(words)

    def restore() -> None:
        for one, handler in before.items():
            loop.remove_signal_handler(one)
            signal.signal(one, handler)

    for one in before:
        loop.add_signal_handler(one, ask, one)
    try:
        yield stop
    finally:
        restore()
