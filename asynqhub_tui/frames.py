"""What a terminal shows already need not be sent again.

Textual never compares a frame with the one before it: a line in which one cell has changed is
sent from the left edge of its widget to that cell, and a change of layout sends the whole screen.
`Frames` stands between Textual and the terminal. It remembers what every cell is to show and what
it does show, and yields the difference: however many frames came meanwhile, the last state wins.
It reads the form in which Textual 8.2 writes frames: the cursor is moved to the beginning of a
stretch, and each piece of it is its style, its text, and a reset.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby

from asynqhub_tui.cells import UNKNOWN, Cell, cells_of, is_certain, is_wide
from asynqhub_tui.sgr import added, parts, transition

SYNC_START, SYNC_END = "\x1b[?2026h", "\x1b[?2026l"
"""Between them a terminal that knows it draws nothing: it shows a frame at once."""

_TOKEN = re.compile(
    r"(?P<text>[^\x00-\x1f\x7f]+)"
    r"|\x1b\[(?P<style>[\d;]*)m"
    r"|\x1b\[(?P<row>\d+);(?P<column>\d+)H"
    r"|(?P<between>\n(?=\x1b\[\d+;\d+H))"
    r"|(?P<sync>\x1b\[\?2026[hl])"
    # Modes other than the alternate screen, questions, titles and clipboard, the bell: whatever
    # neither writes on the screen nor moves the cursor.
    r"|(?P<inert>\x1b\[\?(?!1049|1047|47)[\d;]*(?:[hl]|\$p)|\x1b\[[<>=][\d;]*u|\x07"
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[P^_X].*?\x1b\\)"
    r"|(?P<other>\x1b\[[0-?]*[ -/]*[@-~]|\x1b[ -/]*[0-~]|[\x00-\x1f\x7f])",
    re.DOTALL,
)

_GAP = 4
"""Cells that are sent again because to step over them would take as many bytes."""

_BLANK = 12
"""Blanks from which on erasing them, and moving behind them, takes fewer bytes."""

_UNSEEN_ON_BLANKS = {"1", "2", "3"}
"""The attributes that do not show on a blank: bold, dim and italic."""


class Frames:
    """The cells of a terminal, as they are to be and as far as it is known what they are.

    Rows and columns count from 1. The pen is where, and in which style, Textual would write next;
    the terminal's own cursor and style follow only when a cell is sent. `erases` tells whether
    the terminal erases cells to the present background, which long blanks are made with.
    """

    def __init__(self, *, erases: bool = False) -> None:
        self._erases = erases
        self._wanted: dict[int, list[Cell]] = {}
        self._shown: dict[int, list[Cell]] = {}
        self._changed: set[int] = set()
        self._first: list[str] = []
        self._sync = False
        self._pen: tuple[int, int] | None = None
        self._pen_style = ""
        self._rest: tuple[int, int] | None = None
        self._cursor: tuple[int, int] | None = None
        self._style: str | None = None

    def forget(self) -> None:
        """Take nothing on the screen for granted: it was resized, or somebody else wrote on it.

        What was written before is not sent any more, either: it was meant for another screen.
        """
        self._wanted.clear()
        self._shown.clear()
        self._changed.clear()
        self._cursor = None
        self._style = None

    def write(self, data: str) -> None:
        """Take in what is to be shown."""
        for token in _TOKEN.finditer(data):
            kind = token.lastgroup
            if kind == "text":
                self._write(token["text"])
                self._rest = None
            elif kind == "style":
                self._pen_style = added(self._pen_style, token["style"])
            elif kind == "column":
                self._pen = self._rest = (int(token["row"]), int(token["column"]))
            elif kind == "sync":
                self._sync = True
            elif kind == "inert":
                self._first.append(token["inert"])
            elif kind == "other":
                self._pass_on(token["other"])

    def take(self) -> str:
        """Return what of all that was written the terminal does not show yet."""
        out = self._render()
        if self._sync and out:
            out = [SYNC_START, *out, SYNC_END]
        if self._rest is not None:
            self._move(self._rest, out)
        out = self._first + out
        self._first = []
        return "".join(out)

    def _pass_on(self, sequence: str) -> None:
        """Let through what nobody knows here, in its place, and forget the screen."""
        self._first += self._render()
        if self._style != "":
            self._first.append("\x1b[0m")
        self._first.append(sequence)
        self.forget()
        self._pen = self._rest = None

    def _write(self, text: str) -> None:
        """Write `text` with the pen."""
        if self._pen is None:
            self._first += self._render()
            self._set_style(self._pen_style, self._first)
            self._first.append(text)
            self._cursor = None
            return
        cells = cells_of(text, self._pen_style)
        row, column = self._pen
        self._pen = (row, column + len(cells))
        line = self._wanted.setdefault(row, [])
        end = column - 1 + len(cells)
        if len(line) < end:
            line += [UNKNOWN] * (end - len(line))
        line[column - 1 : end] = cells
        self._changed.add(row)

    def _render(self) -> list[str]:
        """Return what leads from the cells that are shown to those that are to be."""
        out: list[str] = []
        for row in sorted(self._changed):
            wanted = self._wanted[row]
            shown = self._shown.setdefault(row, [])
            if len(shown) < len(wanted):
                shown += [UNKNOWN] * (len(wanted) - len(shown))
            at = 0
            while (change := _next_change(shown, wanted, at)) is not None:
                start, at = change
                self._bridge((row, start + 1), shown, out)
                self._put((row, start + 1), wanted[start:at], out)
                shown[start:at] = wanted[start:at]
                if not all(is_certain(char) for char, _ in wanted[start:at] if char):
                    # It may have taken more cells, or fewer: those behind it are sent again.
                    shown[at:] = [UNKNOWN] * (len(shown) - at)
        self._changed.clear()
        return out

    def _bridge(self, to: tuple[int, int], shown: list[Cell], out: list[str]) -> None:
        """Write the few cells between the cursor and `to` again, where that is shorter."""
        if self._cursor is None or self._cursor[0] != to[0]:
            return
        start, stop = self._cursor[1] - 1, to[1] - 1
        between = shown[start:stop]
        if 0 < stop - start <= _GAP and all(
            char.isascii() and char and style == self._style for char, style in between
        ):
            self._put(self._cursor, between, out)

    def _put(self, at: tuple[int, int], cells: list[Cell], out: list[str]) -> None:
        """Send cells to a place on a line."""
        row, column = at
        for style, run in groupby(cells, key=lambda cell: cell[1]):
            for blank, stretch in self._stretches([char for char, _ in run], style):
                self._move((row, column), out)
                self._set_style(style, out)
                column += len(stretch)
                if blank:
                    out.append(f"\x1b[{len(stretch)}X")  # the cursor stays
                else:
                    self._put_text((row, column), stretch, out)

    def _put_text(self, end: tuple[int, int], chars: list[str], out: list[str]) -> None:
        """Send characters to the cells that end before `end`."""
        row, column = end[0], end[1] - len(chars)
        second_half = False
        for at, char in enumerate(chars, column):
            if not char and second_half:
                second_half = False
                continue
            self._move((row, at), out)
            second_half = is_wide(char)
            # Terminals differ in which characters are wide.
            agreed = not second_half and is_certain(char)
            if second_half and not is_certain(char):  # where it is narrow it leaves a cell
                out.append(f"  \x1b[{row};{at}H")
            out.append(char or " ")  # nothing: something was written over its first half
            self._cursor = (row, at + 1) if agreed else None

    def _stretches(self, chars: list[str], style: str) -> Iterator[tuple[bool, list[str]]]:
        """Split characters into long blanks, which are erased, and what stands between them."""
        if not self._erases or not set(parts(style)[1]) <= _UNSEEN_ON_BLANKS:
            yield False, chars
            return
        kept: list[str] = []
        for blank, run in groupby(chars, key=" ".__eq__):
            stretch = list(run)
            if blank and len(stretch) >= _BLANK:
                if kept:
                    yield False, kept
                yield True, stretch
                kept = []
            else:
                kept += stretch
        if kept:
            yield False, kept

    def _move(self, to: tuple[int, int], out: list[str]) -> None:
        if self._cursor == to:
            return
        if self._cursor is not None and self._cursor[0] == to[0] and self._cursor[1] < to[1]:
            out.append(f"\x1b[{to[1] - self._cursor[1]}C")
        else:
            out.append(f"\x1b[{to[0]};{to[1]}H")
        self._cursor = to

    def _set_style(self, style: str, out: list[str]) -> None:
        if self._style != style:
            out.append(transition(self._style, style))
            self._style = style


def _next_change(before: list[Cell], after: list[Cell], at: int) -> tuple[int, int] | None:
    """Return from where to where cells differ, from `at` on; a wide character is never split.

    What nobody has written differs from nothing.
    """
    end = len(after)
    while at < end and (before[at] == after[at] or after[at] is UNKNOWN):
        at += 1
    if at == end:
        return None
    start = at
    while at < end and before[at] != after[at] and after[at] is not UNKNOWN:
        at += 1
    while at < end and not after[at][0] and after[at] is not UNKNOWN:
        at += 1
    while start and not after[start][0] and after[start - 1] is not UNKNOWN:
        start -= 1
    return start, at


class FullFrames(Frames):
    """Whole lines, also of what the terminal shows already: for one that does not keep it."""

    def take(self) -> str:
        """Return every line on which anything was written."""
        for row in self._changed:
            self._shown.pop(row, None)
        self._cursor = self._style = None
        return super().take()
