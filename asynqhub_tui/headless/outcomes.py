"""A batch under way, and what came of each of its tasks."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path

from asynqhub_tui.actions.retry.batch import outcomes_in, skipped_in
from asynqhub_tui.actions.retry.batches import find_batch
from asynqhub_tui.actions.retry.execution import Progress
from asynqhub_tui.actions.retry.records import End, Ending, Kind, Summary, TaskOutcome
from asynqhub_tui.actions.retry.saving import left_over, why
from asynqhub_tui.headless import as_json, output
from asynqhub_tui.headless.output import ProgressLine
from asynqhub_tui.headless.signals import Stop
from asynqhub_tui.text import one_line

OK, STOPPED, FAILED = 0, 3, 4
"""The exit codes of a batch that nobody has interrupted."""


async def follow(
    work: AsyncGenerator[Progress, None],
    folder: Path,
    line: ProgressLine,
    stop: Stop,
    *,
    json: bool,
) -> int:
    """Run a batch to its end, write its outcomes, and return the exit code.

    `folder` is the batch's. Raises what running it raises.
    """
    end: End | None = None
    said: str | None = None
    async with aclosing(work):
        async for progress in work:
            if progress.waiting is not None and progress.waiting != said:
                line.note(progress.waiting)
            said = progress.waiting
            line.show(f"{progress.done:,} of {progress.included:,}")
            end = progress.end
    line.show("")
    summary = await find_batch(folder.parent, folder.name)
    assert summary is not None
    assert end is not None
    await write_batch(summary, folder, json=json)
    return _exit_code(end, stop)


async def write_batch(batch: Summary, folder: Path, *, json: bool) -> None:
    """Write what has come of each task of a batch, and of how many nothing has."""
    message = batch.end and batch.end.sentence
    head = {
        "batch": batch.head.batch,
        "outcome": batch.state,
        "message": message,
        "included": batch.head.included,
        "under_way": batch.end.under_way if batch.end else None,
    }
    left = batch.head.total - await write(head, all_in(folder), json=json)
    if message and not json:
        output.note(message)
    if left and not batch.running:
        resume = f"`asynqhub-tui journal resume {batch.head.batch}` goes on."
        output.note(f"{left_over(left, batch.end)} {resume}")


async def write(head: as_json.Fields, tasks: AsyncIterator[TaskOutcome], *, json: bool) -> int:
    """Write the outcomes of tasks, and return of how many; `head` stands before them in JSON."""
    counts: Counter[Kind] = Counter()

    async def counted() -> AsyncIterator[TaskOutcome]:
        async for one in tasks:
            counts[one.kind] += 1
            yield one

    if json:
        await as_json.write_with_list(head, "tasks", (_fields(one) async for one in counted()))
    else:
        async for one in counted():
            if one.kind in (Kind.SKIPPED, Kind.FAILED) or one.detail:
                output.write([f"{one.kind}  {one_line(one.task_id)}  {why(one)}".rstrip()])
        output.write(output.pairs([(kind, f"{counts[kind]:,}") for kind in Kind if counts[kind]]))
    return counts.total()


async def all_in(folder: Path) -> AsyncIterator[TaskOutcome]:
    """Yield the outcomes in the folder of a batch, those of the plan first."""
    for chunks in (skipped_in(folder), outcomes_in(folder)):
        async for chunk in chunks:
            for one in chunk:
                yield one


def _exit_code(end: End, stop: Stop) -> int:
    if end.ending is Ending.STOPPED:
        return STOPPED
    if end.ending is Ending.CANCELLED:
        return stop.exit_code
    return FAILED if end.counts.get(Kind.FAILED) else OK


def _fields(outcome: TaskOutcome) -> as_json.Fields:
    return {
        "task_id": outcome.task_id,
        "outcome": outcome.kind,
        "reason": outcome.reason,
        "detail": outcome.detail,
        "marked": outcome.marked,
    }
