"""The last line: the keys that make sense here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from asynqhub_tui.keys import Key, shown
from asynqhub_tui.widgets.canvas import Canvas, Line, Piece, width_of


class Footer(Canvas):
    """Shows as many hints as fit; the one for help is always among them."""

    def __init__(self, keys: Sequence[Key], remapped: Mapping[str, str]) -> None:
        super().__init__(id="footer")
        self._keys = keys
        self._remapped = remapped
        self._off: frozenset[str] = frozenset()
        self._instead: Sequence[tuple[str, str]] = ()

    def turn_off(self, ids: frozenset[str]) -> None:
        """Leave out the keys with these ids: they would do nothing now."""
        self._off = ids
        self.redraw()

    def say_instead(self, hints: Sequence[tuple[str, str]]) -> None:
        """Show these keys with their words, as long as a field takes all others; none ends it."""
        self._instead = hints
        self.redraw()

    def lines(self, width: int, height: int) -> Sequence[Line]:
        """Return the line of hints."""
        if self._instead:
            pairs = [_pieces(key, hint) for key, hint in self._instead]
            return [Line([Piece(" "), *(piece for pair in pairs for piece in pair)])]
        hints = [key for key in self._keys if key.hint and key.id not in self._off]
        last = [key for key in hints if key.id == "program.help"]
        pieces: list[Piece] = [Piece(" ")]
        tail = self._hint(last[0]) if last else []
        for key in hints:
            hint = self._hint(key)
            if key not in last and width_of(pieces) + width_of(hint) + width_of(tail) <= width:
                pieces += hint
        return [Line([*pieces, *tail])]

    def _hint(self, key: Key) -> list[Piece]:
        return _pieces(shown(key, self._remapped), key.hint)


def _pieces(key: str, hint: str) -> list[Piece]:
    return [Piece(key, "key"), Piece(f" {hint}   ", "dim")]
