"""Questions on a terminal, and ctrl+c while work is under way."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from asynqhub_tui.headless import output


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
def stopping() -> Iterator[asyncio.Event]:
    """Give an event that ctrl+c and SIGTERM set, so that work can end where it is safe to."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def ask() -> None:
        output.note("Stopping behind the tasks that are under way.")
        stop.set()

    signals = (signal.SIGINT, signal.SIGTERM)
    for one in signals:
        loop.add_signal_handler(one, ask)
    try:
        yield stop
    finally:
        for one in signals:
            loop.remove_signal_handler(one)
