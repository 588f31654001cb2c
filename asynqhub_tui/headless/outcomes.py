"""A batch under way, and what came of it."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path

from asynqhub_tui.actions.retry.batch import outcomes_in
from asynqhub_tui.actions.retry.execution import Progress
from asynqhub_tui.actions.retry.records import End, Ending, Kind, TaskOutcome
from asynqhub_tui.actions.retry.saving import why
from asynqhub_tui.headless import as_json, output
from asynqhub_tui.text import one_line

OK, STOPPED, FAILED, INTERRUPTED = 0, 3, 4, 130
"""The exit codes of a batch."""


async def follow(work: AsyncGenerator[Progress, None], folder: Path, *, json: bool) -> int:
    """Run a batch to its end, write its outcomes, and return the exit code.

    `folder` is the batch's. Raises what running it raises.
    """
    last: Progress | None = None
    said: str | None = None
    async with aclosing(work):
        async for last in work:
            if last.waiting is not None and last.waiting != said:
                output.note(last.waiting)
            elif sys.stderr.isatty() and last.end is None:
                output.note(f"{last.done:,} of {last.included:,}")
            said = last.waiting
    assert last is not None
    assert last.end is not None
    return await write(folder, last.end, last.included, json=json)


def _exit_code(end: End | None) -> int:
    if end is None:
        return OK
    if end.ending is Ending.STOPPED:
        return STOPPED
    if end.ending is Ending.CANCELLED:
        return INTERRUPTED
    return FAILED if end.counts.get(Kind.FAILED) else OK


async def write(folder: Path, end: End | None, included: int, *, json: bool) -> int:
    """Write the outcome of each task that a batch has reached, and return the exit code.

    `end` is None while the batch runs, and where it was interrupted.
    """
    if json:
        head = {
            "batch": folder.name,
            "outcome": end and end.ending,
            "message": end and end.sentence,
            "included": included,
        }
        await as_json.write_with_list(head, "tasks", (_fields(one) async for one in _each(folder)))
        return _exit_code(end)
    counts: Counter[Kind] = Counter()
    async for one in _each(folder):
        counts[one.kind] += 1
        if one.kind in (Kind.SKIPPED, Kind.FAILED):
            output.write([f"{one.kind}  {one_line(one.task_id)}  {why(one)}".rstrip()])
    output.write(output.pairs([(kind, f"{counts[kind]:,}") for kind in Kind if counts[kind]]))
    if left := included - counts.total():
        output.note(f"{left:,} were not reached. `journal resume {folder.name}` goes on.")
    if end is not None and end.sentence:
        output.note(end.sentence)
    return _exit_code(end)


def _fields(outcome: TaskOutcome) -> as_json.Fields:
    return {
        "task_id": outcome.task_id,
        "outcome": outcome.kind,
        "reason": outcome.reason,
        "detail": outcome.detail,
        "marked": outcome.marked,
    }


async def _each(folder: Path) -> AsyncIterator[TaskOutcome]:
    async for chunk in outcomes_in(folder):
        for one in chunk:
            yield one
