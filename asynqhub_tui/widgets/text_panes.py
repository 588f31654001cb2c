"""Panes that scroll: a text, and JSON that folds."""

from __future__ import annotations

from collections.abc import Sequence

from asynqhub_tui import text
from asynqhub_tui.widgets.canvas import Piece
from asynqhub_tui.widgets.json_lines import JsonLine
from asynqhub_tui.widgets.table import Table

MOST_LINES = 2_000
"""Lines of an error that the pane holds."""


class TextPane(Table[str]):
    """Shows a text, broken at the pane's width."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._title = ""
        self._text = ""
        self._broken: list[str] = []
        self._width = 0

    def show(self, title: str, content: str) -> None:
        """Show a text under a title."""
        if content != self._text:
            self._text = content
            self._width = 0
            self.cursor = self.top_row = 0
        self._title = title
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
        return [Piece(row)]


class JsonPane(Table[int]):
    """Shows JSON; its rows are the numbers of the lines that no fold hides."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._title = ""
        self._lines: Sequence[JsonLine] = ()
        self._folded: set[int] = set()
        self._rows: list[int] = []

    def show(self, title: str, lines: Sequence[JsonLine]) -> None:
        """Show another document."""
        self._title = title
        self._lines = lines
        self._folded.clear()
        self._refold()
        self.place(0)

    @property
    def count(self) -> int:
        """How many lines are not hidden."""
        return len(self._rows)

    def row(self, index: int) -> int:
        """Return the number of a line."""
        return self._rows[index]

    def head(self) -> list[Piece]:
        """Return the title."""
        return [Piece(self._title, "dim")]

    def pieces(self, row: int) -> list[Piece]:
        """Return a line's pieces, with what it hides."""
        line = self._lines[row]
        if row not in self._folded or line.end is None:
            return list(line.pieces)
        closing = self._lines[line.end].pieces[-1]
        hidden = f" … {line.end - row - 1:,} lines "
        return [*line.pieces, Piece(hidden, "dim"), Piece(closing.text.strip())]

    def fold(self) -> None:
        """Fold or unfold what the line under the cursor opens, or else what surrounds it."""
        number = self.current
        if number is None:
            return
        if self._lines[number].end is None:
            opening = self._surrounding(number)
            if opening is None:
                return
            number = opening
        self._folded ^= {number}
        self._refold()
        self.place(self._rows.index(number))

    def _surrounding(self, number: int) -> int | None:
        for at in range(number - 1, -1, -1):
            end = self._lines[at].end
            if end is not None and end >= number:
                return at
        return None

    def _refold(self) -> None:
        self._rows = []
        at = 0
        while at < len(self._lines):
            self._rows.append(at)
            end = self._lines[at].end
            at = end + 1 if at in self._folded and end is not None else at + 1
