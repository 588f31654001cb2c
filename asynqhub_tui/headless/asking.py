"""Questions on a terminal."""

from __future__ import annotations

import asyncio
import sys


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
