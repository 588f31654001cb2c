"""Styles as terminals are told them: Select Graphic Rendition, the parameters of `CSI … m`."""

from __future__ import annotations

import re
from functools import lru_cache


def added(style: str, parameters: str) -> str:
    """Return the style after an SGR sequence."""
    if parameters in ("", "0"):
        return ""
    return f"{style};{parameters}" if style else parameters


@lru_cache(maxsize=1024)
def transition(before: str | None, after: str) -> str:
    """Return the shortest SGR sequence that leads from one style to another."""
    colors, attributes = parts(after)
    fresh = ";".join(filter(None, ("0", *attributes, *colors)))
    if before is None:
        return f"\x1b[{fresh}m"
    old_colors, old_attributes = parts(before)
    if not set(old_attributes) <= set(attributes):
        return f"\x1b[{fresh}m"
    changed = [one for one in attributes if one not in old_attributes]
    for default, old, new in zip(("39", "49"), old_colors, colors, strict=True):
        if old != new:
            changed.append(new or default)
    step = ";".join(changed)
    return f"\x1b[{min(step, fresh, key=len)}m" if changed else ""


@lru_cache(maxsize=1024)
def parts(style: str) -> tuple[tuple[str, str], tuple[str, ...]]:
    """Split a style into its two colours, empty for the terminal's own, and its attributes."""
    foreground = background = ""
    attributes: dict[str, None] = {}
    rest = style.split(";") if style else []
    while rest:
        one = rest.pop(0)
        if one in ("38", "48"):
            count = 4 if rest[:1] == ["2"] else 2
            color = ";".join([one, *rest[:count]])
            del rest[:count]
        else:
            color = one
        if re.match(r"38;|3[0-7]$|39$|9[0-7]$", color):
            foreground = "" if color == "39" else color
        elif re.match(r"48;|4[0-7]$|49$|10[0-7]$", color):
            background = "" if color == "49" else color
        else:
            attributes[color] = None
    return (foreground, background), tuple(attributes)
