"""The keys of a screen, from the table that the bindings come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from asynqhub_tui.keys import Key, shown
from asynqhub_tui.text import fit
from asynqhub_tui.widgets.canvas import Line, Piece
from asynqhub_tui.widgets.scroll_text import ScrollText

GROUPS = (
    ("tasks", "Tasks"),
    ("task", "Task"),
    ("workers", "Workers"),
    ("move", "Move"),
    ("go", "Screens"),
    ("data", "Data"),
    ("look", "Look"),
    ("program", "Program"),
)
"""The first part of a key's id, and the heading it stands under."""

KEY_WIDTH = 16
TWO_COLUMNS = 110
"""From this width on the groups stand in two columns."""


class HelpText(ScrollText):
    """All keys by group, in one column or two."""

    def __init__(self, keys: Sequence[Key], remapped: Mapping[str, str]) -> None:
        super().__init__(id="help", keys="j k")
        self._table = keys
        self._remapped = remapped

    def content(self, width: int) -> Sequence[Line]:
        """Return all lines."""
        return self._all(width)

    def _all(self, width: int) -> list[Line]:
        blocks = [
            [[Piece(title, "title")], *map(self._entry, keys), []]
            for prefix, title in GROUPS
            if (keys := [key for key in self._table if key.id.split(".")[0] == prefix])
        ]
        title = Line([Piece("Keys", "strong"), Piece("   esc or q closes", "dim")])
        if width < TWO_COLUMNS:
            return [title, Line(), *(Line(line) for block in blocks for line in block)]
        half = sum(len(block) for block in blocks) / 2
        left: list[list[Piece]] = []
        right: list[list[Piece]] = []
        for block in blocks:
            (left if len(left) + len(block) / 2 <= half else right).extend(block)
        right += [[]] * (len(left) - len(right))
        left += [[]] * (len(right) - len(left))
        pairs = zip(left, right, strict=True)
        return [
            title,
            Line(),
            *(Line(self._beside(*pair, width // 2)) for pair in pairs),
        ]

    def _entry(self, key: Key) -> list[Piece]:
        keys = shown(key, self._remapped, all_keys=True)
        return [Piece(fit(keys, KEY_WIDTH), "key"), Piece(key.help)]

    @staticmethod
    def _beside(left: list[Piece], right: list[Piece], width: int) -> list[Piece]:
        text = "".join(piece.text for piece in left)
        return [*left, Piece(" " * max(width - len(text), 1)), *right]


class HelpScreen(Screen[None]):
    """Shows the keys until a key closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q,enter", "dismiss", "close", show=False),
        Binding("j,down", "scroll_lines(1)", "down", show=False),
        Binding("k,up", "scroll_lines(-1)", "up", show=False),
        Binding("ctrl+d,pagedown,space", "scroll_lines(10)", "page down", show=False),
        Binding("ctrl+u,pageup", "scroll_lines(-10)", "page up", show=False),
        Binding("ctrl+c", "app.quit", "quit", show=False, priority=True),
    ]

    def __init__(self, keys: Sequence[Key], remapped: Mapping[str, str]) -> None:
        super().__init__()
        self._text = HelpText(keys, remapped)

    def compose(self) -> ComposeResult:
        """Yield the text."""
        yield self._text

    def action_scroll_lines(self, steps: int) -> None:
        """Scroll the text."""
        self._text.scroll_lines(steps)
