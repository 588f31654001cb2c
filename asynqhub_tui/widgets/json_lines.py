"""JSON text as lines with colours and folds, its numbers exactly as they stand in the text."""

from __future__ import annotations

import json
from dataclasses import dataclass

from asynqhub_tui import text
from asynqhub_tui.widgets.canvas import Piece

INDENT = "  "

MAX_STRING = 2_000
"""Characters of a string that are shown; the rest is told by its number."""


@dataclass(slots=True)
class JsonLine:
    """A line of a document; `end` is the number of the line that closes what it opens."""

    pieces: list[Piece]
    end: int | None = None


class _Number(str):
    """A number's own digits: a float would damage them."""

    __slots__ = ()


def json_lines(source: str) -> list[JsonLine]:
    """Break JSON text into lines.

    Text that is no JSON, or is nested too deeply, comes back line by line as it stands.
    """
    try:
        value = json.loads(source, parse_int=_Number, parse_float=_Number, parse_constant=_Number)
        lines: list[JsonLine] = []
        _write(value, 0, [], "", lines)
    except (ValueError, RecursionError):
        return [JsonLine([Piece(line)]) for line in text.block(source).split("\n")]
    return lines


def _write(value: object, depth: int, head: list[Piece], tail: str, lines: list[JsonLine]) -> None:
    indent = [Piece(INDENT * depth)] if depth else []
    if isinstance(value, (dict, list)) and value:
        opening, closing = ("{", "}") if isinstance(value, dict) else ("[", "]")
        line = JsonLine([*indent, *head, Piece(opening)])
        lines.append(line)
        items = list(value.items() if isinstance(value, dict) else enumerate(value))
        for number, (key, item) in enumerate(items, 1):
            name = [Piece(_quoted(key), "key"), Piece(": ")] if isinstance(value, dict) else []
            _write(item, depth + 1, name, "," if number < len(items) else "", lines)
        line.end = len(lines)
        lines.append(JsonLine([*indent, Piece(closing + tail)]))
        return
    piece = _scalar(value)
    lines.append(JsonLine([*indent, *head, piece, *([Piece(tail)] if tail else [])]))


def _scalar(value: object) -> Piece:
    if isinstance(value, _Number):
        return Piece(str(value)[:MAX_STRING], "number")
    if isinstance(value, str):
        return Piece(_quoted(value), "string")
    if value is None or isinstance(value, bool):
        return Piece(json.dumps(value), "literal")
    return Piece("{}" if isinstance(value, dict) else "[]")


def _quoted(value: str) -> str:
    more = len(value) - MAX_STRING
    shown = json.dumps(value[:MAX_STRING], ensure_ascii=False)
    return text.one_line(shown) + (f" … {more:,} more characters" if more > 0 else "")
