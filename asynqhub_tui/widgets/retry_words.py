"""The words of the screen that retries tasks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta

from asynqhub_tui import figures
from asynqhub_tui.actions.retry.decision import FORCIBLE
from asynqhub_tui.actions.retry.execution import Progress
from asynqhub_tui.actions.retry.preview import Preview, decision_lines
from asynqhub_tui.actions.retry.records import End, Ending, Kind
from asynqhub_tui.text import fit, one_line
from asynqhub_tui.widgets.canvas import Line, Piece
from asynqhub_tui.widgets.deletion import sentence

BAR = 24
"""Cells of the progress bar."""

LABEL, NUMBER, GROUP = 16, 8, 34
"""Cells of a decision's name, of a count, and of a worker's, queue's or error's name."""

MOST_GROUPS = 4
"""How many workers, queues and errors are named."""


def preview_lines(preview: Preview, now: datetime, width: int) -> list[Line]:
    """Return what is going to happen to how many tasks, and which they are."""
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
        lines += _groups("by error", preview.errors, width)
        lines += _groups("by worker", preview.workers, width)
        lines += _groups("by queue", preview.queues, width)
    likely = sum(preview.reasons[reason] for reason in FORCIBLE)
    if likely:
        lines.append(Line())
        words = f"{likely:,} are likely on their way: forced, they may run twice."
        lines += sentence("▲ ", words, "warn", width)
    return lines


def progress_bar(progress: Progress, rate: float | None) -> list[Piece]:
    """Return how far a batch has come; `rate` is how many tasks a second it does."""
    share = progress.done / progress.included if progress.included else 1.0
    full = int(share * BAR)
    words = counts_words(progress.counts)
    left = ""
    if rate:
        remaining = timedelta(seconds=(progress.included - progress.done) / rate)
        left = f"   {rate:,.0f}/s   {figures.span(remaining)} left"
    return [
        Piece("━" * full, "accent"),
        Piece("━" * (BAR - full), "dim"),
        Piece(f" {share:4.0%}{left}   {words}"),
    ]


def report_lines(end: End, included: int, width: int) -> list[Line]:
    """Return how a batch ended and what came of its tasks."""
    left = included - sum(end.counts.values())
    head = {
        Ending.DONE: ("✓ ", "success", "Done."),
        Ending.CANCELLED: ("▲ ", "warn", "Stopped, as you wished."),
        Ending.STOPPED: ("▲ ", "warn", end.sentence or "Stopped."),
    }[end.ending]
    sign, tone, words = head
    lines = [*sentence(sign, words, tone, width), Line()]
    for kind in Kind:
        count = end.counts.get(kind, 0)
        tone = "fail" if kind is Kind.FAILED and count else "strong" if count else "dim"
        lines.append(Line([Piece(f"  {fit(kind, LABEL)}{count:>{NUMBER},}", tone)]))
    if left:
        lines.append(Line([Piece(f"  {fit('not reached', LABEL)}{left:>{NUMBER},}", "warn")]))
        lines.append(Line())
        words = "What was not reached can be resumed: at the next start, or by journal resume."
        lines += sentence("", words, "dim", width)
    return lines


def counts_words(counts: Mapping[Kind, int]) -> str:
    """Return the outcomes so far in one line."""
    return "  ".join(f"{kind} {counts[kind]:,}" for kind in Kind if counts.get(kind))


def _groups(title: str, counts: Counter[str], width: int) -> list[Line]:
    room = max(width - LABEL - NUMBER - 6, 10)
    lines = []
    for number, (name, count) in enumerate(counts.most_common(MOST_GROUPS)):
        label = fit(title if not number else "", LABEL)
        pieces = [Piece(f"  {label}", "dim"), Piece(f"{count:>{NUMBER},}   ")]
        lines.append(Line([*pieces, Piece(fit(one_line(name), room).rstrip())]))
    if len(counts) > MOST_GROUPS:
        more = f"and {len(counts) - MOST_GROUPS:,} more"
        lines.append(Line([Piece(" " * (LABEL + NUMBER + 5)), Piece(more, "dim")]))
    return lines
