"""The line to the terminal: never more on it than the terminal can take.

Textual puts frame behind frame into a queue, which on a slow line holds seconds of what is no
longer true. Here a thread takes what the screen is to show now, whenever the line is free; what
came in between is merged into it, and a key is answered behind one frame at most.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

QUESTION, ANSWER = "\x1b[5n", "\x1b[0n"
"""Device status report (ECMA-48): every terminal answers it, once it has got that far."""

WINDOW = 1_024
"""Bytes that may be under way before the next frame waits for the terminal's answer."""

TYPICAL = 1_000
"""Bytes of a frame that a poll leads to."""

PATIENCE = 10.0
"""Seconds after which an answer no longer counts as coming."""

FAREWELL = 1.0
"""Seconds that the end of the program waits for answers: they would be typed into the shell."""


class Screen(Protocol):
    """What the terminal is to show, and what it shows."""

    def write(self, data: str) -> None:
        """Take in what is to be shown."""

    def take(self) -> str:
        """Return what leads there from what is shown; empty where nothing does."""

    def forget(self) -> None:
        """Take nothing on the screen for granted."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """What went over the line.

    `sent` are bytes since the beginning. `lag` is how many seconds a frame of TYPICAL bytes takes
    until it is shown, as far as the last one tells: until the terminal's answer where it is asked,
    until the system took it otherwise. Of a line that has been idle for long nothing is known: 0.
    """

    sent: int
    lag: float


class Line:
    """Sends frames to a terminal in a thread of its own.

    `asks` tells whether to ask the terminal when it has shown what was sent. That is for a
    terminal at the far end of a network: between it and us there is room for seconds of frames,
    which nobody sees from here. As long as it has never answered, nothing waits for it.
    """

    def __init__(
        self,
        file: int,
        screen: Screen,
        *,
        asks: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._file = file
        self._screen = screen
        self._clock = clock
        self._asks = asks
        self._answers = False
        self._asked: deque[tuple[float, int]] = deque()
        self._change = threading.Condition()
        self._fresh = False
        self._ended = False
        self._broken = False
        self._sent = 0
        self._lag = 0.0
        self._lag_known_at = 0.0
        self._thread = threading.Thread(target=self._run, daemon=True, name="line")

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def write(self, data: str) -> None:
        """Take in what the terminal is to show. Never waits for the line."""
        with self._change:
            self._screen.write(data)
            self._fresh = True
            self._change.notify_all()

    def forget_screen(self) -> None:
        """Take nothing on the screen for granted any more."""
        with self._change:
            self._screen.forget()

    def answered(self) -> None:
        """Take note that the terminal has shown what was sent up to the oldest question."""
        with self._change:
            self._answers = True
            if self._asked:
                self._learn(*self._asked.popleft())
            self._change.notify_all()

    def traffic(self) -> Traffic:
        """Return what went over the line so far."""
        with self._change:
            now = self._clock()
            lag = self._lag if now - self._lag_known_at < PATIENCE else 0.0
            if self._answers and self._asked:
                lag = max(lag, _lag(now, *self._asked[0]))
            return Traffic(self._sent, lag)

    def settle(self) -> None:
        """Ask no more, and wait a moment for the answers that are still to come."""
        with self._change:
            self._asks = False
            self._change.wait_for(
                lambda: not self._answers or not self._asked or self._broken, FAREWELL
            )
            self._asked.clear()
            self._change.notify_all()

    def stop(self, seconds: float = 3.0) -> None:
        """Send what is left and end; after so many `seconds` it is left behind."""
        with self._change:
            self._ended = True
            self._change.notify_all()
        self._thread.join(seconds)

    def _run(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._fresh or self._ended)
                if not self._ended:
                    self._change.wait_for(self._is_free, PATIENCE)
                self._fresh = False
                text = self._screen.take()
                if text and self._asks:
                    text += QUESTION
            if text:
                self._send(text.encode("utf-8", "replace"))
            with self._change:
                if self._ended and not self._fresh:
                    return

    def _is_free(self) -> bool:
        under_way = sum(size for _, size in self._asked)
        return self._ended or not self._answers or under_way < WINDOW

    def _send(self, data: bytes) -> None:
        started = self._clock()
        with self._change:
            if self._asks:
                self._forget_lost_answers(started)
                self._asked.append((started, len(data)))
            self._sent += len(data)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(self._file, view) :]
        except OSError:  # the terminal has gone; a signal says so, too
            with self._change:
                self._broken = True
                self._change.notify_all()
        if not self._asks:
            self._learn(started, len(data))

    def _learn(self, started: float, size: int) -> None:
        self._lag_known_at = self._clock()
        self._lag = _lag(self._lag_known_at, started, size)

    def _forget_lost_answers(self, now: float) -> None:
        if self._asked and now - self._asked[0][0] > PATIENCE:
            self._asked.clear()
            self._answers = False


def _lag(now: float, started: float, size: int) -> float:
    """Return how long TYPICAL bytes take where `size` bytes took from `started` to `now`."""
    return (now - started) / max(size / TYPICAL, 1.0)
