"""One part of the benchmark, as a process of its own runs it."""

from __future__ import annotations

import asyncio
import importlib

from tests.benchmarks.report import Table


def tables(part: str, size: str) -> list[Table]:
    """Measure what the module `part` measures, in the `size` it is asked for."""
    found: list[Table] = asyncio.run(importlib.import_module(part).run(size))
    return found
