"""Which plans read a whole table at too high a cost."""

from __future__ import annotations

from typing import Any

import pytest

from asynqhub_tui.backends.postgres.plans import LOOK_EVERY, SCAN_COST, Plans, scanned_table


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


def test_a_plan_is_known_for_a_while() -> None:
    now = 0.0
    plans = Plans(lambda: now)
    assert plans.is_due("SELECT 1")
    plans.learn("SELECT 1", node("Seq Scan", DEAR, table="task"))
    assert (plans.is_due("SELECT 1"), plans.scanned("SELECT 1")) == (False, "task")
    assert plans.scanned("SELECT 2") is None
    now = LOOK_EVERY
    assert plans.is_due("SELECT 1")
    assert plans.scanned("SELECT 1") == "task"  # until it is known better
    plans.learn("SELECT 1", None)
    assert plans.scanned("SELECT 1") is None
