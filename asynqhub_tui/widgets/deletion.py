"""The words of the dialog that deletes a worker."""

from __future__ import annotations

from asynqhub_tui import figures
from asynqhub_tui.actions.delete_worker import DeletionPlan
from asynqhub_tui.actions.outcome import Report
from asynqhub_tui.models import Count, PurgeProgress
from asynqhub_tui.text import fit, one_line, wrap
from asynqhub_tui.view import View
from asynqhub_tui.widgets.canvas import Line, Piece

BAR = 24
"""Cells of the progress bar."""

LABEL, VALUE = 14, 14
"""Cells of a fact's name, and of its value in the first of two columns."""


def facts(plan: DeletionPlan, view: View, width: int) -> list[Line]:
    """Return what hangs on the worker, in two columns, and what the operator should mind."""
    usage, age = plan.usage, plan.heartbeat_age
    last = usage.last_attempt_at
    pairs = (
        (("tasks", figures.count(usage.tasks)), ("enabled", _yes(plan.worker.is_enabled))),
        (
            ("attempts", figures.count(usage.attempts)),
            ("last attempt", view.brief_moment(last) if last else "none"),
        ),
        (
            ("unfinished", figures.count(usage.unfinished)),
            ("heartbeat", "none" if age is None else f"{figures.span(age)} ago"),
        ),
        (("running now", figures.count(usage.running)), None),
    )
    lines = [Line([*_fact(left), *(_fact(right) if right else ())]) for left, right in pairs]
    lines.append(Line())
    for warning in plan.warnings:
        lines += sentence("▲ ", one_line(warning), "warn", width)
    return lines


def question(plan: DeletionPlan, width: int, *, purges: bool, typed: str) -> list[Line]:
    """Return what is asked above the field for the name; `typed` is what stands in it."""
    what, verb = "Its row is saved to a restore file first.", "delete it"
    if purges:
        tasks = figures.count(plan.usage.tasks)
        what = f"Its {tasks} tasks and their attempts go for good; its own row is saved first."
        verb = "purge and delete it"
    right = typed == plan.name
    hint = f"Enter to {verb}" if right else f"Type its name to {verb}"
    return [
        *sentence("", what, "", width),
        Line([Piece(hint, "fail" if right else "strong"), Piece("   esc cancels", "dim")]),
    ]


def report_lines(report: Report, width: int) -> list[Line]:
    """Return what came of it."""
    sign, tone = ("✓ ", "success") if report.done else ("▲ ", "warn")
    return [line for one in report.sentences for line in sentence(sign, one, tone, width)]


def progress_bar(progress: PurgeProgress, total: Count | None) -> list[Piece]:
    """Return how far a purge has come, with a bar where the number of tasks is known."""
    words = f"{progress.tasks:,} tasks, {progress.attempts:,} attempt rows deleted"
    if total is None or not total.exact or not total.value:
        return [Piece(words)]
    done = min(progress.tasks / total.value, 1.0)
    full = int(done * BAR)
    bar = [Piece("━" * full, "accent"), Piece("━" * (BAR - full), "dim")]
    return [*bar, Piece(f" {done:4.0%}   {words}")]


def sentence(sign: str, text: str, tone: str, width: int) -> list[Line]:
    """Return a sentence behind a sign, broken between words."""
    broken = wrap(one_line(text), width - len(sign), 4)
    return [
        Line([Piece(sign if not number else " " * len(sign), tone), Piece(line)])
        for number, line in enumerate(broken)
    ]


def _fact(fact: tuple[str, str]) -> list[Piece]:
    name, value = fact
    return [Piece(f"  {fit(name, LABEL)}", "dim"), Piece(f"{value:<{VALUE}}")]


def _yes(value: bool) -> str:
    return "yes" if value else "no"
