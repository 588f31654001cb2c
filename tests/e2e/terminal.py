"""A terminal for tests: runs a program under a pseudo-terminal and shows what a user would see."""

from __future__ import annotations

import contextlib
import copy
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sysconfig
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyte

from asynqhub_tui.widgets.reading import GLANCE
from tests import forked

PROGRAM = str(Path(sysconfig.get_path("scripts"), "asynqhub-tui"))
"""The console script as pip has installed it."""

PATIENCE = 40.0
"""Seconds to wait for anything: the machine may be busy."""

KEYS = {
    "enter": "\r",
    "esc": "\x1b",
    "tab": "\t",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "end": "\x1b[F",
    "home": "\x1b[H",
    "pagedown": "\x1b[6~",
    "space": " ",
}
"""What a terminal sends for a key; `ctrl+x` and single characters need no entry."""

AUTOWRAP, CURSOR, MOUSE, ALTERNATE = 7, 25, 1000, 1049

_UNFINISHED = re.compile(rb"\x1b(?:\[[0-9;:<=>?!$ ]*)?$")
_UNKNOWN = re.compile(rb"\x1b\[[<>=][0-9;]*u")
"""Kitty's keyboard protocol, which pyte would take for text."""

_SGR = re.compile(rb"\x1b\[([0-9;:]*)m")


class _Screen(pyte.Screen):
    """pyte's screen, with the alternate screen that it lacks; `answer` takes what it reports."""

    def __init__(self, columns: int, lines: int, answer: Callable[[bytes], object]) -> None:
        super().__init__(columns, lines)
        self._answer = answer

    def write_process_input(self, data: str) -> None:
        self._answer(data.encode())

    def set_mode(self, *modes: int, **kwargs: Any) -> None:
        super().set_mode(*modes, **kwargs)
        if kwargs.get("private") and ALTERNATE in modes:
            self._behind = (copy.deepcopy(self.buffer), copy.copy(self.cursor))
            self.erase_in_display(2)

    def reset_mode(self, *modes: int, **kwargs: Any) -> None:
        entered = ALTERNATE << 5 in self.mode  # as pyte keeps private modes
        super().reset_mode(*modes, **kwargs)
        if entered and ALTERNATE << 5 not in self.mode:
            self.buffer, cursor = self._behind
            self.cursor.x, self.cursor.y = cursor.x, cursor.y
            self.dirty.update(range(self.lines))


