"""The outcomes of a batch, in words and as a file to keep or to mail."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

from asynqhub_tui.actions.retry import disk
from asynqhub_tui.actions.retry.batch import skipped
from asynqhub_tui.actions.retry.disk import on_disk
from asynqhub_tui.actions.retry.records import End, TaskOutcome
from asynqhub_tui.text import one_line


async def save(batch: Path, path: Path) -> None:
    """Write a line for each task of the batch in folder `batch`, its parts separated by tabs.

    What was skipped already when it was planned comes last.

    Raises Refused where the file is there already, or cannot be written.
    """
    await on_disk(path, _save, batch, path)


def why(outcome: TaskOutcome) -> str:
    """Return the reason of an outcome in words; empty where there is nothing to say."""
    return one_line(": ".join(part for part in (outcome.reason, outcome.detail) if part))


def left_over(number: int, end: End | None) -> str:
    """Return, as a sentence, how many tasks of a batch have no outcome, and what that means.

    Without an `end` it was interrupted.
    """
    if end is None:
        return f"{number:,} have no outcome yet, and some of them may run already."
    if end.under_way:
        reached = f"{number - end.under_way:,} not reached, and " if number > end.under_way else ""
        return f"{reached}{end.under_way:,} under way: they may run already."
    return f"{number:,} not reached."


def _save(batch: Path, path: Path) -> None:
    with disk.create(path) as file:
        file.write(b"outcome\ttask_id\twhy\n")
        for one in chain(disk.entries(batch / "outcomes.jsonl", TaskOutcome), skipped(batch)):
            line = "\t".join((one.kind, one_line(one.task_id), why(one)))
            file.write(f"{line}\n".encode())
        disk.sync(file)
