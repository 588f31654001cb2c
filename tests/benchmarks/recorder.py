"""A terminal that notes when each byte came, and may be behind a slow line."""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.e2e.terminal import Terminal

SLICE = 0.05
"""Seconds between two readings from a slow line."""

QUIET = 0.03
"""Seconds without a byte after which there is time to draw."""

_QUESTION, _ANSWER = b"\x1b[5n", b"\x1b[0n"


class Recorder(Terminal):
    """Runs a program and takes what it sends as fast as the line lets it, which it draws later.

    To draw takes longer than to read, and would be measured too. `bytes_per_second` is the speed
    of the line; None is at once. What the program asks, the device status, is answered as soon as
    the question was read. `on_drawn` is called with the time at which a piece was read that is now
    on the screen. While `blind`, nothing is drawn any more.
    """

    def __init__(
        self,
        command: Sequence[str],
        environ: Mapping[str, str],
        folder: Path,
        *,
        bytes_per_second: int | None = None,
    ) -> None:
        self.blind = False
        self.on_drawn: Callable[[float], object] | None = None
        self.started_at = self.last_read_at = time.monotonic()
        self._pieces: list[tuple[float, bytes]] = []
        self._tail = b""
        self._slice = int(bytes_per_second * SLICE) if bytes_per_second else None
        self._next_slice = 0.0
        super().__init__(command, environ, folder)
        self._most = self._slice or self._most

    def background(self, line: int, column: int) -> str:
        """Return the colour behind a cell, as pyte calls it."""
        return str(self._screen.buffer[line][column].bg)

    def _read(self, seconds: float) -> bool:
        if self._slice is not None:
            self._draw()
            time.sleep(max(self._next_slice - time.monotonic(), 0))
            self._next_slice = time.monotonic() + SLICE
        elif self._pieces and not (self._ended or select.select([self._end], [], [], QUIET)[0]):
            self._draw()
        return super()._read(seconds)

    def _feed(self, data: bytes) -> None:
        self.last_read_at = time.monotonic()
        if not self.blind:
            self._pieces.append((self.last_read_at, data))
        asked = self._tail + data
        self._tail = asked[-(len(_QUESTION) - 1) :]
        super()._answer(_ANSWER * asked.count(_QUESTION))

    def _answer(self, data: bytes) -> None:
        """Drop what pyte answers: by now it is late."""

    def _draw(self) -> None:
        pieces, self._pieces = self._pieces, []
        for at, data in pieces:
            super()._feed(data)
            if self.on_drawn is not None:
                self.on_drawn(at)
