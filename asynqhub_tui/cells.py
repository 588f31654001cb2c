"""Text as the cells of a terminal that it takes."""

from __future__ import annotations

from rich.cells import cell_len, split_graphemes

Cell = tuple[str, str]
"""A character with what combines with it, empty for the second half of a wide one, and its style
as SGR parameters."""

UNKNOWN: Cell = ("", "?")
"""A cell of which nobody knows what it shows."""

_FIRST_EMOJI = "\U0001f000"


def cells_of(text: str, style: str) -> list[Cell]:
    """Return the cells of `text`, as wide as Textual takes them for.

    What combines with nothing, at the beginning of a text, takes none: it is left out.
    """
    if text.isascii():
        return [(char, style) for char in text]
    cells: list[Cell] = []
    sizes = [cell_len(char) for char in text]
    if all(sizes):
        for char, size in zip(text, sizes, strict=True):
            cells.append((char, style))
            if size == 2:
                cells.append(("", style))
        return cells
    for start, end, size in split_graphemes(text)[0]:
        if size:
            cells.append((text[start:end], style))
            cells += [("", style)] * (size - 1)
    return cells


def is_wide(char: str) -> bool:
    """Whether a character takes two cells."""
    return not char.isascii() and cell_len(char) == 2


def is_certain(char: str) -> bool:
    """Whether all terminals agree on how many cells a character takes.

    They do not where several code points make one, nor about emoji.
    """
    return len(char) < 2 and char < _FIRST_EMOJI
