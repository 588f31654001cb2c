"""What may stand between the dashboard and Redis: TLS, and a line that breaks."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator


@contextlib.asynccontextmanager
async def proxy(
    target: int, *, tls: ssl.SSLContext | None = None, breaks_after: int | None = None
) -> AsyncIterator[int]:
    """Forward connections to a port of 127.0.0.1, and yield the port that listens.

    With `tls` the near side is encrypted. The line breaks once so many bytes of replies came
    through, on the first connection; later ones hold.
    """
    budgets = iter([breaks_after])

    async def serve(near: asyncio.StreamReader, to_near: asyncio.StreamWriter) -> None:
        budget = next(budgets, None)
        far, to_far = await asyncio.open_connection("127.0.0.1", target)
        pumps = {
            asyncio.create_task(_pump(near, to_far, None)),
            asyncio.create_task(_pump(far, to_near, budget)),
        }
        _, others = await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for pump in others:
            pump.cancel()
        for writer in (to_near, to_far):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield int(server.sockets[0].getsockname()[1])


async def _pump(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, budget: int | None
) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            if budget is not None and len(data) >= budget:
                writer.write(data[:budget])
                await writer.drain()
                return
            writer.write(data)
            await writer.drain()
            budget = None if budget is None else budget - len(data)
