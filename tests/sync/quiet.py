"""Someone who is told how sync gets on, and keeps it to himself."""

from __future__ import annotations


class Quiet:
    """Counts what is written, and notes the stages."""

    def __init__(self) -> None:
        self.rows = 0
        self.stages: list[str] = []

    def stage(self, name: str, total: int, done: int) -> None:
        """See Watcher.stage."""
        self.stages.append(name)

    def advanced(self, done: int, rows: int) -> None:
        """See Watcher.advanced."""
        self.rows += rows
