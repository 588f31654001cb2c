"""What the dashboard sends keeps within the budgets, on a terminal of 120x40 with 256 colours."""

from __future__ import annotations

from tests.benchmarks.bytes_sent import BUDGETS, measure
from tests.benchmarks.programs import fill
from tests.e2e.hub import Hub


def test_every_operation_keeps_within_its_budget(hub: Hub) -> None:
    fill(hub)
    found = measure(hub, idle_polls=5)
    assert found.keys() == BUDGETS.keys()
    assert {what: sent for what, sent in found.items() if sent > BUDGETS[what]} == {}
    # Something was sent where something changes: no operation has gone by unseen.
    assert all(sent > 0 for what, sent in found.items() if what != "idle, a second")
