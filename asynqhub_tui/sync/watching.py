"""Who is told how sync gets on."""

from __future__ import annotations

from typing import Protocol


class Watcher(Protocol):
    """Hears of each stage and each batch."""

    def stage(self, name: str, total: int, done: int) -> None:
        """A stage has begun that goes to the id `total`; `done` is what lies behind."""

    def advanced(self, done: int, rows: int) -> None:
        """The stage has come to the id `done`, and `rows` more rows are written."""
