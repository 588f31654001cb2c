"""How many rows are read at a time, where their sizes differ a thousandfold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

MOST_BYTES = 4 * 1024 * 1024
MOST_ROWS = 500


def by_size(sizes: Iterable[tuple[str, int]]) -> Iterator[list[str]]:
    """Group ids so that each group has up to MOST_ROWS of them and MOST_BYTES in all.

    `sizes` are ids with their sizes in bytes. What is larger by itself makes a group alone.
    """
    group: list[str] = []
    total = 0
    for name, size in sizes:
        if group and (len(group) == MOST_ROWS or total + size > MOST_BYTES):
            yield group
            group, total = [], 0
        group.append(name)
        total += size
    if group:
        yield group
