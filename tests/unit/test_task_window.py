"""The window over a list without end, under random sequences of what can happen to it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from asynqhub_tui.models import PENDING, SUCCESS, Task
from asynqhub_tui.repository import Cursor, Order, Page
from asynqhub_tui.widgets.task_window import PAGE_ROWS, TaskWindow
from tests.contract.builders import make_task

BEGIN = datetime(2026, 11, 23, tzinfo=UTC)


def task(number: int, status: str = PENDING) -> Task:
    return make_task(f"t{number}", at=BEGIN + timedelta(seconds=number), status=status)


class Store:
    """A list of tasks by number, the highest first, that gives pages as a backend does."""

    def __init__(self, rows: int) -> None:
        self.numbers = list(range(rows))

    def newer(self, rows: int) -> None:
        """Add rows at the top."""
        start = self.numbers[-1] + 1 if self.numbers else 0
        self.numbers += range(start, start + rows)

    def page(
        self,
        *,
        after: Cursor | None = None,
        before: Cursor | None = None,
        from_end: bool = False,
        limit: int = PAGE_ROWS,
    ) -> Page:
        """Return the page that begins at a cursor or an end."""
        rest = list(reversed(self.numbers))
        if after is not None:
            rest = [number for number in rest if number < int(after.tie)]
        if before is not None:
            rest = [number for number in rest if number > int(before.tie)]
        upwards = before is not None or from_end
        found = rest[-limit:] if upwards else rest[:limit]
        return Page(
            tasks=tuple(task(number) for number in found),
            order=Order.CREATED,
            first=cursor(found[0]) if found else None,
            last=cursor(found[-1]) if found else None,
            more=len(rest) > len(found),
        )


def cursor(number: int) -> Cursor:
    return Cursor(Order.CREATED, BEGIN + timedelta(seconds=number), number)


def held(window: TaskWindow) -> list[int]:
    return [int(row.task_id[1:]) for row in window.rows]


def check(window: TaskWindow, store: Store) -> None:
    """What always holds: a stretch of the list without gaps, in order, of bounded size."""
    numbers = held(window)
    if numbers:
        highest = store.numbers.index(numbers[0])
        assert numbers == store.numbers[highest - len(numbers) + 1 : highest + 1][::-1]
        assert window.first is not None
        assert window.last is not None
        assert (window.first.tie, window.last.tie) == (numbers[0], numbers[-1])
    assert len(window) == len(numbers)
    assert all(window.find(row.task_id) == at for at, row in enumerate(window.rows))
    if window.at_end and numbers:
        assert numbers[-1] == store.numbers[0]


@pytest.mark.parametrize("seed", range(20))
def test_random_walks_leave_no_gap(seed: int) -> None:
    random = Random(seed)
    store = Store(random.randrange(0, 1_500))
    window = TaskWindow(max_pages=4)
    window.reset(store.page())
    reader: int | None = None
    seen: set[int] = set()
    for _ in range(80):
        step = random.choice(["down", "down", "up", "news", "poll", "top", "bottom"])
        at = random.randrange(len(window)) if len(window) else None
        reader = held(window)[at] if at is not None else None
        shift = 0
        if step == "down" and not window.at_end:
            shift = -window.append(store.page(after=window.last))
        elif step == "up" and not window.at_top:
            shift = window.prepend(store.page(before=window.first))
        elif step == "news":
            store.newer(random.choice([1, 3, 99, 100, 250]))
        elif step == "poll" and window.at_top and window.first is not None:
            shift = window.prepend(store.page(before=window.first))
        elif step in ("top", "bottom"):
            window.reset(store.page(from_end=step == "bottom"), from_end=step == "bottom")
            at = None
        check(window, store)
        seen |= set(held(window))
        if window.at_top and seen:
            assert held(window)[0] == max(seen)
        assert len(window) <= 4 * PAGE_ROWS + PAGE_ROWS
        if at is not None and 0 <= at + shift < len(window):
            assert held(window)[at + shift] == reader
    assert len(window) <= 4 * PAGE_ROWS + PAGE_ROWS


def test_a_thousand_polls_of_one_row_each_drop_nothing_too_early() -> None:
    store = Store(PAGE_ROWS * 3)
    window = TaskWindow(max_pages=12)
    window.reset(store.page())
    for _ in range(1_000):
        store.newer(1)
        window.prepend(store.page(before=window.first))
        check(window, store)
    assert len(window) == 1_000 + PAGE_ROWS
    for _ in range(1_000):
        store.newer(1)
        window.prepend(store.page(before=window.first))
    assert 11 * PAGE_ROWS <= len(window) <= 12 * PAGE_ROWS
    assert not window.at_end


def test_a_newer_version_stays_in_its_row() -> None:
    window = TaskWindow()
    window.reset(Store(5).page())
    window.patch([task(3, SUCCESS), task(77, SUCCESS)])
    assert [row.status for row in window.rows] == [PENDING, SUCCESS, PENDING, PENDING, PENDING]
    assert window.find("t77") is None


def test_a_row_that_moves_up_is_not_held_twice() -> None:
    """By update, a task that changes comes again at the top while its old row is still held."""
    window = TaskWindow()
    window.reset(Store(5).page())
    again = Page(
        tasks=(task(9), task(2, SUCCESS)), order=Order.UPDATED, first=cursor(9), last=cursor(9)
    )
    assert window.prepend(again) == 1
    assert held(window) == [9, 4, 3, 2, 1, 0]
    assert window.rows[3].status == SUCCESS
    assert window.append(Page(tasks=(task(4),), order=Order.UPDATED, last=cursor(0))) == 0
    assert held(window) == [9, 4, 3, 2, 1, 0]


def test_what_is_gone_stays_shown_until_it_is_read_anew() -> None:
    store = Store(3)
    window = TaskWindow()
    window.reset(store.page())
    window.patch([], {"t1", "t99"})
    assert [window.gone(f"t{number}") for number in (0, 1, 2, 99)] == [False, True, False, False]
    window.patch([task(1)])
    assert not window.gone("t1")
    window.patch([], {"t1"})
    window.reset(store.page())
    assert not window.gone("t1")


def test_a_search_that_stopped_early_goes_on_from_where_it_stopped() -> None:
    window = TaskWindow()
    stopped = Page(
        (), Order.UPDATED, first=cursor(90), last=cursor(50), more=True, searched_to=BEGIN
    )
    window.reset(stopped)
    assert (len(window), window.at_end, window.searched_to) == (0, False, BEGIN)
    assert window.last == cursor(50)
    window.append(Page((task(7),), Order.UPDATED, first=cursor(49), last=cursor(7)))
    assert held(window) == [7]
    assert window.at_end
    assert window.searched_to is None
    assert window.first == cursor(90)


def test_an_empty_list() -> None:
    window = TaskWindow()
    window.reset(Store(0).page())
    assert window.loaded
    assert (window.at_top, window.at_end, window.first, window.last) == (True, True, None, None)
