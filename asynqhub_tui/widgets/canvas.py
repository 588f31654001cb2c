"""A widget made of lines, which repaints only the cells that changed.

Textual sends a refreshed region whole, whatever changed in it. A Canvas compares each line with
the one it painted before and refreshes just the span that differs, so that a poll that brings
nothing new sends nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from asynqhub_tui.text import fit

TONES = (
    "dim",
    "strong",
    "accent",
    "title",
    "pending",
    "running",
    "overdue",
    "success",
    "fail",
    "dead",
    "unknown",
    "warn",
    "key",
    "string",
    "number",
    "literal",
    "cursor",
    "idle-cursor",
    "marked",
    "bar",
    "demo",
    "profile",
    "alarm",
)
"""The styles that a line can name; styles/tones.tcss gives them their colours."""

COMPONENTS = {f"tone--{tone}" for tone in TONES}
"""The same as component classes, which an app with a Canvas must have.

They are not the Canvas's own: Textual would style all of them anew for each one.
"""


class Piece(NamedTuple):
    """A stretch of a line: text that is fit for the screen, and the name of its style."""

    text: str
    tone: str = ""


class Line(NamedTuple):
    """A line: its pieces, and a style that lies beneath all of them."""

    pieces: Sequence[Piece] = ()
    tone: str = ""


def width_of(pieces: Iterable[Piece]) -> int:
    """Cells that `pieces` take."""
    return sum(cell_len(piece.text) for piece in pieces)


def spread(left: Sequence[Piece], right: Sequence[Piece], width: int) -> list[Piece]:
    """Set `left` and `right` at the two ends of `width` cells; `left` gives way."""
    room = width - width_of(right)
    if room <= 0:
        return clip(right, width)
    return [*clip(left, room - 1), Piece(" "), *right]


def clip(pieces: Sequence[Piece], width: int) -> list[Piece]:
    """Cut `pieces` to `width` cells, the last with an ellipsis, or pad them to it."""
    clipped: list[Piece] = []
    room = width
    for piece in pieces:
        size = cell_len(piece.text)
        if size > room:
            if room > 0:
                clipped.append(Piece(fit(piece.text.rstrip(), room), piece.tone))
            room = 0
            break
        clipped.append(piece)
        room -= size
    if room > 0:
        clipped.append(Piece(" " * room))
    return clipped


class Canvas(Widget, can_focus=False, inherit_bindings=False):
    """A widget whose subclass says, in `lines`, what each of its lines is."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._painted: list[Line] = []
        self._painted_width = 0
        self._drawn: list[Strip] = []
        self._base = Style.null()
        self._styles: dict[tuple[str, str], Style] = {}

    def lines(self, width: int, height: int) -> Sequence[Line]:
        """Return the lines to show in `width` by `height` cells; missing ones are blank.

        What was returned is kept, and is not to be changed later.
        """
        return ()

    def redraw(self) -> None:
        """Paint what has changed since the last time."""
        if not self.is_mounted or not self.size:
            return
        before = self._drawn
        self._paint()
        after = self._drawn
        if len(before) != len(after):
            self.refresh()
            return
        regions = [
            Region(start, y, end - start, 1)
            for y, (old, new) in enumerate(zip(before, after, strict=True))
            if old is not new and (span := _difference(old, new)) is not None
            for start, end in (span,)
        ]
        if regions:
            self.refresh(*regions)

    def render_line(self, y: int) -> Strip:
        """Return a painted line (called by Textual)."""
        if not self._drawn:
            self._paint()
        return self._drawn[y] if y < len(self._drawn) else Strip.blank(self.size.width)

    def notify_style_update(self) -> None:
        """Paint all anew: a theme or a class has changed."""
        super().notify_style_update()
        self._drawn = []
        self._styles = {}

    def on_resize(self) -> None:
        """Paint all anew for another size."""
        self._drawn = []
        self.refresh()

    def _paint(self) -> None:
        width, height = self.size
        lines = list(self.lines(width, height))[:height]
        lines += [Line()] * (height - len(lines))
        base = self.rich_style  # put together from all ancestors: once a painting, not once a piece
        if base != self._base:
            self._base, self._styles = base, {}
            self._drawn = []
        kept = len(self._drawn) if width == self._painted_width else 0
        self._drawn = [
            self._drawn[y] if y < kept and line == self._painted[y] else self._strip(line, width)
            for y, line in enumerate(lines)
        ]
        self._painted, self._painted_width = lines, width

    def _strip(self, line: Line, width: int) -> Strip:
        strip = self._styled(line.pieces, line.tone)
        if strip.cell_length > width:
            strip = self._styled(clip(line.pieces, width), line.tone)
        return strip.adjust_cell_length(width, self._style("", line.tone))

    def _styled(self, pieces: Iterable[Piece], beneath: str) -> Strip:
        return Strip([Segment(text, self._style(tone, beneath)) for text, tone in pieces if text])

    def _style(self, tone: str, beneath: str) -> Style:
        style = self._styles.get((tone, beneath))
        if style is None:
            style = self._base
            for name in (tone, beneath):
                if name:
                    style += self.app.get_component_styles(f"tone--{name}").partial_rich_style
            self._styles[tone, beneath] = style
        return style


class Ends(Canvas):
    """One line with something at its left and something at its right end."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._ends: tuple[Sequence[Piece], Sequence[Piece]] = ((), ())

    def show(self, left: Sequence[Piece], right: Sequence[Piece] = ()) -> None:
        """Show other pieces."""
        self._ends = (left, right)
        self.redraw()

    def lines(self, width: int, height: int) -> Sequence[Line]:
        """Return the line."""
        left, right = self._ends
        return [Line(spread(left, [*right, Piece(" ")], width))]


def _cells(strip: Strip) -> list[tuple[str, Style | None]]:
    cells: list[tuple[str, Style | None]] = []
    for text, style, _ in strip:
        if text.isascii():
            cells += [(char, style) for char in text]
        else:
            for char in text:
                size = cell_len(char)
                if size:
                    cells.append((char, style))
                    cells += [("", style)] * (size - 1)
                elif cells:  # a mark on the character before, whose first cell carries it
                    base = -2 if len(cells) > 1 and not cells[-1][0] else -1
                    cells[base] = (cells[base][0] + char, cells[base][1])
    return cells


def _difference(old: Strip, new: Strip) -> tuple[int, int] | None:
    """The span of cells, from and to, in which two lines differ; None where they are equal."""
    if old == new:
        return None
    before, after = _cells(old), _cells(new)
    if len(before) != old.cell_length or len(after) != new.cell_length or len(before) != len(after):
        return 0, new.cell_length  # joined characters: their cells cannot be told apart
    start = 0
    end = len(after)
    while start < end and before[start] == after[start]:
        start += 1
    if start == end:
        return None
    while before[end - 1] == after[end - 1]:
        end -= 1
    # A wide character is two cells, of which the second is empty: neither may be sent alone.
    while start > 0 and (after[start][0] == "" or before[start][0] == ""):
        start -= 1
    # A strip that is cut behind a character loses its marks.
    while end < len(after) and (
        after[end][0] == ""
        or before[end][0] == ""
        or len(after[end - 1][0] or after[end - 2][0]) > 1
    ):
        end += 1
    return start, end
