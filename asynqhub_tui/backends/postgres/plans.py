"""Whether the server answers a poll by reading a whole table.

Which way it takes, its planner decides, by statistics that may be missing or old, and by indexes
that somebody may have dropped: what cost some pages yesterday may cost all of them today.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Plan = Mapping[str, Any]
"""A node of a plan, as EXPLAIN (FORMAT JSON) writes it."""

SCAN_COST = 5_000.0
"""From which cost on reading a whole table is too much for a poll; the unit of PostgreSQL's
planner, to which a page read in order is 1."""

LOOK_EVERY = 300.0
"""Seconds after which a plan is looked at again. It costs a millisecond, and no page of a table."""

SLOW = 0.5
"""Seconds from which on an answer is a reason to look at once."""


class Plans:
    """What is known of the plans of statements that are asked again and again.

    The same statement may belong to several questions, whose plans differ with its values: two
    hours are not read as a day is.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[tuple[str, str], tuple[float, str | None]] = {}

    def is_due(self, question: str, statement: str, seconds: float) -> bool:
        """Whether to look at the plan of a statement that took so long.

        One that reads a whole table is looked at each time: it is asked seldom now, and somebody
        may have put the index back.
        """
        looked_at, table = self._known.get((question, statement), (0.0, ""))
        stale = self._clock() >= looked_at + LOOK_EVERY
        return table is not None or stale or seconds >= SLOW

    def learn(self, question: str, statement: str, plan: Mapping[str, Any]) -> str | None:
        """Take note of a plan, as EXPLAIN gives it as JSON; return the table that it reads whole.

        None where it reads none, or where the plan is not of the form that PostgreSQL gives.
        """
        try:
            table = scanned_table(plan)
        except (KeyError, TypeError, ValueError):
            table = None
        self._known[question, statement] = (self._clock(), table)
        return table


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
