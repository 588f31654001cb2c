"""What a store notices about a question while it answers it, for whoever asks it again and again.

A poller collects; a backend that finds an answer more expensive than the question deserves says so.
Nobody has to hand anything on in between.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_collected: ContextVar[tuple[str, set[str]] | None] = ContextVar("collected", default=None)


@contextmanager
def collecting(question: str) -> Iterator[set[str]]:
    """Yield the set into which everything goes that is noticed inside: words without an end."""
    found: set[str] = set()
    token = _collected.set((question, found))
    try:
        yield found
    finally:
        _collected.reset(token)


def question() -> str | None:
    """Return what is asked again and again, by its name; None where it is asked only once, and
    need not be looked at closely.
    """
    collected = _collected.get()
    return None if collected is None else collected[0]


def notice(words: str) -> None:
    """Say something about the question that is being answered."""
    collected = _collected.get()
    if collected is not None:
        collected[1].add(words)
