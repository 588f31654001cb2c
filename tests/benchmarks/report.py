"""What a benchmark has measured, as text."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Table:
    """A table of results; the cells of the first column stand left, all others right."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()

    def text(self) -> str:
        """Return it as Markdown, which a terminal shows as it stands."""
        lines = [self.columns, *self.rows]
        widths = [max(len(line[n]) for line in lines) for n in range(len(self.columns))]
        rule = [
            ("-" * width if n == 0 else "-" * (width - 1) + ":") for n, width in enumerate(widths)
        ]
        body = [_line(line, widths) for line in (self.columns, rule, *self.rows)]
        return "\n".join([f"## {self.title}", "", *body, "", *self.notes])


def machine() -> str:
    """Describe the machine that everything ran on."""
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GiB of memory, "
        f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    )


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = zip(cells, widths, strict=True)
    return (
        " | ".join(
            ["| " + first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
        )
        + " |"
    )
