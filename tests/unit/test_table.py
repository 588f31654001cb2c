"""Which columns fit, how wide they are, and where the cursor may be."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest

from asynqhub_tui.widgets.table import Column, Table, lay_out


def column(title: str, width: int, drop: int = 0, grow: int = 0, most: int = 10_000) -> Column[str]:
    return Column(title, width, lambda row, _: (row, ""), drop, grow, most)


@pytest.mark.parametrize("seed", range(10))
def test_any_columns_in_any_width(seed: int) -> None:
    random = Random(seed)
    for _ in range(20):
        check_any_columns(random)


def check_any_columns(random: Random) -> None:
    columns = []
    for at in range(random.randrange(1, 9)):
        width = random.randrange(1, 20)
        most = random.choice([width, width + 5, 10_000])
        columns.append(
            column(str(at), width, random.randrange(3), random.choice([0, 1, 3, 20]), most)
        )
    width = random.randrange(1, 200)
    laid_out = lay_out(columns, width)
    kept = [one for one, _ in laid_out]
    assert kept == [one for one in columns if one in kept]
    assert all(one in kept for one in columns if not one.drop)
    assert all(one.width <= size <= max(one.most, one.width) for one, size in laid_out)
    total = sum(size for _, size in laid_out) + len(laid_out) - 1
    if any(one.drop for one in kept):
        assert total <= width
    if total < width:
        assert all(size == one.most or not one.grow for one, size in laid_out)
    dropped = [one.drop for one in columns if one not in kept]
    assert min(dropped, default=9) >= max((one.drop for one in kept), default=0)


def test_columns_grow_by_their_shares() -> None:
    columns = [column("a", 2, grow=1), column("b", 2, grow=3), column("c", 2)]
    assert [size for _, size in lay_out(columns, 28)] == [7, 17, 2]


class Rows(Table[int]):
    """Numbers, in a view of ten lines."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.numbers: Sequence[int] = range(number)

    @property
    def count(self) -> int:
        return len(self.numbers)

    def row(self, index: int) -> int:
        return self.numbers[index]

    @property
    def page_rows(self) -> int:
        return 10


@pytest.mark.parametrize("seed", range(50))
def test_the_cursor_is_always_in_view(seed: int) -> None:
    random = Random(seed)
    table = Rows(random.choice([0, 1, 9, 10, 11, 100]))
    for _ in range(50):
        step = random.choice(["move", "page", "place", "shrink"])
        if step == "move":
            table.move(random.randrange(-15, 15))
        elif step == "page":
            table.page(random.choice([-1, 1]))
        elif step == "place":
            table.place(random.randrange(-5, 120))
        else:
            table.numbers = range(random.choice([0, 1, 5, 10, 50, 100]))
            table.place(table.cursor)
        if table.count:
            assert table.cursor in table.in_view()
            assert table.current == table.cursor
            assert len(table.in_view()) == min(table.count, 10)
        else:
            assert table.current is None
            assert len(table.in_view()) == 0


def test_it_scrolls_no_further_than_it_must() -> None:
    table = Rows(100)
    table.place(50)
    assert table.top_row == 41
    table.place(45)
    assert table.top_row == 41
    table.place(40)
    assert table.top_row == 40
