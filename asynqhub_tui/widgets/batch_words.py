"""The words of a batch under way, and of its report."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from asynqhub_tui import figures
from asynqhub_tui.actions.retry.execution import Progress
from asynqhub_tui.actions.retry.records import End, Ending, Kind, TaskOutcome
from asynqhub_tui.actions.retry.saving import why
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


def counts_line(counts: Mapping[Kind, int], left: int = 0) -> Line:
    """Return the outcomes so far; `left` is how many tasks were not reached."""
    pieces: list[Piece] = []
    for kind, (sign, tone) in reversed(LOOKS.items()):
        if counts.get(kind):
            pieces += [Piece(f"{sign} ", tone), Piece(f"{kind} {counts[kind]:,}   ")]
    if left:
        pieces.append(Piece(f"▲ not reached {left:,}", "warn"))
    return Line(pieces or [Piece("nothing yet", "dim")])


def report_lines(end: End, counts: Mapping[Kind, int], left: int, width: int) -> list[Line]:
    """Return how a batch ended and what came of its tasks, of which `left` were not reached."""
    sign, tone, words = {
        Ending.DONE: ("✓ ", "success", "Done."),
        Ending.CANCELLED: ("▲ ", "warn", "Stopped, as you wished."),
        Ending.STOPPED: ("▲ ", "warn", end.sentence or "Stopped."),
    }[end.ending]
    if end.ending is Ending.DONE and counts.get(Kind.FAILED):
        sign, tone, words = "▲ ", "warn", "Done, but not all could be retried."
    lines = [*sentence(sign, words, tone, width), counts_line(counts, left)]
    if left:
        words = "`asynqhub-tui journal resume` goes on with what was not reached."
        lines += sentence("", words, "dim", width)
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
