"""Which plans read a whole table at too high a cost."""

from __future__ import annotations

from typing import Any

import pytest

from asynqhub_tui.backends.postgres.plans import LOOK_EVERY, SCAN_COST, SLOW, Plans, scanned_table


def node(kind: str, cost: float, *below: dict[str, Any], table: str = "") -> dict[str, Any]:
    """Return a node of a plan, as EXPLAIN gives it."""
    made: dict[str, Any] = {"Node Type": kind, "Total Cost": cost}
    if table:
        made["Relation Name"] = table
    return made | ({"Plans": list(below)} if below else {})


DEAR, CHEAP = SCAN_COST * 2, SCAN_COST / 2


@pytest.mark.parametrize(
    ("plan", "table"),
    [
        (node("Seq Scan", DEAR, table="task"), "task"),
        (node("Sort", DEAR * 2, node("Seq Scan", DEAR, table="task")), "task"),
        (node("Seq Scan", CHEAP, table="worker"), None),
        (node("Index Scan", DEAR, table="task"), None),
        # A limit ends it early: the whole costs less than the part would.
        (node("Limit", CHEAP, node("Seq Scan", DEAR, table="task")), None),
        (
            node(
                "Hash Join",
                DEAR * 9,
                node("Seq Scan", DEAR, table="task"),
                node("Hash", DEAR * 4, node("Seq Scan", DEAR * 4, table="task_attempt")),
            ),
            "task_attempt",
        ),
    ],
)
def test_the_table_that_is_read_whole(plan: dict[str, Any], table: str | None) -> None:
    assert scanned_table(plan) == table


QUICK = SLOW / 2


def test_a_plan_is_known_for_a_while() -> None:
    now = 1_000.0
    plans = Plans(lambda: now)
    assert plans.is_due("count", "SELECT 1", QUICK)
    plans.learn("count", "SELECT 1", node("Index Scan", CHEAP, table="task"))
    assert not plans.is_due("count", "SELECT 1", QUICK)
    assert plans.is_due("count", "SELECT 1", SLOW)
    assert plans.is_due("count", "SELECT 2", QUICK)
    now += LOOK_EVERY
    assert plans.is_due("count", "SELECT 1", QUICK)


def test_a_scan_is_looked_at_each_time_and_is_no_other_questions_fault() -> None:
    plans = Plans()
    assert plans.learn("24 hours", "SELECT 1", node("Seq Scan", DEAR, table="task")) == "task"
    assert plans.is_due("24 hours", "SELECT 1", QUICK)
    plans.learn("recent hours", "SELECT 1", node("Index Scan", CHEAP, table="task"))
    assert not plans.is_due("recent hours", "SELECT 1", QUICK)


@pytest.mark.parametrize("plan", [{}, {"Total Cost": "?"}, {"Total Cost": DEAR, "Plans": [{}]}])
def test_what_only_speaks_like_postgresql_explains_nothing(plan: dict[str, Any]) -> None:
    assert Plans().learn("count", "SELECT 1", plan) is None