class Terminal:
    """One program in a terminal of its own, which it controls; ended when the block is left.

    `environ` is the whole environment of the program, with TERM in it. `fork` lets PROGRAM begin as
    tests.forked has it, without a start that takes half a second. Every method that waits
    reads what the program sends meanwhile and raises AssertionError, with the screen, when it has
    waited in vain. `raw` holds every byte that the program has sent.
    """

    def __init__(
        self,
        command: Sequence[str],
        environ: Mapping[str, str],
        folder: Path,
        *,
        columns: int = 120,
        lines: int = 40,
        fork: bool = False,
    ) -> None:
        self.raw = bytearray()
        self._screen = _Screen(columns, lines, self._answer)
        self._stream = pyte.ByteStream(self._screen)
        self._text: str | None = None
        self._held = b""
        self._ended = False
        self._most = 65536
        self._answers_at_once = True
        self._unsent_answers = b""
        self._end, inside = pty.openpty()
        _set_size(inside, columns, lines)
        try:
            begin = _fork if fork else _execute
            self._process = begin(command, environ, folder, inside)
        except BaseException:
            os.close(self._end)
            raise
        finally:
            os.close(inside)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with contextlib.suppress(ProcessLookupError):  # it has just ended
            if self._process.poll() is None:
                os.killpg(self._process.pid, signal.SIGKILL)
        self.hang_up()
        self._process.wait()

    @property
    def pid(self) -> int:
        """The program's process."""
        return self._process.pid

    @property
    def screen(self) -> str:
        """What the screen shows."""
        if self._text is None:  # pyte takes long for it
            # Not pyte's `display`, which stumbles over half of a wide character: in the middle of a
            # frame there may be one.
            rows = (self._screen.buffer[row] for row in range(self._screen.lines))
            self._text = "\n".join(
                "".join(row[column].data for column in range(self._screen.columns)).rstrip()
                for row in rows
            )
        return self._text

    @property
    def modes(self) -> set[int]:
        """The private modes that are on, by their numbers: ALTERNATE, MOUSE, CURSOR ..."""
        return {mode >> 5 for mode in self._screen.mode if mode >= 1 << 5}

    @property
    def left_clean(self) -> bool:
        """Whether the terminal is as a shell expects it."""
        flags = termios.tcgetattr(self._end)[3]
        cooked = flags & termios.ECHO and flags & termios.ICANON and flags & termios.ISIG
        return bool(cooked) and self.modes == {AUTOWRAP, CURSOR}

    def line(self, text: str) -> str:
        """Return the first line of the screen that has `text` in it, or nothing."""
        return next((line for line in self.screen.split("\n") if text in line), "")

    def colors(self) -> set[str]:
        """Return how colours were chosen so far, as they were sent: `38;2;…`, `38;5;…`, `31` ..."""
        found: set[str] = set()
        for match in _SGR.finditer(self.raw):
            found.update(_colors(match[1].decode().split(";")))
        return found

    def invisible(self) -> str:
        """Return the characters that have the colour of what is behind them."""
        cells = (cell for line in self._screen.buffer.values() for cell in line.values())
        return "".join(cell.data for cell in cells if cell.data.strip() and cell.fg == cell.bg)

    def cells(self) -> list[list[pyte.screens.Char]]:
        """Return all cells, line by line; what does not show on a blank is left out."""
        rows = (self._screen.buffer[row] for row in range(self._screen.lines))
        return [[_visible(row[column]) for column in range(self._screen.columns)] for row in rows]

    def wipe(self) -> None:
        """Clear the screen behind the program's back."""
        self._feed(b"\x1b[2J")

    def resize(self, columns: int, lines: int) -> None:
        """Change the size, as a window that is dragged."""
        self._screen.resize(lines, columns)
        self._text = None
        _set_size(self._end, columns, lines)

    def press(self, *keys: str) -> None:
        """Press keys, one after the other: names of KEYS, `ctrl+x`, or characters."""
        self.send("".join(_sequence(key) for key in keys).encode())

    def answer(self, key: str) -> None:
        """Press a key once what is asked has stood for a while: no sooner does it count as read."""
        self.settle(GLANCE + 0.7)
        self.press(key)

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        view = memoryview(data)
        while view:
            self._read(0)  # a program that cannot write may not read
            _, writable, _ = select.select([], [self._end], [], 0.05)
            if writable:
                view = view[os.write(self._end, view) :]

    def type_blindly(self, *keys: str) -> None:
        """Press keys without reading what the program sends, as on a line that stands still."""
        os.write(self._end, "".join(_sequence(key) for key in keys).encode())

    def waiting(self) -> int:
        """Read what has come by now and return how many bytes it was; nothing is answered yet."""
        data = b""
        while select.select([self._end], [], [], 0)[0]:
            data += os.read(self._end, 65536)
        self.raw += data
        self._feed(data)
        return len(data)

    def answer_questions(self, on: bool) -> None:
        """Answer what the program asks the terminal, or keep the answers until it is on again."""
        self._answers_at_once = on
        self._answer(b"")

    def wait_for(self, *texts: str, gone: Sequence[str] = (), timeout: float = PATIENCE) -> str:
        """Wait until the screen shows all `texts` and none of `gone`, and return it."""
        what = ", ".join(map(repr, texts)) + "".join(f", no {text!r}" for text in gone)

        def there() -> bool:
            screen = self.screen
            found = all(text in screen for text in texts)
            found = found and not any(text in screen for text in gone)
            assert found or not self._ended, f"{what} will not come, it has ended:\n{screen}"
            return found

        self.wait_until(there, what, timeout=timeout)
        return self.screen

    def wait_until(self, done: Callable[[], object], what: str, timeout: float = PATIENCE) -> None:
        """Wait until `done` is true; `what` says it in words."""
        deadline = time.monotonic() + timeout
        while not done():
            if time.monotonic() > deadline:
                state = ", and the program has ended" if self._ended else ""
                raise AssertionError(
                    f"waited {timeout:g} s for {what}{state}. The screen:\n{self.screen}"
                )
            self._read(0.05)

    def wait_exit(self, timeout: float = PATIENCE) -> int:
        """Wait until the program has ended, and return its exit code, negative for a signal."""
        deadline = time.monotonic() + timeout
        while not self._ended and time.monotonic() < deadline:
            self._read(0.05)
        try:
            return self._process.wait(max(deadline - time.monotonic(), 1))
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {timeout:g} s:\n{self.screen}") from None

    def listen(self, seconds: float) -> int:
        """Read for some time and return how many bytes came: for measurements."""
        before = len(self.raw)
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and not self._ended:
            self._read(left)
        return len(self.raw) - before

    def settle(self, quiet: float = 0.3) -> int:
        """Read until nothing has come for `quiet` seconds and return how many bytes came."""
        before = len(self.raw)
        while self._read(quiet):
            pass
        return len(self.raw) - before

    def signal(self, number: signal.Signals) -> None:
        """Send the program a signal."""
        os.kill(self._process.pid, number)

    def hang_up(self) -> None:
        """Go away, as an SSH connection does that is lost: the kernel sends SIGHUP."""
        if self._end >= 0:
            os.close(self._end)
            self._end = -1
            self._ended = True

    def _read(self, seconds: float) -> bool:
        """Take in what comes within `seconds`; False if nothing did."""
        sources = [] if self._ended else [self._end]
        readable, _, _ = select.select(sources, [], [], max(seconds, 0))
        if not readable:
            return False
        data = b""
        with contextlib.suppress(OSError):  # EIO: the program has closed the terminal
            data = os.read(self._end, self._most)
        self._ended = not data
        self.raw += data
        self._feed(data)
        return not self._ended

    def _answer(self, data: bytes) -> None:
        self._unsent_answers += data
        if self._answers_at_once and self._end >= 0 and not self._ended:
            os.write(self._end, self._unsent_answers)
            self._unsent_answers = b""

    def _feed(self, data: bytes) -> None:
        data = self._held + data
        unfinished = _UNFINISHED.search(data)
        cut = unfinished.start() if unfinished else len(data)
        self._held = data[cut:]
        self._stream.feed(_UNKNOWN.sub(b"", data[:cut]))
        self._text = None


