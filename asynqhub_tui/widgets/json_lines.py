"""JSON text as lines with colours and folds, its numbers exactly as they stand in the text."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import islice

from asynqhub_tui import text
from asynqhub_tui.widgets.canvas import Piece
from asynqhub_tui.widgets.wrapping import cut, starts

INDENT = "  "

LONG = 1_000
"""Characters of a value above which it folds."""

MOST_LINES = 50_000
"""Lines of a document that are made unless told; the rest is told by its number."""


@dataclass(slots=True)
class JsonLine:
    """A line of a document.

    `end` is the number of the line that closes what it opens. `length` is the number of characters
    of a value that is long enough to fold, else 0.
    """

    pieces: list[Piece]
    end: int | None = None
    length: int = 0

    def hanging(self, width: int) -> int:
        """Return by how many cells its further rows are indented, in a pane of `width` cells."""
        first = self.pieces[0].text if self.pieces else ""
        blanks = len(first) if first.isspace() else 0
        return min(blanks + 2 * len(INDENT), width // 2)

    def folded(self, width: int) -> list[Piece]:
        """Return the beginning of a long value, and its length, in `width` cells."""
        told = f" … {self.length:,} characters"
        room = max(width - len(told), len(told))
        begun = cut(self.pieces, 0, room)
        stop = next(islice(starts(begun, room, 0), 1, None), None)
        return [*cut(begun, 0, stop), Piece(told, "dim")]


class _Number(str):
    """A number's own digits: a float would damage them."""

    __slots__ = ()


def json_lines(source: str, most: int = MOST_LINES) -> list[JsonLine]:
    """Break JSON text into about `most` lines, and those that close what they open.

    Text that is no JSON, or is nested too deeply, comes back line by line as it stands.
    """
    try:
        value = json.loads(source, parse_int=_Number, parse_float=_Number, parse_constant=_Number)
        lines: list[JsonLine] = []
        _write(value, 0, [], "", lines, most)
    except (ValueError, RecursionError):
        plain = text.block(source).split("\n", most)
        return [JsonLine([Piece(line)], length=_length(line)) for line in plain]
    return lines


def _write(
    value: object, depth: int, head: list[Piece], tail: str, lines: list[JsonLine], most: int
) -> None:
    indent = [Piece(INDENT * depth)] if depth else []
    if isinstance(value, (dict, list)) and value:
        opening, closing = ("{", "}") if isinstance(value, dict) else ("[", "]")
        line = JsonLine([*indent, *head, Piece(opening)])
        lines.append(line)
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for number, (key, item) in enumerate(items, 1):
            if len(lines) >= most:
                more = f"… {len(value) - number + 1:,} more"
                lines.append(JsonLine([Piece(INDENT * (depth + 1)), Piece(more, "dim")]))
                break
            name = [Piece(_quoted(key), "key"), Piece(": ")] if isinstance(value, dict) else []
            _write(item, depth + 1, name, "," if number < len(value) else "", lines, most)
        line.end = len(lines)
        lines.append(JsonLine([*indent, Piece(closing + tail)]))
        return
    piece = _scalar(value)
    whole = [*indent, *head, piece, *([Piece(tail)] if tail else [])]
    lines.append(JsonLine(whole, length=_length(value)))


def _length(value: object) -> int:
    return len(value) if isinstance(value, str) and len(value) > LONG else 0


def _scalar(value: object) -> Piece:
    if isinstance(value, _Number):
        return Piece(str(value), "number")
    if isinstance(value, str):
        return Piece(_quoted(value), "string")
    if value is None or isinstance(value, bool):
        return Piece(json.dumps(value), "literal")
    return Piece("{}" if isinstance(value, dict) else "[]")


def _quoted(value: str) -> str:
    return text.block(json.dumps(value, ensure_ascii=False))
