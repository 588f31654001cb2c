"""Panes that scroll: a text, and JSON that folds."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from asynqhub_tui import text
from asynqhub_tui.widgets.canvas import Piece
from asynqhub_tui.widgets.json_lines import JsonLine
from asynqhub_tui.widgets.table import MARGIN, Table
from asynqhub_tui.widgets.wrapping import cut, starts

MOST_LINES = 2_000
"""Lines of an error that the pane holds."""


class TextPane(Table[str]):
    """Shows a text, broken at the pane's width."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._title = ""
        self._text = ""
        self._tone = ""
        self._broken: list[str] = []
        self._width = 0

    def show(self, title: str, content: str, tone: str = "") -> None:
        """Show a text under a title, in a tone."""
        if content != self._text:
            self._text = content
            self._width = 0
            self.cursor = self.top_row = 0
        self._title, self._tone = title, tone
        self.redraw()

    @property
    def count(self) -> int:
        """How many lines there are."""
        if self._width != self.size.width and self.size.width:
            self._width = self.size.width
            self._broken = text.wrap(self._text, self._width - 3, MOST_LINES) if self._text else []
        return len(self._broken)

    def height_for(self, width: int, most: int) -> int:
        """Return the lines that title and text need in `width` cells, `most` at the most."""
        if not self._text:
            return 0
        return min(len(text.wrap(self._text, max(width - 3, 2), most)) + 1, most)

    def row(self, index: int) -> str:
        """Return a line."""
        return self._broken[index]

    def head(self) -> list[Piece]:
        """Return the title."""
        return [Piece(self._title, "dim")]

    def pieces(self, row: str) -> list[Piece]:
        """Return a line's text."""
        return [Piece(row, self._tone)]


class JsonPane(Table[tuple[int, int]]):
    """Shows JSON, which folds; a row is the number of a line, and of the row within that line.

    What does not fit in the pane's width takes several rows. A long value is one row until it is
    unfolded: what is hidden is never laid out.
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._title = ""
        self._lines: Sequence[JsonLine] = ()
        self._folded: set[int] = set()
        self._numbers: list[int] = []
        self._starts: dict[int, list[int]] = {}

    def show(self, title: str, lines: Sequence[JsonLine]) -> None:
        """Show another document."""
        self._title = title
        self._lines = lines
        self._folded = {number for number, line in enumerate(lines) if line.length}
        self._lay_out()
        self.place(0)

    @property
    def count(self) -> int:
        """How many rows no fold hides."""
        return len(self._numbers)

    def row(self, index: int) -> tuple[int, int]:
        """Return the number of a line, and which of its rows this is."""
        number = self._numbers[index]
        return number, index - self._first(number)

    def head(self) -> list[Piece]:
        """Return the title."""
        return [Piece(self._title, "dim")]

    def pieces(self, row: tuple[int, int]) -> list[Piece]:
        """Return a row's pieces, with what it hides."""
        number, part = row
        line = self._lines[number]
        if number in self._folded:
            return self._folded_row(number)
        begins = self._starts.get(number)
        if begins is None:
            return list(line.pieces)
        stop = begins[part + 1] if part + 1 < len(begins) else None
        found = cut(line.pieces, begins[part], stop)
        return [Piece(" " * line.hanging(self._room)), *found] if part else found

    def fold(self) -> None:
        """Fold or unfold what the line under the cursor is or opens, or else what surrounds it."""
        if self.current is None:
            return
        number: int | None = self.current[0]
        if not self._folds(self.current[0]):
            number = self._surrounding(self.current[0])
        if number is not None:
            self._folded ^= {number}
            self._lay_out()
            self.place(self._first(number))

    def on_resize(self) -> None:
        """Break the lines anew, with the cursor on the line where it was."""
        before = self.current
        self._lay_out()
        if before is not None:
            self.cursor = self._first(before[0])
        super().on_resize()

    @property
    def _room(self) -> int:
        return self.size.width - MARGIN

    def _folds(self, number: int) -> bool:
        line = self._lines[number]
        return line.end is not None or line.length > 0

    def _folded_row(self, number: int) -> list[Piece]:
        line = self._lines[number]
        if line.end is not None:
            closing = self._lines[line.end].pieces[-1].text.strip()
            hidden = line.end - number - 1
            told = f" … {hidden:,} {'line' if hidden == 1 else 'lines'} "
            return [*line.pieces, Piece(told, "dim"), Piece(closing)]
        return line.folded(self._room)

    def _first(self, number: int) -> int:
        return bisect_left(self._numbers, number)

    def _surrounding(self, number: int) -> int | None:
        for at in range(number - 1, -1, -1):
            end = self._lines[at].end
            if end is not None and end >= number:
                return at
        return None

    def _lay_out(self) -> None:
        self._numbers, self._starts = [], {}
        room = self._room
        at = 0
        while at < len(self._lines):
            line = self._lines[at]
            self._numbers.append(at)
            if at in self._folded:
                at = at + 1 if line.end is None else line.end + 1
                continue
            if room > 0 and self._may_break(line, room):
                begins = list(starts(line.pieces, room, line.hanging(room)))
                if len(begins) > 1:
                    self._starts[at] = begins
                    self._numbers += [at] * (len(begins) - 1)
            at += 1

    def _may_break(self, line: JsonLine, room: int) -> bool:
        """Whether a line may need more than `room` cells; no character takes more than two."""
        return 2 * sum(len(text) for text, _ in line.pieces) > room
