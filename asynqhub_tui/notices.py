"""What a store notices about a question while it answers it, for whoever asks it again and again.

A poller collects; a backend that finds an answer more expensive than the question deserves says so.
Nobody has to hand anything on in between.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_collected: ContextVar[set[str] | None] = ContextVar("collected", default=None)


@contextmanager
def collecting() -> Iterator[set[str]]:
    """Yield the set into which everything goes that is noticed inside; sentences without an end."""
    found: set[str] = set()
    token = _collected.set(found)
    try:
        yield found
    finally:
        _collected.reset(token)


def wanted() -> bool:
    """Whether anybody collects: what is asked once need not be looked at closely."""
    return _collected.get() is not None


def notice(words: str) -> None:
    """Say something about the question that is being answered."""
    found = _collected.get()
    if found is not None:
        found.add(words)
