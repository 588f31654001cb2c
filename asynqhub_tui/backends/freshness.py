"""How old a copy is, for `doctor`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from asynqhub_tui import figures
from asynqhub_tui.checkup import Finding, Subject
from asynqhub_tui.replication import freshness_of

_OLD = timedelta(hours=1)
"""An age at which nobody who follows a source is any more."""


def judge_copy(
    subject: Subject, position: str | None, again: str, *, followed: bool
) -> Finding | None:
    """Judge how old a copy is, by the position it keeps; None for a store that is no copy.

    `again` is the command that brings it up to date. An old one matters where it is `followed`, as
    a server's is, and not in a snapshot.
    """
    copied = freshness_of(position)
    if copied is None:
        return None
    if copied.as_of is None:
        return subject.warning(
            "copy",
            f"It is an incomplete copy of {copied.source}: its first round has not ended.",
            "Rows are missing. The same command goes on where it was:",
            again,
        )
    age = datetime.now(UTC) - copied.as_of
    title = f"It is a copy of {copied.source}, of {figures.ago(copied.as_of, datetime.now(UTC))}."
    if age < _OLD:
        return subject.ok("copy", title)
    make = subject.warning if followed else subject.note
    return make("copy", title, "What came since is not in it. To bring it up to date:", again)