def _execute(
    command: Sequence[str], environ: Mapping[str, str], folder: Path, inside: int
) -> subprocess.Popen[bytes] | forked.Process:
    return subprocess.Popen(
        command,
        stdin=inside,
        stdout=inside,
        stderr=inside,
        cwd=folder,
        env=environ,
        start_new_session=True,
        preexec_fn=forked.take_terminal,
    )


def _fork(
    command: Sequence[str], environ: Mapping[str, str], folder: Path, inside: int
) -> subprocess.Popen[bytes] | forked.Process:
    program, *arguments = command
    assert program == PROGRAM
    return forked.start(
        "asynqhub_tui",
        *arguments,
        folder=folder,
        environ=environ,
        streams=(inside, inside, inside),
        in_terminal=True,
    )


def _visible(cell: pyte.screens.Char) -> pyte.screens.Char:
    if cell.data.strip() or cell.underscore or cell.strikethrough or cell.reverse:
        return cell
    return cell._replace(fg="default", bold=False, italics=False)


def _set_size(end: int, columns: int, lines: int) -> None:
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))


def _sequence(key: str) -> str:
    if key.startswith("ctrl+"):
        return chr(ord(key[-1]) & 0x1F)
    return KEYS.get(key, key)


def _colors(parameters: Sequence[str]) -> list[str]:
    found = []
    rest = list(parameters)
    while rest:
        first = rest.pop(0)
        if first in ("38", "48"):
            count = 4 if rest[:1] == ["2"] else 2
            found.append(";".join([first, *rest[:count]]))
            del rest[:count]
        elif re.fullmatch(r"(3|4|9|10)[0-7]", first):
            found.append(first)
    return found
