"""The manners of a terminal that may stand at the far end of an SSH line."""

from __future__ import annotations

import asyncio
import base64
import signal
from collections.abc import Callable, Mapping, MutableMapping
from typing import Protocol

ESC_DELAY_MS = "300"
"""How long a lone ESC waits for the rest of an arrow key: a slow line splits the sequence."""

MAX_CLIPBOARD = 74_994
"""Bytes that every terminal with OSC 52 takes (xterm's limit for the sequence, before base64)."""

_TMUX_SECONDS = 2.0

MOUSE_ON = "\x1b[?1000h\x1b[?1006h"
MOUSE_OFF = "\x1b[?1016l\x1b[?1006l\x1b[?1000l"
"""Clicks and wheel, with coordinates as numbers; never every movement of the pointer."""


class Writer(Protocol):
    """What takes bytes to the terminal: the running application's driver."""

    def write(self, data: str) -> None:
        """Send `data` as it is."""


def prepare(environ: MutableMapping[str, str]) -> None:
    """Set what Textual reads when it is imported; call it before. What the user has set stays."""
    environ.setdefault("ESCDELAY", ESC_DELAY_MS)
    environ.setdefault("TEXTUAL_ANIMATIONS", "none")
    environ.setdefault("TEXTUAL_SMOOTH_SCROLL", "0")


def on_end(end: Callable[[int], object]) -> None:
    """Call `end` with the exit code when the terminal has gone, or the process is asked to end.

    Without that the process would die at once, and what it asked of a server would go on. To be
    called where the event loop of the main thread runs.
    """
    loop = asyncio.get_running_loop()
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end, 128 + number)


def over_ssh(environ: Mapping[str, str]) -> bool:
    """Whether the terminal is at the far end of an SSH connection."""
    return bool(environ.get("SSH_CONNECTION") or environ.get("SSH_TTY"))


def mouse_wanted(environ: Mapping[str, str], setting: bool | None) -> bool:
    """Whether to ask the terminal for mouse events.

    Off over SSH unless `setting` says otherwise: every movement would travel the line, and the
    terminal's own selection of text would stop working.
    """
    return not over_ssh(environ) if setting is None else setting


def erases_to_background() -> bool:
    """Whether the terminal erases to the present background, not to its own, as terminfo knows."""
    try:
        import curses
    except ImportError:  # some builds of Python are without
        return False
    try:
        curses.setupterm()
    except curses.error:
        return False
    return curses.tigetflag("bce") == 1 and curses.tigetstr("ech") is not None


def osc52(text: str) -> str:
    """Return the sequence that asks the terminal to put `text` on its clipboard."""
    return f"\x1b]52;c;{base64.b64encode(text.encode('utf-8', 'replace')).decode()}\x07"


async def copy(text: str, writer: Writer, environ: Mapping[str, str]) -> str:
    """Put `text` on the clipboard of the person at the terminal, and say in words what was done.

    Inside tmux the buffer is handed to tmux itself (`load-buffer -w`), which forwards it under its
    default settings, where a bare OSC 52 from an application is dropped. Raises ValueError where
    `text` is too long for OSC 52.
    """
    if len(text.encode("utf-8", "replace")) > MAX_CLIPBOARD:
        raise ValueError(f"too long for the clipboard (over {MAX_CLIPBOARD:,} bytes)")
    if environ.get("TMUX") and await _tmux_load(text):
        return "sent to tmux and its terminal"
    writer.write(osc52(text))
    return "sent to the terminal"


async def _tmux_load(text: str) -> bool:
    try:
        process = await asyncio.create_subprocess_exec(
            "tmux",
            "load-buffer",
            "-w",
            "-",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError:
        return False
    try:
        await asyncio.wait_for(process.communicate(text.encode("utf-8", "replace")), _TMUX_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
        return False
    return process.returncode == 0
