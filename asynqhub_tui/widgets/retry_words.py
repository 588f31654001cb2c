"""The words of the preview of a retry."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from asynqhub_tui import queue as asynq
from asynqhub_tui.actions.retry.decision import FORCIBLE, Decision, Planned, Reason
from asynqhub_tui.actions.retry.preview import Preview, decision_lines, elsewhere_sentences
from asynqhub_tui.actions.retry.selection import MOST_TASKS
from asynqhub_tui.figures import span
from asynqhub_tui.models import FAILED_STATUSES, Task
from asynqhub_tui.text import fit, one_line, wrap
from asynqhub_tui.view import View
from asynqhub_tui.widgets.canvas import Line, Piece
from asynqhub_tui.widgets.deletion import sentence

LABEL, NUMBER = 16, 8
"""Cells of a decision's name, and of a count."""

FEW, MANY = 4, 8
"""How many workers, queues and errors are named, and how many where the terminal is high."""

HIGH = 40

_SKIPPED = {
    Reason.NOT_FAILED: "It has not failed: there is nothing to retry.",
    Reason.QUEUED: "It waits in its queue already.",
    Reason.STALE: (
        "This is a copy, and its source is not known, or away: with --source, what asynq no longer"
        " holds is read there again."
    ),
    Reason.RUNNING: "It runs already.",
    Reason.COMPLETED: "asynq says that it is completed.",
    Reason.RETRIES_LEFT: "It has retries left, and asynq's copy was not found: it is likely on its"
    " way by itself.",
    Reason.NOT_SEARCHED: "Its queue is too long to be searched to its end: it may be on its way by"
    " itself.",
    Reason.WORKER_UNKNOWN: "Its worker is unknown: nobody would run it.",
    Reason.WORKER_DISABLED: "Its worker is disabled: enable it first.",
    Reason.GONE: "The store no longer has it.",
}


def preview_lines(preview: Preview, now: datetime, width: int, height: int) -> list[Line]:
    """Return what is going to happen to how many tasks, and which they are."""
    if not preview.total:
        return [Line([Piece("No task matches by now.", "strong")])]
    lines: list[Line] = []
    for name, count, more in decision_lines(preview, now):
        tone = "warn" if name == "skipped" and count else "strong" if count else "dim"
        label = Piece(f"  {fit(name, LABEL)}{count:>{NUMBER},}", tone)
        broken = sentence("", more, "dim", width - LABEL - NUMBER - 6) if more else [Line()]
        indent = Piece(" " * (LABEL + NUMBER + 2))
        for number, line in enumerate(broken):
            lines.append(Line([indent if number else label, Piece("   "), *line.pieces]))
    if preview.included:
        lines.append(Line())
        lines += _groups(preview, width, MANY if height >= HIGH else FEW)
    lines += elsewhere_lines(preview, width)
    if preview.total >= MOST_TASKS:
        words = f"Only the first {MOST_TASKS:,} tasks are looked at; retry the others afterwards."
        lines += [Line(), *sentence("▲ ", words, "warn", width)]
    likely = sum(preview.reasons[reason] for reason in FORCIBLE)
    if likely:
        lines.append(Line())
        words = f"{likely:,} are likely on their way: forced, they may run twice."
        lines += sentence("▲ ", words, "warn", width)
    return lines


def elsewhere_lines(preview: Preview, width: int) -> list[Line]:
    """Return a warning for each worker whose row names another Redis, below an empty line."""
    lines: list[Line] = []
    for words in elsewhere_sentences(preview):
        lines += [*([] if lines else [Line()]), *sentence("▲ ", words, "warn", width)]
    return lines


