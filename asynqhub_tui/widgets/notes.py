"""One line of news, and the banner for when something is wrong."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from textual.timer import Timer

from asynqhub_tui.text import one_line
from asynqhub_tui.widgets.canvas import Canvas, Line, Piece

NOTE_SECONDS = 6.0
"""How long a note stays."""


class NoteLine(Canvas):
    """Shows what has just happened for some seconds, and otherwise what is the case."""

    def __init__(self) -> None:
        super().__init__(id="note")
        self._standing: list[Piece] = []
        self._note: list[Piece] | None = None
        self._timer: Timer | None = None

    @property
    def text(self) -> str:
        """What it shows."""
        return "".join(piece.text for piece in (self._note or self._standing))

    def stand(self, pieces: list[Piece]) -> None:
        """Set what it shows while there is no news."""
        self._standing = pieces
        self.redraw()

    def tell(self, text: str, tone: str = "") -> None:
        """Show a piece of news."""
        self._note = [Piece(one_line(text), tone)]
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(NOTE_SECONDS, self._clear)
        self.redraw()

    def lines(self, width: int, height: int) -> Sequence[Line]:
        """Return the line."""
        return [Line([Piece(" "), *(self._note or self._standing)])]

    def _clear(self) -> None:
        self._note = None
        self.redraw()


class Banner(Canvas):
    """Says in words what is wrong; takes no room when all is well."""

    def __init__(self) -> None:
        super().__init__(id="banner")
        self.text = ""
        self.display = False

    def say(self, text: str) -> None:
        """Show a sentence or two; an empty text hides the banner."""
        text = one_line(text)
        if text == self.text:
            return
        self.text = text
        self.display = bool(text)
        self._fit()
        self.redraw()

    def on_resize(self) -> None:
        """Break the text anew."""
        self._fit()
        super().on_resize()

    def lines(self, width: int, height: int) -> Sequence[Line]:
        """Return the sentence, broken between words."""
        signs = (" ▲ ", "   ", "   ")
        return [
            Line([Piece(sign), Piece(line)], "alarm")
            for sign, line in zip(signs, self._broken(width), strict=False)
        ]

    def _broken(self, width: int) -> list[str]:
        return textwrap.wrap(self.text, max(width - 4, 10), max_lines=3, placeholder=" …")

    def _fit(self) -> None:
        height = max(len(self._broken(self.app.size.width)), 1)
        if self.styles.height is None or self.styles.height.value != height:
            self.styles.height = height
