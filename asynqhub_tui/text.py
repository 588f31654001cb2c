"""Text from a database, made fit for one line or one block of a terminal.

A row may hold anything: escape sequences, markup, bidirectional overrides, megabytes. What comes
out of here holds no control character, so that it can neither move the cursor, nor change colours,
nor reorder what stands beside it. Markup is no matter of this module: nothing on the screens is
parsed as markup.
"""

from __future__ import annotations

import re
import unicodedata

from rich.cells import cell_len, chop_cells, set_cell_size

ELLIPSIS = "…"

_MAX_LINE = 4096
"""Characters of a text that one line can ever need; the rest is not looked at."""

_UNSAFE = re.compile(
    "["
    "\x00-\x1f\x7f-\x9f"  # C0, DEL and C1 controls
    "\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2064\u2066-\u206f\ufeff"
    "\ud800-\udfff"
    "\ufff9-\ufffb"
    "\U000e0000-\U000e007f"
    "]"
)


def _visible(match: re.Match[str]) -> str:
    char = match.group()
    code = ord(char)
    if char in "\n\u2028\u2029":
        return "⏎"
    if char == "\t":
        return " "
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    if unicodedata.category(char) == "Cf":
        return "·"
    return "\ufffd"


def one_line(text: str) -> str:
    """Return `text` as a single line in which every control character is visible and inert."""
    return _UNSAFE.sub(_visible, text[:_MAX_LINE].replace("\r\n", "\n"))


def block(text: str) -> str:
    """Return `text` with its line breaks kept and every other control character inert."""
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join(_UNSAFE.sub(_visible, line.expandtabs(4)) for line in lines)


def json_text(text: str) -> str:
    """Return the JSON text `text` with every character that a terminal could act on escaped.

    What it says stays the same: outside of JSON's strings there is no such character.
    """
    return _UNSAFE.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    char = match.group()
    if char in "\n\r\t":  # blanks between values; inside of strings JSON escapes them itself
        return char
    units = char.encode("utf-16-be", "surrogatepass")
    pairs = (units[at : at + 2] for at in range(0, len(units), 2))
    return "".join(f"\\u{pair.hex()}" for pair in pairs)


def fit(text: str, width: int, *, align: str = "left") -> str:
    """Return the line `text` in exactly `width` cells: cut with an ellipsis, or padded.

    `align` is `left` or `right`.
    """
    if width <= 0:
        return ""
    size = cell_len(text)
    if size > width:
        return set_cell_size(text, width - 1) + ELLIPSIS
    padding = " " * (width - size)
    return padding + text if align == "right" else text + padding


def fit_ends(text: str, width: int) -> str:
    """Return the id `text` in at most `width` cells, with the middle left out, not its ends."""
    if cell_len(text) <= width:
        return text
    if width < 5:
        return fit(text, width)
    room = (width - 1) // 2
    tail = len(text)
    while (size := cell_len(text[tail - 1])) <= room:
        tail -= 1
        room -= size
    head = set_cell_size(text, width - 1 - cell_len(text[tail:])).rstrip()
    return head + ELLIPSIS + text[tail:]


def wrap(text: str, width: int, most: int) -> list[str]:
    """Return a text of any form as at most `most` inert lines of at most `width` cells.

    Lines break between words where they can. Where text is left over, the last line is an ellipsis.
    """
    width = max(width, 2)
    lines: list[str] = []
    for line in block(text[: (width + 1) * (most + 1) * 2]).split("\n"):
        rest = line
        while rest:
            head = chop_cells(rest[:width], width)[0]
            blank = head.rfind(" ")
            if len(head) < len(rest) and rest[len(head)] != " " and blank > width // 2:
                head = head[: blank + 1]
            lines.append(head.rstrip())
            rest = rest[len(head) :].lstrip(" ")
            if len(lines) > most:
                return [*lines[: most - 1], ELLIPSIS]
        if not line:
            lines.append("")
    return lines if len(lines) <= most else [*lines[: most - 1], ELLIPSIS]