def one_task_lines(
    planned: Planned, task: Task | None, view: View, width: int, *, forced: bool
) -> list[Line]:
    """Return what is going to happen to the only task, and what it failed with.

    `forced` tells that it is enqueued although it may be on its way. `task` is None where the
    store no longer has it.
    """
    lines = sentence("", _fate(planned, view.now()), "strong", width)
    if forced and planned.decision is Decision.ENQUEUE:
        words = "If asynq has a copy that was not found, it runs twice."
        lines += sentence("▲ ", words, "warn", width)
    if task is None:
        return lines
    most = view.max_attempts(task)
    attempt = f"attempt {task.last_attempt}" + (f" of {most}" if most else "")
    facts = [("worker", task.worker_name), ("queue", task.queue)]
    if task.status in FAILED_STATUSES and task.last_attempt:
        facts.append(("failed", f"{attempt}, {view.brief_moment(task.updated_at)}"))
    lines.append(Line())
    lines += [Line([Piece(f"  {name:<8}", "dim"), Piece(one_line(value))]) for name, value in facts]
    for number, line in enumerate(wrap(task.error or "", width - 10, 4) if task.error else ()):
        lines.append(Line([Piece(f"  {'' if number else 'error':<8}", "dim"), Piece(line)]))
    return lines


def _fate(planned: Planned, now: datetime) -> str:
    if planned.decision is Decision.SKIP:
        assert planned.reason is not None
        if planned.reason is Reason.CLAIMED and planned.claim is not None:
            batch = one_line(planned.claim)
            return (
                f"The batch {batch} has retried it already, and its row has not changed since."
                f" `asynqhub-tui journal show {batch}` tells what came of it, and `journal resume"
                f" {batch}` completes it."
            )
        return _SKIPPED.get(planned.reason, f"It is skipped: {planned.reason}.")
    if planned.decision is Decision.ENQUEUE:
        return (
            "asynq no longer has it. It is enqueued again, under the same task id and with all of"
            " its retries."
        )
    if planned.state == asynq.ARCHIVED:
        return (
            "asynq has given up on it and archived it. It goes back to its queue and runs once"
            " more, in place."
        )
    held = "would retry it by itself" if planned.state == asynq.RETRY else "holds it until its time"
    return f"asynq {held}{_when(planned.next_at, now)}. It runs now instead."


def _when(at: datetime | None, now: datetime) -> str:
    if at is None:
        return ""
    return f" in {span(at - now)}" if at > now + timedelta(seconds=1) else " at any moment"


def _groups(preview: Preview, width: int, most: int) -> list[Line]:
    """Return blocks by error, worker and queue; what all have in common takes one line."""
    several: list[Line] = []
    common: list[Line] = []
    for name, counts in (
        ("error", preview.errors),
        ("worker", preview.workers),
        ("queue", preview.queues),
    ):
        if len(counts) > 1:
            several += _group(f"by {name}", counts, width, most)
        elif name != "worker" or len(preview.queues) > 1:  # a queue names its worker
            common += [_common(name, only, width) for only in counts]
    return [*several, *common]


def _group(title: str, counts: Counter[str], width: int, most: int) -> list[Line]:
    lines = []
    named = counts.most_common(most if len(counts) <= most else most - 1)
    for number, (name, count) in enumerate(named):
        label = fit("" if number else title, LABEL)
        pieces = [Piece(f"  {label}", "dim"), Piece(f"{count:>{NUMBER},}   ")]
        lines.append(Line([*pieces, _name(name, width)]))
    if len(counts) > most:
        others = sum(counts.values()) - sum(count for _, count in named)
        more = f"{others:>{NUMBER},}   {len(counts) - len(named):,} others"
        lines.append(Line([Piece(" " * (LABEL + 2)), Piece(more, "dim")]))
    return lines


def _common(title: str, name: str, width: int) -> Line:
    return Line([Piece(f"  {fit(title, LABEL)}{'all':>{NUMBER}}   ", "dim"), _name(name, width)])


def _name(name: str, width: int) -> Piece:
    return Piece(fit(one_line(name), max(width - LABEL - NUMBER - 6, 10)).rstrip())
