"""A line of pieces that is longer than the screen is wide, broken into rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import chop_cells

from asynqhub_tui.widgets.canvas import Piece


def starts(pieces: Sequence[Piece], width: int, indent: int) -> Iterator[int]:
    """Yield the offset of the character with which each row begins, the first being 0.

    Rows are `width` cells wide, of which all but the first leave `indent` blank.
    """
    text = "".join(piece.text for piece in pieces)
    at, room = 0, max(width, 2)
    while True:
        yield at
        part = text[at : at + room]
        at += len(part) if part.isascii() else len(chop_cells(part, room)[0])
        if at >= len(text):
            return
        room = max(width - indent, 2)


def cut(pieces: Sequence[Piece], start: int, stop: int | None) -> list[Piece]:
    """Return the characters of a line from `start` up to `stop`, or to its end."""
    found = []
    for text, tone in pieces:
        part = text[max(start, 0) : None if stop is None else max(stop, 0)]
        if part:
            found.append(Piece(part, tone))
        start -= len(text)
        stop = None if stop is None else stop - len(text)
    return found


def rows(pieces: Sequence[Piece], width: int, indent: int) -> Iterator[list[Piece]]:
    """Yield the rows of a line, one after the other."""
    begins = starts(pieces, width, indent)
    start: int | None = next(begins)
    blank: list[Piece] = []
    while start is not None:
        stop = next(begins, None)
        yield [*blank, *cut(pieces, start, stop)]
        start, blank = stop, [Piece(" " * indent)]
