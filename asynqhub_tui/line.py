"""The line to the terminal: never more on it than the terminal can take.

Textual puts frame behind frame into a queue, which on a slow line holds seconds of what is no
longer true. Here a thread takes what the screen is to show now, whenever the line is free; what
came in between is merged into it, and a key is answered behind one frame at most.
"""

from __future__ import annotations

import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

QUESTION, ANSWER = "\x1b[5n", "\x1b[0n"
"""Device status report (ECMA-48): every terminal answers it, once it has got that far."""

AHEAD = 1_024
"""Bytes that may be under way before the next frame waits for the terminal's answer."""

TYPICAL = 1_000
"""Bytes of a frame that a poll leads to."""

PATIENCE = 10.0
"""Seconds after which one more frame is sent though no answer has come."""

MOST_MISSED = 6
"""Frames that are sent so before the terminal counts as one that does not answer."""

FAREWELL = (1.0, 5.0)
"""Seconds, at least and at most, that the end of the program waits for answers: they would be
typed into the shell."""


class Display(Protocol):
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

    Once it was told to, it asks the terminal after each frame whether it has shown it. That is for
    a terminal at the far end of a network: between it and us there is room for seconds of frames,
    which nobody sees from here. As long as it has never answered, nothing waits for it.
    """

    def __init__(
        self,
        file: int,
        display: Display,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._file = file
        self._display = display
        self._clock = clock
        self._asks = False
        self._answers = False
        self._missed = 0
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
        """Begin to send. A second call does nothing."""
        if not self._thread.is_alive():
            self._thread.start()

    def begin_asking(self) -> None:
        """Ask the terminal from now on when it has shown what was sent."""
        with self._change:
            self._asks = True

    def write(self, data: str) -> None:
        """Take in what the terminal is to show. Never waits for the line."""
        with self._change:
            self._display.write(data)
            self._fresh = True
            self._change.notify_all()

    def forget_screen(self) -> None:
        """Take nothing on the screen for granted any more."""
        with self._change:
            self._display.forget()

    def answered(self) -> None:
        """Take note that the terminal has shown what was sent up to the oldest question."""
        with self._change:
            self._answers = True
            self._missed = 0
            if self._asked:
                self._learn(*self._asked.popleft())
            self._change.notify_all()

    def traffic(self) -> Traffic:
        """Return what went over the line so far."""
        with self._change:
            return Traffic(self._sent, self._present_lag())

    def _present_lag(self) -> float:
        now = self._clock()
        lag = self._lag if now - self._lag_known_at < PATIENCE else 0.0
        if self._answers and self._asked:
            lag = max(lag, _lag(now, *self._asked[0]))
        return lag

    def settle(self) -> None:
        """Ask no more, and wait for the answers that are still to come, longer on a slow line."""
        least, most = FAREWELL
        with self._change:
            self._asks = False
            seconds = min(max(least, 2 * self._present_lag()), most)
            self._change.wait_for(lambda: not self._asked or self._broken, seconds)
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
                self._forget_lost_answers()
                if not self._ended and not self._change.wait_for(self._is_free, PATIENCE):
                    self._miss()
                self._fresh = False
                data = self._display.take().encode("utf-8", "replace")
                started, asked = self._clock(), bool(data) and self._asks
                if asked:
                    data += QUESTION.encode()
                    self._asked.append((started, len(data)))
                self._sent += len(data)
            if data:
                self._send(data)
                if not asked:
                    self._learn(started, len(data))
            with self._change:
                if self._ended and not self._fresh:
                    return

    def _is_free(self) -> bool:
        under_way = sum(size for _, size in self._asked)
        return self._ended or not self._answers or under_way < AHEAD

    def _miss(self) -> None:
        """Take note that the line was silent for long: it may be down, or somebody else answers."""
        self._missed += 1
        if self._missed >= MOST_MISSED:
            self._answers = False
            self._asked.clear()

    def _send(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                try:
                    view = view[os.write(self._file, view) :]
                except BlockingIOError:  # another program has made the terminal so
                    select.select([], [self._file], [])
        except OSError:  # the terminal has gone; a signal says so, too
            with self._change:
                self._broken = True
                self._change.notify_all()

    def _learn(self, started: float, size: int) -> None:
        self._lag_known_at = self._clock()
        self._lag = _lag(self._lag_known_at, started, size)

    def _forget_lost_answers(self) -> None:
        lost = self._clock() - MOST_MISSED * PATIENCE
        while self._asked and self._asked[0][0] < lost:
            self._asked.popleft()


def _lag(now: float, started: float, size: int) -> float:
    """Return how long TYPICAL bytes take where `size` bytes took from `started` to `now`."""
    return (now - started) / max(size / TYPICAL, 1.0)
