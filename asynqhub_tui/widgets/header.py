"""The two lines at the top: which installation, how fresh, how many; and where we are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from textual import events

from asynqhub_tui import figures
from asynqhub_tui.models import (
    DEAD,
    FAIL,
    OVERDUE,
    PENDING,
    RUNNING,
    STATUSES,
    SUCCESS,
    Count,
    StatusCounts,
    TimeSeriesStats,
)
from asynqhub_tui.polling import PollState
from asynqhub_tui.repository import HubInfo
from asynqhub_tui.text import fit_ends, one_line
from asynqhub_tui.widgets.canvas import Canvas, Line, Piece, spread, width_of
from asynqhub_tui.widgets.states import tone

TABS = (("tasks", "1", "Tasks"), ("task", "2", "Task"), ("workers", "3", "Workers"))

WIDE = 120
"""From this width on the counts stand in the first line, and the second has room for charts."""

COUNTS_OLD = 30.0
"""Seconds after which the counts, which have a slower clock, say when they were made."""

OLD_STEP = 5.0
"""Ages below a minute go by steps of so many seconds, so that an idle header rests."""


@dataclass(frozen=True, slots=True)
class HeaderState:
    """All that the header shows.

    `age` and `counts_age` are seconds since data and counts came, `copied` says how old a copy is.
    """

    tab: str
    info: HubInfo | None = None
    profile: str | None = None
    poll: PollState | None = None
    age: float | None = None
    counts: StatusCounts | None = None
    counts_age: float = 0.0
    hours: Sequence[TimeSeriesStats] = field(default_factory=tuple)
    copied: str = ""


class Header(Canvas):
    """Shows a HeaderState."""

    def __init__(self, tab: str) -> None:
        super().__init__(id="header")
        self._state = HeaderState(tab)

    def show(self, state: HeaderState) -> None:
        """Show another state."""
        self._state = state
        self.redraw()

    def lines(self, width: int, height: int) -> Sequence[Line]:
        """Return the two lines."""
        state = self._state
        counts = _counts(state.counts) if state.counts else []
        if state.counts_age > COUNTS_OLD:
            counts.insert(0, (Piece("  counted ", "dim"), Piece(f"{_old(state.counts_age)} ago:")))
        tabs = self._tabs()
        if width >= WIDE:
            # Whether the data is fresh matters more than how many tasks have succeeded.
            shown = _most_urgent(counts, width - width_of(self._identity(0)) - 3)
            right = _charts(state.hours) if state.hours else []
            identity = self._identity(width - width_of(shown) - 3)
            return [
                Line(spread(identity, [*shown, Piece(" ")], width)),
                Line(spread(tabs, [*right, Piece(" ")], width)),
            ]
        shown = _most_urgent(counts, width - width_of(tabs) - 2)
        return [
            Line(spread(self._identity(width - 3), [Piece(" ")], width)),
            Line(spread(tabs, [*shown, Piece(" ")], width)),
        ]

    def on_click(self, event: events.Click) -> None:
        """Show the screen whose tab was clicked."""
        start = 1
        for name, number, title in TABS:
            end = start + len(number) + len(title) + 3
            if event.y == 1 and start <= event.x < end:
                self.call_later(self.screen.run_action, f"screen.go('{name}')")
            start = end

    def _identity(self, room: int) -> list[Piece]:
        """Which installation, and how fresh; the place gives way where there is little room."""
        state = self._state
        head = [Piece(" asynqhub", "title")]
        if state.profile:
            head += [Piece("  "), Piece(f" {one_line(state.profile)} ", "profile")]
        if state.info is None:
            return [*head, Piece("  "), Piece("◌ connecting", "dim")]
        info = state.info
        tail = [Piece("  "), Piece("READ-ONLY", "warn")] if info.read_only else []
        if state.copied:
            # What is read every two seconds may all the same be of yesterday.
            tail += [Piece("  "), Piece(state.copied, "warn")]
        tail += [Piece("  "), *_freshness(state.poll, state.age)]
        if info.demo:
            return [*head, Piece("  "), Piece(" DEMO ", "demo"), *tail]
        head += [Piece("  "), Piece(f"{info.backend} ", "dim")]
        left = max(room - width_of(head) - width_of(tail), 8)
        return [*head, *_place(info, left), *tail]

    def _tabs(self) -> list[Piece]:
        pieces = [Piece(" ")]
        for name, number, title in TABS:
            here = name == self._state.tab
            pieces += [
                Piece(f" {number} ", "key" if not here else "accent"),
                Piece(f"{title} ", "strong" if here else "dim"),
            ]
        return pieces


def _place(info: HubInfo, room: int) -> list[Piece]:
    """Where the data lies; of a copy its source, which says more, and both where there is room."""
    place = one_line(info.place)
    if info.copy_of is None:
        return [Piece(fit_ends(place, room))]
    source, words = one_line(info.copy_of), "copy of "
    both = width_of([Piece(f"{place}  {words}{source}")]) <= room
    return [
        Piece(f"{place}  " if both else ""),
        Piece(words, "dim"),
        Piece(source if both else fit_ends(source, max(room - len(words), 8))),
    ]


def _freshness(poll: PollState | None, age: float | None) -> list[Piece]:
    if poll is None or (poll.fresh_at is None and poll.error is None):
        return [Piece("◌ reading", "dim")]
    if poll.error is not None:
        return [Piece("▲ stale", "alarm")]
    if poll.paused:
        words = f", data {_old(age)} old" if age is not None and age >= OLD_STEP else ""
        return [Piece("‖ paused", "warn"), Piece(words, "dim")]
    alive = Piece("● ", "success")
    if poll.slowed:  # at 80 cells there is room for no more than that
        return [alive, Piece(one_line(poll.slowed), "warn")]
    slow_line = [Piece(", slow line", "warn")] if poll.stretched else []
    return [alive, Piece(f"live {poll.stretched or poll.interval:g}s", "dim"), *slow_line]


def _old(seconds: float) -> str:
    return figures.span(timedelta(seconds=seconds - seconds % OLD_STEP))


def _counts(counts: StatusCounts) -> list[tuple[Piece, Piece]]:
    """Name and number of each status, in the order of a task's life."""
    none = Count(value=0)
    shown: list[tuple[str, Count]] = [
        (PENDING, counts.by_status.get(PENDING, none)),
        (RUNNING, counts.running),
        (OVERDUE, counts.overdue),
        (SUCCESS, counts.by_status.get(SUCCESS, none)),
        (FAIL, counts.by_status.get(FAIL, none)),
        (DEAD, counts.by_status.get(DEAD, none)),
    ]
    shown += [
        (status, count) for status, count in counts.by_status.items() if status not in STATUSES
    ]
    return [
        (
            Piece(f"  {one_line(status)} ", "dim"),
            Piece(figures.count(count), tone(status) if count.value else "dim"),
        )
        for status, count in shown
        if status != OVERDUE or count.value
    ]


def _most_urgent(counts: Sequence[tuple[Piece, Piece]], room: int) -> list[Piece]:
    """As many counts as there is room for; what has gone well is left out first."""
    kept = list(counts)
    for name in (SUCCESS, RUNNING, PENDING, *(pair[0].text.strip() for pair in reversed(counts))):
        if sum(width_of(pair) for pair in kept) <= room:
            break
        kept = [pair for pair in kept if pair[0].text.strip() != name]
    return [piece for pair in kept for piece in pair]


def _charts(hours: Sequence[TimeSeriesStats]) -> list[Piece]:
    return [
        Piece("24h ", "dim"),
        Piece(figures.spark([hour.success for hour in hours]), "success"),
        Piece("  fail ", "dim"),
        Piece(figures.spark([hour.failed for hour in hours]), "fail"),
    ]
