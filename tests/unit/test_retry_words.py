"""What is said of tasks that a batch leaves without an outcome."""

from __future__ import annotations

from datetime import UTC, datetime

from asynqhub_tui.actions.retry.decision import Decision, Planned, Reason
from asynqhub_tui.actions.retry.records import End, Ending
from asynqhub_tui.actions.retry.saving import left_over
from asynqhub_tui.view import View
from asynqhub_tui.widgets.retry_words import one_task_lines
from tests.contract.builders import make_task


def end(under_way: int) -> End:
    """Return the end of a batch that was stopped."""
    return End(
        ended_at=datetime(2026, 11, 28, tzinfo=UTC),
        ending=Ending.STOPPED,
        counts={},
        under_way=under_way,
    )


def test_what_may_run_already_is_never_called_not_reached() -> None:
    assert left_over(1_600, end(0)) == "1,600 not reached."
    said = left_over(1_600, end(500))
    assert said == "1,100 not reached, and 500 under way: they may run already."
    assert left_over(500, end(500)) == "500 under way: they may run already."
    interrupted = left_over(700, None)
    assert interrupted == "700 have no outcome yet, and some of them may run already."


def skipped(reason: Reason, claim: str | None) -> str:
    """Return what the preview says of the only task, which is skipped."""
    ref = make_task("t1").ref
    planned = Planned(ref=ref, decision=Decision.SKIP, reason=reason, claim=claim)
    lines = one_task_lines(planned, None, View(), 200, forced=False)
    return " ".join("".join(piece.text for piece in line.pieces) for line in lines)


def test_a_claim_names_its_batch_and_what_to_do() -> None:
    said = skipped(Reason.CLAIMED, "20261128-a\x1b[31m")
    assert "The batch 20261128-a␛[31m has retried it already" in said
    assert "`journal resume 20261128-a␛[31m` completes it" in said
    assert skipped(Reason.NOT_FAILED, "20261128-a") == (
        "It has not failed: there is nothing to retry."
    )
