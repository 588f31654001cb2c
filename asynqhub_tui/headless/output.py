"""Plain text on standard output: aligned columns, names and values, notes on standard error.

Widths are cells of a terminal, so that CJK and emoji line up. Every text from the database passes
`text.one_line` or `text.block` here or before: no escape sequence reaches the terminal.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from rich.cells import cell_len

from asynqhub_tui.models import Task
from asynqhub_tui.text import fit, one_line

GAP = "  "


@dataclass(frozen=True, slots=True)
class Column:
    """A column's title, and whether its values are numbers, which stand to the right."""

    title: str
    number: bool = False


def columns(heads: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a header line and a line for each row, every column as wide as its widest value."""
    titles = [head.title for head in heads]
    widths = [max(map(cell_len, values)) for values in zip(titles, *rows, strict=True)]
    return [
        GAP.join(
            fit(value, width, align="right" if head.number else "left")
            for head, value, width in zip(heads, row, widths, strict=True)
        ).rstrip()
        for row in (titles, *rows)
    ]


def pairs(values: Iterable[tuple[str, str]]) -> list[str]:
    """Return a line for each name and its value."""
    known = [(name, value) for name, value in values if value]
    width = max((cell_len(name) for name, _ in known), default=0)
    return [f"{fit(name, width)}{GAP}{value}" for name, value in known]


def first_line(text: str | None) -> str:
    """Return the first line of an error that has something on it."""
    return one_line((text or "").strip().split("\n", 1)[0])


def error(task: Task) -> str:
    """Return the first line of a task's error, and whether another attempt has begun since."""
    line = first_line(task.error)
    return f"was: {line}" if line and task.error_is_old else line


def write(lines: Iterable[str]) -> None:
    """Write lines to standard output, cut to its width where it is a terminal."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for line in lines:
        cut = width is not None and cell_len(line) > width
        sys.stdout.write(f"{fit(line, width) if cut and width else line}\n")


class ProgressLine:
    """One line on a terminal that each text overwrites; nothing where standard error is none.

    It is gone when the block is left. Work goes on to its end where the terminal has gone.
    """

    def __init__(self) -> None:
        self._shown = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._overwrite("")

    def show(self, text: str) -> None:
        """Show a short text in the place of the one before."""
        if sys.stderr.isatty():
            self._overwrite(text)

    def note(self, text: str) -> None:
        """Write a line that stays, and go on below it."""
        self._overwrite("")
        with contextlib.suppress(OSError):
            note(text)

    def _overwrite(self, text: str) -> None:
        with contextlib.suppress(OSError):
            if self._shown:
                sys.stderr.write(f"\r{' ' * self._shown}\r")
            sys.stderr.write(text)
            sys.stderr.flush()
        self._shown = cell_len(text)


def note(text: str) -> None:
    """Write a line to standard error."""
    sys.stderr.write(f"asynqhub-tui: {one_line(text)}\n")
