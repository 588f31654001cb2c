"""The command `retry`: preview, confirmation, and one outcome for each task."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterable, Sequence
from dataclasses import dataclass

from asynqhub_tui import query
from asynqhub_tui.actions.journal import Journal
from asynqhub_tui.actions.retry import run as retrying
from asynqhub_tui.actions.retry.decision import Reason
from asynqhub_tui.actions.retry.preview import BY_KEY, Preview, decision_lines, elsewhere_sentences
from asynqhub_tui.actions.retry.records import Ending
from asynqhub_tui.actions.retry.run import Plan
from asynqhub_tui.actions.retry.selection import MOST_TASKS, failed_only, refs_of
from asynqhub_tui.headless import UsageError, as_json, outcomes, output
from asynqhub_tui.headless.asking import typed
from asynqhub_tui.headless.signals import stopping
from asynqhub_tui.models import TaskRef
from asynqhub_tui.queue import TaskQueue
from asynqhub_tui.repository import Hub, NotFound, Refused, TaskFilter
from asynqhub_tui.text import one_line
from asynqhub_tui.view import View

STDIN = "-"
"""Stands for the ids on standard input, one a line."""

_MOST_GROUPS = 5
"""How many workers, queues and errors the preview names."""


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for: tasks by their ids, or all that match a filter where there are none.

    `rate` is the most tasks per second. `force` also enqueues what is likely on its way.
    """

    task_ids: Sequence[str] | None
    filter: TaskFilter
    dry_run: bool = False
    yes: bool = False
    force: bool = False
    rate: float | None = None
    json: bool = False

    @property
    def words(self) -> str:
        """The tasks in words."""
        if self.task_ids is None:
            return query.render(failed_only(self.filter))
        if len(self.task_ids) == 1:
            return self.task_ids[0]
        return f"{len(self.task_ids):,} tasks by their ids"

    def chosen(self, hub: Hub, view: View) -> AsyncIterable[Sequence[TaskRef]]:
        """Stream what identifies the tasks as they are now."""
        if self.task_ids is not None:
            return refs_of(hub, self.task_ids, view.now())
        return hub.tasks.task_refs(failed_only(self.filter), limit=MOST_TASKS)


def check(words: Sequence[str], filter: TaskFilter, *, asks: bool) -> None:
    """Raise UsageError where it is not clear which tasks are meant, or nobody can be asked."""
    if words and filter:
        raise UsageError("retry takes ids or a filter, not both. Leave one of them out.")
    if not words and not filter:
        raise UsageError("retry needs ids or a filter, such as --status failed.")
    if asks and (STDIN in words or not sys.stdin.isatty()):
        raise UsageError("retry cannot ask without a terminal. Add --yes, or --dry-run to look.")


def ids(words: Sequence[str]) -> list[str]:
    """Return the ids, those on standard input in the place of `-`. Raises UsageError."""
    found: list[str] = []
    for word in words:
        try:
            found += [word] if word != STDIN else filter(None, map(str.strip, sys.stdin))
        except UnicodeDecodeError:
            raise UsageError("What comes from standard input is no text.") from None
    return found


async def run(hub: Hub, queue: TaskQueue, view: View, request: Request) -> int:
    """Plan, ask, run, and write what came of each task.

    Raises NotFound where none of the ids is a task's, Refused where it was not confirmed, and what
    planning raises.
    """
    journal = Journal.of(hub.info)
    plan = await _prepare(hub, queue, view, request, journal)
    try:
        _check_found(plan.preview, request)
        if request.dry_run:
            await _write_plan(plan, view, json=request.json)
        elif not plan.preview.included:
            await _write_skipped(plan, json=request.json)
        elif not request.yes:
            _show(plan, view)
            await _confirm(plan.preview.included)
    except BaseException:
        await plan.discard()
        raise
    if request.dry_run or not plan.preview.included:
        await plan.discard()
        return outcomes.OK
    with output.ProgressLine() as line, stopping(line.note) as stop:
        work = retrying.run(hub, queue, plan, journal, stop=stop, rate=request.rate)
        return await outcomes.follow(work, plan.batch.folder, line, stop, json=request.json)


async def _prepare(
    hub: Hub, queue: TaskQueue, view: View, request: Request, journal: Journal
) -> Plan:
    with output.ProgressLine() as line:
        return await retrying.prepare(
            hub,
            queue,
            request.chosen(hub, view),
            request.words,
            journal,
            force=request.force,
            watch=lambda count: line.show(f"{_tasks(count)} read"),
        )


def _check_found(preview: Preview, request: Request) -> None:
    if request.task_ids and preview.reasons[Reason.GONE] == preview.total:
        one = len(request.task_ids) == 1
        raise NotFound(
            f"There is no task {request.task_ids[0]}." if one else "There is none of these tasks.",
            hint="An id is to be given whole.",
        )


async def _write_skipped(plan: Plan, *, json: bool) -> None:
    """Write a batch of no task in the form of any other."""
    head = {
        "batch": None,
        "outcome": Ending.DONE,
        "message": None,
        "included": 0,
        "under_way": 0,
    }
    await outcomes.write(head, outcomes.all_in(plan.batch.folder), json=json)
    if not json:
        output.note("There is nothing to retry.")


async def _confirm(included: int) -> None:
    if included <= BY_KEY:
        answer, wanted = await typed(f"Retry {_tasks(included)}? Type y: "), "y"
    else:
        answer, wanted = await typed(f"Type {included} to retry so many tasks: "), str(included)
    if answer.strip() != wanted:
        raise Refused("It was not confirmed, so nothing was retried.")


def _show(plan: Plan, view: View) -> None:
    for line in _preview(plan.preview, plan.selection, view):
        sys.stderr.write(f"{line}\n")


async def _write_plan(plan: Plan, view: View, *, json: bool) -> None:
    if not json:
        output.write(_preview(plan.preview, plan.selection, view))
        return
    preview = plan.preview
    head = {
        "selection": plan.selection,
        "total": preview.total,
        "included": preview.included,
        "decisions": dict(preview.decisions),
        "reasons": dict(preview.reasons),
        "elsewhere": preview.elsewhere,
    }
    rows = (
        {
            "task_id": one.ref.task_id,
            "decision": one.decision,
            "reason": one.reason,
            "asynq_id": one.asynq_id,
            "state": one.state,
            "next_at": one.next_at,
        }
        async for chunk in plan.batch.planned()
        for one in chunk
    )
    await as_json.write_with_list(head, "tasks", rows)


def _preview(preview: Preview, selection: str, view: View) -> list[str]:
    lines = [f"retry {one_line(selection)}: {_tasks(preview.total)}"]
    counted = [
        (name, f"{count:,}" + (f"  {more}" if more else ""))
        for name, count, more in decision_lines(preview, view.now())
    ]
    lines += output.pairs(counted)
    groups = (("worker", preview.workers), ("queue", preview.queues), ("error", preview.errors))
    for name, counts in groups:
        for what, count in counts.most_common(_MOST_GROUPS):
            lines.append(f"by {name}  {count:,}  {one_line(what)}")
        if len(counts) > _MOST_GROUPS:
            lines.append(f"by {name}  and {len(counts) - _MOST_GROUPS:,} more")
    return [*lines, *elsewhere_sentences(preview)]


def _tasks(count: int) -> str:
    return f"{count:,} task" if count == 1 else f"{count:,} tasks"
