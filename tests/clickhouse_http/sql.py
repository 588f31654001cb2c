"""What has to be known of a statement before the engine reads it, and the little that is changed.

This reads text, not syntax: it is right for what clients write, not for every statement there is.
"""

from __future__ import annotations

import re
from typing import NamedTuple

QUERY_ID = "Settings['log_comment']"
"""Where a running query carries the id that its client gave it (see `engine`)."""

_INSERT = re.compile(
    rb"""\A\s*(?P<statement>INSERT\s+INTO\s
        (?:`[^`]*`|"[^"]*"|(?!\b(?:SELECT|VALUES|FORMAT)\b)[^`"])*)
        \bFORMAT\s+(?P<format>\w+)[ \t]*(?:\r?\n|;|\Z|[ ])""",
    re.IGNORECASE | re.VERBOSE,
)
_FORMAT = re.compile(rb"\bFORMAT\s+(\w+)\s*(SETTINGS\s[^()]*)?[;\s]*\Z", re.IGNORECASE)
_DEFINES = re.compile(
    rb"\A\s*(CREATE|ALTER|DROP|RENAME|EXCHANGE|REPLACE|ATTACH|DETACH|UNDROP)\b", re.IGNORECASE
)
_KILL = re.compile(rb"\A\s*KILL\s+QUERY\b", re.IGNORECASE)
_PROCESSES = re.compile(rb"\bsystem\.processes\b", re.IGNORECASE)


class Insert(NamedTuple):
    """An INSERT with data in a format: the statement without FORMAT, and the data after it."""

    statement: str
    format: str
    data: bytes


def insert(text: bytes) -> Insert | None:
    """Return the INSERT with data that `text` is; None for another statement, and for VALUES."""
    found = _INSERT.match(text)
    if found is None or found["format"].lower() == b"values":
        return None
    return Insert(found["statement"].decode(), found["format"].decode(), text[found.end() :])


def format_of(text: bytes) -> str | None:
    """Return the format that a statement asks for by itself."""
    found = _FORMAT.search(text)
    return None if found is None else found[1].decode()


def without_format(text: bytes) -> bytes:
    """Return a statement without the format that it asks for."""
    return _FORMAT.sub(rb"\2", text).rstrip(b"; \r\n\t")


def with_query_ids(text: bytes) -> bytes:
    """Return a statement that finds running queries by the ids that clients gave them."""
    if _KILL.match(text):
        return re.sub(rb"\bquery_id\b", QUERY_ID.encode(), text)
    seen = f"(SELECT * REPLACE ({QUERY_ID} AS query_id) FROM system.processes)"
    return _PROCESSES.sub(seen.encode(), text)


def kills(text: bytes) -> bool:
    """Say whether a statement is a KILL QUERY, which answers with rows."""
    return _KILL.match(text) is not None


def defines(text: bytes) -> bool:
    """Say whether a statement may change which columns there are."""
    return _DEFINES.match(text) is not None


def selects(text: bytes) -> bool:
    """Say whether a statement is a SELECT: it can stand in DESCRIBE (...), and come in pieces."""
    return re.match(rb"\s*(SELECT|WITH)\b", text, re.IGNORECASE) is not None


def literal(text: str) -> str:
    """Return a string as SQL writes it."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def name(text: str) -> str:
    """Return a name as SQL writes it."""
    return "`" + text.replace("\\", "\\\\").replace("`", "\\`") + "`"
