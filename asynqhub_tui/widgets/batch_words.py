"""The words of a batch under way, and of its report."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from asynqhub_tui import figures
from asynqhub_tui.actions.retry.execution import Progress
from asynqhub_tui.actions.retry.records import End, Ending, Kind, TaskOutcome
from asynqhub_tui.actions.retry.saving import left_over, why
from asynqhub_tui.widgets.canvas import Line, Piece
from asynqhub_tui.widgets.deletion import sentence

BAR = 24
"""Cells of the progress bar."""

LOOKS = {
    Kind.FAILED: ("✗", "fail"),
    Kind.SKIPPED: ("○", "warn"),
    Kind.ENQUEUED: ("✓", "success"),
    Kind.RESUMED: ("✓", "success"),
}
"""Sign and tone of each kind of outcome, the most important first."""

_ONE = {
    Kind.RESUMED: "asynq runs it again, resumed in place.",
    Kind.ENQUEUED: "asynq runs it again, enqueued anew under the same task id.",
    Kind.SKIPPED: "It was skipped",
    Kind.FAILED: "It could not be retried",
}


def keys_line(*hints: tuple[str, str]) -> Line:
    """Return keys and what they do."""
    pieces: list[Piece] = []
    for key, words in hints:
        pieces += [Piece(key, "key"), Piece(f" {words}   ", "dim")]
    return Line(pieces)


def progress_bar(progress: Progress, rate: float | None) -> list[Piece]:
    """Return how far a batch has come; `rate` is how many tasks a second it does."""
    share = progress.done / progress.included if progress.included else 1.0
    full = int(share * BAR)
    pieces = [
        Piece("━" * full, "accent"),
        Piece("━" * (BAR - full), "dim"),
        Piece(f" {share:4.0%}", "strong"),
        Piece(f"  {progress.done:,} of {progress.included:,}"),
    ]
    if rate:
        left = timedelta(seconds=(progress.included - progress.done) / rate)
        speed = f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"
        pieces.append(Piece(f"  {speed}/s  {figures.span(left)} left", "dim"))
    return pieces


def counts_line(counts: Mapping[Kind, int], left: int = 0, under_way: int = 0) -> Line:
    """Return the outcomes so far; `left` tasks have none, of which some were `under_way`."""
    pieces: list[Piece] = []
    for kind, (sign, tone) in reversed(LOOKS.items()):
        if counts.get(kind):
            pieces += [Piece(f"{sign} ", tone), Piece(f"{kind} {counts[kind]:,}   ")]
    if under_way:
        pieces.append(Piece(f"▲ under way {under_way:,}   ", "warn"))
    if left > under_way:
        pieces.append(Piece(f"▲ not reached {left - under_way:,}", "warn"))
    return Line(pieces or [Piece("nothing yet", "dim")])


def report_lines(
    end: End, counts: Mapping[Kind, int], left: int, width: int, batch: str
) -> list[Line]:
    """Return how a batch ended and what came of its tasks, of which `left` have no outcome."""
    sign, tone, words = {
        Ending.DONE: ("✓ ", "success", "Done."),
        Ending.CANCELLED: ("▲ ", "warn", "Stopped, as you wished."),
        Ending.STOPPED: ("▲ ", "warn", end.sentence or "Stopped."),
    }[end.ending]
    if end.ending is Ending.DONE and counts.get(Kind.FAILED):
        sign, tone, words = "▲ ", "warn", "Done, but not all could be retried."
    lines = [*sentence(sign, words, tone, width), counts_line(counts, left, end.under_way)]
    if left:
        words = f"{left_over(left, end)} `asynqhub-tui journal resume {batch}` goes on."
        lines += sentence("", words, "warn" if end.under_way else "dim", width)
    return lines


def one_line_report(outcome: TaskOutcome, width: int) -> list[Line]:
    """Return what came of the only task of a batch."""
    sign, tone = LOOKS[outcome.kind]
    words, reason = _ONE[outcome.kind], why(outcome)
    if outcome.kind in (Kind.SKIPPED, Kind.FAILED):
        words = f"{words}: {reason}." if reason else f"{words}."
    elif reason:
        words = f"{words} {reason}"
    return sentence(f"{sign} ", words, tone, width)
