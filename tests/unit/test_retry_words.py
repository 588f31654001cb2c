"""What is said of tasks that a batch leaves without an outcome."""

from __future__ import annotations

from datetime import UTC, datetime

from asynqhub_tui.actions.retry.records import End, Ending
from asynqhub_tui.actions.retry.saving import left_over


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
