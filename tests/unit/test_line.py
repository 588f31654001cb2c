"""The line to the terminal holds one frame at most, however slow it is."""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time
from collections.abc import Callable, Iterator

import pyte
import pytest

from asynqhub_tui import line as module
from asynqhub_tui.frames import Frames
from asynqhub_tui.line import AHEAD, QUESTION, TYPICAL, Line

SOON = 20.0
"""Seconds within which something has to come that does come."""

QUIET = 0.3
"""Seconds in which nothing comes that does not come."""

SIZE = 80, 24


def frame(number: int) -> str:
    """Return a whole screen, every cell of which is another one than in the frame before."""
    text = chr(ord("a") + number % 26) * SIZE[0]
    lines = [f"\x1b[{row};1H\x1b[31m{text}\x1b[0m" for row in range(1, SIZE[1])]
    return "\n".join([*lines, f"\x1b[{SIZE[1]};1H\x1b[32mframe {number:04}\x1b[0m\x1b[1;1H"])


class Far:
    """The far end of a line: reads when it is told to."""

    def __init__(self, *, asks: bool = False) -> None:
        self._end, inside = os.pipe()
        self._inside = inside
        self.line = Line(inside, Frames())
        if asks:
            self.line.begin_asking()
        self._screen = pyte.Screen(*SIZE)
        self._stream = pyte.ByteStream(self._screen)
        self.got = 0
        self.questions = 0

    def close(self) -> None:
        """Go away: what blocks in a write ends."""
        os.close(self._end)
        self.line.stop(SOON)
        os.close(self._inside)

    def fill(self) -> int:
        """Leave no room on the line, and return how many bytes it took."""
        os.set_blocking(self._inside, False)
        took = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                took += os.write(self._inside, b" " * 4096)
        os.set_blocking(self._inside, True)
        return took

    def refuse(self) -> None:
        """Let writes fail while there is no room."""
        os.set_blocking(self._inside, False)

    def vanish(self) -> None:
        """Go away, without a word to the line."""
        os.close(self._end)
        self._end = os.open(os.devnull, os.O_RDONLY)

    def read(self, seconds: float = QUIET) -> bool:
        """Read what comes within some time; whether anything did."""
        if not select.select([self._end], [], [], seconds)[0]:
            return False
        data = os.read(self._end, 1 << 20)
        self.got += len(data)
        self.questions += data.count(QUESTION.encode())
        self._stream.feed(data)
        return True

    def read_all(self, *, answers: bool = False) -> None:
        """Read until nothing comes any more."""
        while self.read():
            while answers and self.questions:
                self.questions -= 1
                self.line.answered()

    @property
    def bottom(self) -> str:
        """What the last row shows."""
        return self._screen.display[-1].strip()


@pytest.fixture
def open_line() -> Iterator[Callable[..., Far]]:
    opened: list[Far] = []

    def open_line(**options: bool) -> Far:
        opened.append(Far(**options))
        opened[-1].line.start()
        return opened[-1]

    yield open_line
    for one in opened:
        one.close()


def test_what_is_written_arrives(open_line: Callable[..., Far]) -> None:
    far = open_line()
    for number in range(5):
        far.line.write(frame(number))
        far.read_all()
        assert far.bottom == f"frame {number:04}"
    assert far.line.traffic().sent == far.got


@pytest.mark.parametrize("asks", [False, True])
def test_a_thousand_frames_on_a_line_that_stands_still_are_the_last_one(
    open_line: Callable[..., Far], asks: bool
) -> None:
    far = open_line(asks=asks)
    for number in range(1_000):  # nothing is read: a queue would block here, or grow
        far.line.write(frame(number))
    far.read_all(answers=asks)
    assert far.bottom == "frame 0999"
    kernel = 1 << 16  # what a pipe takes without a reader
    assert far.got <= kernel + 2 * len(frame(0))


def test_a_terminal_that_answers_is_never_sent_more_than_a_frame_ahead(
    open_line: Callable[..., Far],
) -> None:
    far = open_line(asks=True)
    far.line.write(frame(0))
    far.read_all(answers=True)
    before = far.got
    far.line.write(frame(1))
    far.read_all()
    assert far.got - before > AHEAD
    before = far.got
    for number in range(2, 50):
        far.line.write(frame(number))
    far.read_all()
    assert (far.got - before, far.bottom) == (0, "frame 0001")
    far.line.answered()
    far.read_all()
    assert far.bottom == "frame 0049"
    assert far.got - before <= len(frame(0)) + len(QUESTION)


