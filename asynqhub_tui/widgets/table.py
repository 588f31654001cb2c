"""A table on the line API: columns that drop out by priority, a cursor that stays on its row.

It paints the rows in view and no others. Where the rows come from is the subclass's affair: a
list, or a window over a list without end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from textual import events
from textual.message import Message

from asynqhub_tui.text import fit
from asynqhub_tui.widgets.canvas import Canvas, Line, Piece

R = TypeVar("R")

MARGIN = 3
"""Cells in front of every row: the signs of the cursor and of a mark, and a blank."""


@dataclass(frozen=True, slots=True)
class Column(Generic[R]):
    """One column.

    `cell` returns the text and tone of a row's cell in the given width. `width` is the least
    width; a column with `grow` takes what is left over, up to `most`. Columns with a high `drop`
    go first where the terminal is narrow; those with 0 never go.
    """

    title: str
    width: int
    cell: Callable[[R, int], tuple[str, str]]
    drop: int = 0
    grow: int = 0
    most: int = 10_000
    right: bool = False


def lay_out(columns: Sequence[Column[R]], width: int) -> list[tuple[Column[R], int]]:
    """Choose the columns that fit in `width` cells, a blank between two, and their widths."""
    chosen = list(columns)

    def needed() -> int:
        return sum(column.width for column in chosen) + len(chosen) - 1

    while needed() > width and (droppable := [c for c in chosen if c.drop]):
        chosen.remove(max(droppable, key=lambda column: column.drop))
    spare = width - needed()
    widths = [column.width for column in chosen]
    while spare > 0:
        growing = [
            at for at, column in enumerate(chosen) if column.grow and widths[at] < column.most
        ]
        if not growing:
            break
        total = sum(chosen[at].grow for at in growing)
        before = spare
        for at in growing:
            share = max(1, before * chosen[at].grow // total)
            extra = min(share, spare, chosen[at].most - widths[at])
            widths[at] += extra
            spare -= extra
    return list(zip(chosen, widths, strict=True))


class Table(Canvas, Generic[R]):
    """A table of rows, the first line being its head.

    A subclass gives `columns`, `count`, `row` and `key`, and tells `marked` rows and the `tone` of
    a row.
    """

    class Clicked(Message):
        """A row was clicked; the cursor is on it already. `again` tells a second click."""

        def __init__(self, table: Table[R], again: bool) -> None:
            super().__init__()
            self.table = table
            self.again = again

    class Moved(Message):
        """The cursor has come to another row."""

        def can_replace(self, message: Message) -> bool:
            """A newer position makes an older one moot."""
            return isinstance(message, Table.Moved)

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.cursor = 0
        self.top_row = 0
        self.active = True
        self._layout_for: tuple[int, Sequence[Column[R]]] | None = None
        self._laid_out: list[tuple[Column[R], int]] = []

    @property
    def columns(self) -> Sequence[Column[R]]:
        """The columns, in their order on the screen."""
        return ()

    @property
    def count(self) -> int:
        """How many rows there are."""
        return 0

    def row(self, index: int) -> R:
        """Return the row at `index`."""
        raise IndexError(index)

    def marked(self, row: R) -> bool:
        """Whether a row is marked."""
        return False

    def tone(self, row: R) -> str:
        """The tone that lies beneath a whole row."""
        return ""

    def empty_text(self) -> str:
        """What stands in a table without rows."""
        return ""

    @property
    def page_rows(self) -> int:
        """How many rows are in view."""
        return max(self.size.height - 1, 0)

    @property
    def current(self) -> R | None:
        """The row under the cursor."""
        return self.row(self.cursor) if 0 <= self.cursor < self.count else None

    def in_view(self) -> range:
        """The indices of the rows in view."""
        return range(self.top_row, min(self.top_row + self.page_rows, self.count))

    def move(self, steps: int) -> None:
        """Move the cursor by rows."""
        self.place(self.cursor + steps)

    def page(self, pages: int) -> None:
        """Move the cursor by half pages."""
        self.move(pages * max(self.page_rows // 2, 1))

    def place(self, index: int) -> None:
        """Put the cursor on the row at `index`, or the nearest there is, and scroll to it."""
        self.cursor = max(0, min(index, self.count - 1))
        self.keep_in_view()
        self.redraw()
        self.post_message(self.Moved())

    def keep_in_view(self) -> None:
        """Scroll as little as possible, so that the cursor is in view."""
        rows = self.page_rows
        if rows:
            self.top_row = max(min(self.top_row, self.cursor), self.cursor - rows + 1)
        self.top_row = max(0, min(self.top_row, self.count - rows))

    def head(self) -> list[Piece]:
        """Return the head's pieces; the rows' columns are laid out by then."""
        titles = (
            fit(column.title, size, align="right" if column.right else "left")
            for column, size in self._laid_out
        )
        return [Piece(" ".join(titles), "dim")]

    def pieces(self, row: R) -> list[Piece]:
        """Return a row's pieces, behind the margin."""
        pieces: list[Piece] = []
        for number, (column, size) in enumerate(self._laid_out):
            text, tone = column.cell(row, size)
            if number:
                pieces.append(Piece(" "))
            pieces.append(Piece(fit(text, size, align="right" if column.right else "left"), tone))
        return pieces

    def lines(self, width: int, height: int) -> Sequence[Line]:
        """Return the head and the rows in view."""
        columns = self.columns
        if self._layout_for != (width, columns):
            self._laid_out = lay_out(columns, width - MARGIN)
            self._layout_for = (width, columns)
        lines = [Line([Piece(" " * MARGIN), *self.head()])]
        if not self.count:
            text = self.empty_text()
            return [*lines, Line(), Line([Piece(" " * MARGIN + text, "dim")])] if text else lines
        return [*lines, *(self._line(index) for index in self.in_view())]

    def _line(self, index: int) -> Line:
        row = self.row(index)
        here = index == self.cursor
        marked = self.marked(row)
        pieces = [
            Piece("▌" if here and self.active else " ", "accent"),
            Piece("◆ " if marked else "  ", "accent"),
            *self.pieces(row),
        ]
        if here:
            return Line(pieces, "cursor" if self.active else "idle-cursor")
        return Line(pieces, "marked" if marked else self.tone(row))

    def on_resize(self) -> None:
        """Keep the cursor in view."""
        self.keep_in_view()
        super().on_resize()

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on the clicked row."""
        index = self.top_row + event.y - 1
        if event.y >= 1 and index < self.count:
            again = index == self.cursor
            self.place(index)
            self.post_message(self.Clicked(self, again))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Move the cursor with the wheel."""
        event.stop()
        self.move(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Move the cursor with the wheel."""
        event.stop()
        self.move(-3)
