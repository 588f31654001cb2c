"""Lines to read, which scroll where there is no room for all of them."""

from __future__ import annotations

from collections.abc import Sequence

from asynqhub_tui.widgets.canvas import Canvas, Line, Piece


class ScrollText(Canvas):
    """Shows its content; where that does not fit, the last line tells so, and `keys` that scroll.

    A subclass gives its content anew for every width, or calls `show`.
    """

    def __init__(self, *, id: str, keys: str) -> None:
        super().__init__(id=id)
        self._content: Sequence[Line] = ()
        self._next: Sequence[Line] = ()
        self._keys = keys
        self._top = 0

    def show(self, content: Sequence[Line], *, height: int | None = None) -> None:
        """Show other lines, in another `height` too where one is given.

        They are shown once it has that height: in the one before they might not fit.
        """
        self._next = content
        if height is not None:
            self.styles.height = height
        if height in (None, self.size.height):
            self._content = content
            self.redraw()

    def on_resize(self) -> None:
        """Show what waits for another height."""
        self._content = self._next
        super().on_resize()

    def content(self, width: int) -> Sequence[Line]:
        """Return all lines."""
        return self._content

    def scroll_lines(self, steps: int) -> None:
        """Scroll by so many lines, as far as there are any."""
        width, height = self.content_size
        most = len(self.content(width)) - max(height - 1, 1)
        self._top = max(0, min(self._top + steps, most))
        self.redraw()

    def page(self, pages: int) -> None:
        """Scroll by pages."""
        self.scroll_lines(pages * max(self.content_size.height - 2, 1))

    def lines(self, width: int, height: int) -> Sequence[Line]:
        """Return the lines in view."""
        content = self.content(width)
        if len(content) <= height:
            return content
        rows = max(height - 1, 1)
        top = max(0, min(self._top, len(content) - rows))
        below = len(content) - top - rows
        words = f"↓ {below} more lines" if below else f"↑ {top} lines above"
        return [*content[top : top + rows], Line([Piece(f"{words}   {self._keys}", "dim")])]

    def on_mouse_scroll_down(self) -> None:
        """Scroll with the wheel."""
        self.scroll_lines(3)

    def on_mouse_scroll_up(self) -> None:
        """Scroll with the wheel."""
        self.scroll_lines(-3)