def test_small_frames_wait_for_no_answer(open_line: Callable[..., Far]) -> None:
    """What a key changes is small: it does not wait for the way there and back."""
    far = open_line(asks=True)
    far.line.write(frame(0))
    far.read_all(answers=True)
    for number in range(5):
        far.line.write(f"\x1b[24;1H\x1b[32mkey {number}\x1b[0m\x1b[1;1H")
        assert far.read(SOON)
    assert far.bottom.startswith("key 4")
    assert far.questions == 5


def test_a_terminal_that_has_never_answered_is_not_waited_for(
    open_line: Callable[..., Far],
) -> None:
    far = open_line(asks=True)
    for number in range(5):
        far.line.write(frame(number))
        far.read_all()
        assert far.bottom == f"frame {number:04}"


def test_a_line_that_is_down_for_long_gets_a_frame_now_and_then(
    open_line: Callable[..., Far], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not every frame: all of them would be played when it is back."""
    monkeypatch.setattr(module, "PATIENCE", QUIET)
    monkeypatch.setattr(module, "MOST_MISSED", 1_000)
    far = open_line(asks=True)
    far.line.write(frame(0))
    far.read_all(answers=True)
    before = far.got
    for number in range(1, 200):
        far.line.write(frame(number))
        time.sleep(0.005)
    far.read_all()
    assert far.got - before < 50 * len(frame(0))
    assert far.line.traffic().lag > 0.0
    while far.questions:
        far.questions -= 1
        far.line.answered()
    far.line.write(frame(200))
    far.read_all(answers=True)
    assert far.bottom == "frame 0200"


def test_a_terminal_that_answers_no_longer_is_not_waited_for_in_the_end(
    open_line: Callable[..., Far], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.1)
    monkeypatch.setattr(module, "MOST_MISSED", 2)
    far = open_line(asks=True)
    far.line.write(frame(0))
    far.read_all(answers=True)
    for number in range(1, 6):
        far.line.write(frame(number))
        while far.bottom != f"frame {number:04}":
            assert far.read(SOON)
    monkeypatch.setattr(module, "PATIENCE", SOON)
    for number in range(6, 9):
        far.line.write(frame(number))
        assert far.read(SOON)
        far.read_all()
        assert far.bottom == f"frame {number:04}"


def test_a_terminal_that_takes_nothing_for_the_moment_loses_nothing(
    open_line: Callable[..., Far],
) -> None:
    """Another program may make the terminal one that refuses instead of waiting."""
    far = open_line()
    far.fill()
    far.refuse()
    far.line.write(frame(7))
    time.sleep(QUIET)
    far.read_all()
    assert far.bottom == "frame 0007"


def test_who_waits_for_the_line_sees_it_in_its_lag(open_line: Callable[..., Far]) -> None:
    far = open_line(asks=True)
    far.line.write(frame(0))
    far.read_all(answers=True)
    answered = far.line.traffic().lag
    far.line.write(frame(1))
    far.read_all()
    assert far.line.traffic().lag >= QUIET / (len(frame(1)) / TYPICAL)
    assert answered > 0.0


def test_of_a_line_that_was_idle_for_long_no_lag_is_known(
    open_line: Callable[..., Far], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One slow frame does not keep polls apart for ever."""
    far = open_line(asks=True)
    far.line.write(frame(0))
    far.read_all(answers=True)
    assert far.line.traffic().lag > 0.0
    monkeypatch.setattr(module, "PATIENCE", 0.0)
    assert far.line.traffic().lag == 0.0


def test_the_end_waits_for_the_answer_that_is_still_to_come(
    open_line: Callable[..., Far],
) -> None:
    far = open_line(asks=True)
    far.line.write(frame(0))
    far.read_all(answers=True)
    far.line.write(frame(1))
    far.read_all()
    settled = threading.Event()

    def settle() -> None:
        far.line.settle()
        settled.set()

    thread = threading.Thread(target=settle)
    thread.start()
    assert not settled.wait(0.1)
    far.line.answered()
    thread.join(SOON)
    assert settled.is_set()
    far.line.write("\x1b[?1049l")
    far.read_all()
    assert far.questions == 1  # the one of frame 1: the farewell asks nothing


def test_a_line_that_takes_nothing_is_left_behind(open_line: Callable[..., Far]) -> None:
    far = open_line()
    full = far.fill()
    far.line.write(frame(0))
    far.line.stop(QUIET)
    far.read_all()
    assert far.got >= full


def test_a_terminal_that_has_gone_is_no_fault(open_line: Callable[..., Far]) -> None:
    far = open_line(asks=True)
    far.line.write(frame(0))
    far.read_all(answers=True)
    far.vanish()
    far.line.write(frame(1))
    far.line.settle()
    far.line.stop(SOON)
