"""What a terminal shows already need not be sent again.

Textual never compares a frame with the one before it: a line in which one cell has changed is
sent from the left edge of its widget to that cell, and a change of layout sends the whole screen.
`Frames` stands between Textual and the terminal, remembers every cell, and lets through what is
new. It reads the form in which Textual 8.2 writes frames: the cursor is moved to the beginning of
a stretch, and each piece of it is its style, its text, and a reset.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby

from rich.cells import cell_len

_TOKEN = re.compile(
    r"(?P<text>[^\x00-\x1f\x7f]+)"
    r"|\x1b\[(?P<style>[\d;]*)m"
    r"|\x1b\[(?P<row>\d+);(?P<column>\d+)H"
    r"|(?P<between>\n(?=\x1b\[\d+;\d+H))"
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

_Cell = tuple[str, str]
"""A character, empty for the second half of a wide one, and its style as SGR parameters."""

_UNKNOWN: _Cell = ("", "?")


class Frames:
    """The cells of a terminal, as far as they are known.

    Rows and columns count from 1. The pen is where, and in which style, Textual would write next;
    the terminal's own cursor and style follow only when a cell has changed. `erases` tells
    whether the terminal erases cells to the present background, which long blanks are made with.
    """

    def __init__(self, *, erases: bool = False) -> None:
        self._erases = erases
        self._rows: dict[int, list[_Cell]] = {}
        self._pen: tuple[int, int] | None = None
        self._pen_style = ""
        self._cursor: tuple[int, int] | None = None
        self._style: str | None = None

    def forget(self) -> None:
        """Take nothing on the screen for granted: it was resized, or somebody else wrote on it."""
        self._rows.clear()
        self._cursor = None
        self._style = None

    def reduce(self, data: str) -> str:
        """Return what of `data` the terminal does not show already."""
        out: list[str] = []
        moved = False
        for token in _TOKEN.finditer(data):
            kind = token.lastgroup
            if kind == "text":
                self._write(token["text"], out)
                moved = False
            elif kind == "style":
                self._pen_style = _added(self._pen_style, token["style"])
            elif kind == "column":
                self._pen = (int(token["row"]), int(token["column"]))
                moved = True
            elif kind == "inert":
                out.append(token["inert"])
            elif kind == "other":
                if self._style != "":
                    out.append("\x1b[0m")
                out.append(token["other"])
                self.forget()
                self._pen = None
        if moved and self._pen is not None:
            self._move(self._pen, out)
        return "".join(out)

    def _write(self, text: str, out: list[str]) -> None:
        """Write `text` with the pen."""
        cells = _cells(text, self._pen_style)
        if self._pen is None or cells is None:
            self._write_unseen(text, out)
            return
        row, column = self._pen
        self._pen = (row, column + len(cells))
        known = self._rows.setdefault(row, [])
        end = column - 1 + len(cells)
        if len(known) < end:
            known += [_UNKNOWN] * (end - len(known))
        before = known[column - 1 : end]
        if before == cells:
            return
        known[column - 1 : end] = cells
        for start, stop in _changes(before, cells):
            at = (row, column + start)
            self._bridge(at, known, out)
            self._put(at, cells[start:stop], out)

    def _write_unseen(self, text: str, out: list[str]) -> None:
        """Send a text of which nobody can tell how many cells it takes."""
        if self._pen is not None:
            self._move(self._pen, out)
            row, column = self._pen
            del self._rows.setdefault(row, [])[column - 1 :]
        self._set_style(self._pen_style, out)
        out.append(text)
        self._pen = self._cursor = None

    def _bridge(self, to: tuple[int, int], known: list[_Cell], out: list[str]) -> None:
        """Write the few cells between the cursor and `to` again, where that is shorter."""
        if self._cursor is None or self._cursor[0] != to[0]:
            return
        start, stop = self._cursor[1] - 1, to[1] - 1
        between = known[start:stop]
        if 0 < stop - start <= _GAP and all(
            char.isascii() and char and style == self._style for char, style in between
        ):
            self._put(self._cursor, between, out)

    def _put(self, at: tuple[int, int], cells: list[_Cell], out: list[str]) -> None:
        """Send cells to a place on a line."""
        row, column = at
        for style, run in groupby(cells, key=lambda cell: cell[1]):
            chars = [char for char, _ in run]
            for blank, stretch in self._stretches(chars, style):
                self._move((row, column), out)
                self._set_style(style, out)
                column += len(stretch)
                if blank:
                    out.append(f"\x1b[{len(stretch)}X")  # the cursor stays
                else:
                    out.append("".join(stretch))
                    # Terminals differ in which characters are wide.
                    self._cursor = (row, column) if all(stretch) else None

    def _stretches(self, chars: list[str], style: str) -> Iterator[tuple[bool, list[str]]]:
        """Split characters into long blanks, which are erased, and what stands between them."""
        if not self._erases or not set(_parts(style)[1]) <= _UNSEEN_ON_BLANKS:
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
            out.append(_transition(self._style, style))
            self._style = style


def _added(style: str, parameters: str) -> str:
    """Return the style after an SGR sequence."""
    if parameters in ("", "0"):
        return ""
    return f"{style};{parameters}" if style else parameters


def _cells(text: str, style: str) -> list[_Cell] | None:
    """Return the cells of `text`; None where characters join into one."""
    if text.isascii():
        return [(char, style) for char in text]
    cells: list[_Cell] = []
    for char in text:
        size = cell_len(char)
        if size == 0:
            return None
        cells.append((char, style))
        if size == 2:
            cells.append(("", style))
    return cells


def _changes(before: list[_Cell], after: list[_Cell]) -> list[tuple[int, int]]:
    """Return the stretches, from and to, that differ; a wide character is never split."""
    changes: list[tuple[int, int]] = []
    at, end = 0, len(after)
    while at < end:
        if before[at] == after[at]:
            at += 1
            continue
        start = at
        while at < end and before[at] != after[at]:
            at += 1
        while at < end and not after[at][0]:
            at += 1
        while start and not after[start][0]:
            start -= 1
        changes.append((start, at))
    return changes


@lru_cache(maxsize=1024)
def _transition(before: str | None, after: str) -> str:
    """Return the shortest SGR sequence that leads from one style to another."""
    colors, attributes = _parts(after)
    fresh = ";".join(filter(None, ("0", *attributes, *colors)))
    if before is None:
        return f"\x1b[{fresh}m"
    old_colors, old_attributes = _parts(before)
    if not set(old_attributes) <= set(attributes):
        return f"\x1b[{fresh}m"
    changed = [one for one in attributes if one not in old_attributes]
    for default, old, new in zip(("39", "49"), old_colors, colors, strict=True):
        if old != new:
            changed.append(new or default)
    step = ";".join(changed)
    return f"\x1b[{min(step, fresh, key=len)}m" if changed else ""


@lru_cache(maxsize=1024)
def _parts(style: str) -> tuple[tuple[str, str], tuple[str, ...]]:
    """Split a style into its two colours, empty for the terminal's own, and its attributes."""
    foreground = background = ""
    attributes: dict[str, None] = {}
    rest = style.split(";") if style else []
    while rest:
        one = rest.pop(0)
        if one in ("38", "48"):
            count = 4 if rest[:1] == ["2"] else 2
            color = ";".join([one, *rest[:count]])
            del rest[:count]
        else:
            color = one
        if re.match(r"38;|3[0-7]$|39$|9[0-7]$", color):
            foreground = "" if color == "39" else color
        elif re.match(r"48;|4[0-7]$|49$|10[0-7]$", color):
            background = "" if color == "49" else color
        else:
            attributes[color] = None
    return (foreground, background), tuple(attributes)
