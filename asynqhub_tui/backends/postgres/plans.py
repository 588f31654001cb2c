"""Whether the server answers a poll by reading a whole table.

Which way it takes, its planner decides, by statistics that may be missing or old, and by indexes
that somebody may have dropped: what cost some pages yesterday may cost all of them today.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

SCAN_COST = 5_000.0
"""From which cost on reading a whole table is too much for a poll; the unit of PostgreSQL's
planner, to which a page read in order is 1."""

LOOK_EVERY = 300.0
"""Seconds after which a plan is looked at again. It costs a millisecond, and no page of a table."""


class Plans:
    """What is known of the plans of statements that are asked again and again."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[str, tuple[float, str | None]] = {}

    def is_due(self, statement: str) -> bool:
        """Whether to look at the plan of a statement."""
        known = self._known.get(statement)
        return known is None or self._clock() >= known[0] + LOOK_EVERY

    def learn(self, statement: str, plan: Mapping[str, Any] | None) -> None:
        """Take note of a statement's plan, as EXPLAIN gives it as JSON; None if it gave none."""
        table = None if plan is None else scanned_table(plan)
        self._known[statement] = (self._clock(), table)

    def scanned(self, statement: str) -> str | None:
        """Return the table that a statement reads whole, as far as is known."""
        return self._known.get(statement, (0.0, None))[1]


def scanned_table(plan: Mapping[str, Any]) -> str | None:
    """Return the table that a plan reads whole, if that costs too much; None otherwise.

    A limit that ends the reading early makes the whole plan cheaper than the reading is.
    """
    if plan["Total Cost"] < SCAN_COST:
        return None
    scans = [
        node
        for node in _nodes(plan)
        if node["Node Type"] == "Seq Scan" and node["Total Cost"] >= SCAN_COST
    ]
    worst = max(scans, key=lambda node: float(node["Total Cost"]), default=None)
    return None if worst is None else str(worst["Relation Name"])


def _nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)
