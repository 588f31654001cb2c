"""The files of a batch."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import BinaryIO

import pytest

from asynqhub_tui.actions.retry import disk


async def test_who_is_cancelled_while_a_file_is_opened_leaves_none_open(tmp_path: Path) -> None:
    go_on, opened = threading.Event(), list[BinaryIO]()

    def slowly(path: Path) -> BinaryIO:
        go_on.wait(30)
        opened.append(disk.create(path))
        return opened[0]

    work = asyncio.ensure_future(disk.opened(tmp_path / "outcomes", slowly))
    await asyncio.sleep(0)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    go_on.set()
    async with asyncio.timeout(30):
        while not (opened and opened[0].closed):
            await asyncio.to_thread(go_on.wait)
