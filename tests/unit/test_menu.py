"""Every entry of every menu can be taken by the key that stands before it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.app import App, ComposeResult

from asynqhub_tui import copying
from asynqhub_tui.widgets.canvas import COMPONENTS
from asynqhub_tui.widgets.menu import MOST_ROWS, Choice, Menu

MOVES = ("j", "k", "q")
"""What these keys do in a menu comes before an entry's own key."""


class OneMenu(App[None]):
    """An application that holds nothing but a menu."""

    COMPONENT_CLASSES = COMPONENTS
    BINDINGS = [("x", "note('x')"), ("enter", "note('enter')")]  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__()
        self.chosen: list[tuple[str, str]] = []
        self.noted: list[str] = []

    def compose(self) -> ComposeResult:
        yield Menu()

    def on_menu_chosen(self, message: Menu.Chosen) -> None:
        self.chosen.append((message.subject, message.value))

    def action_note(self, key: str) -> None:
        self.noted.append(key)


def choices(number: int) -> list[Choice]:
    return [
        Choice(str(at) if at < 10 else "", f"entry {at}", f"value {at}") for at in range(number)
    ]


Use = Callable[[Callable[[OneMenu, Menu, Any], Awaitable[None]]], Awaitable[None]]


@pytest.fixture
def use() -> Use:
    async def run(steps: Callable[[OneMenu, Menu, Any], Awaitable[None]]) -> None:
        app = OneMenu()
        async with app.run_test(size=(60, 24)) as pilot:
            await steps(app, app.query_one(Menu), pilot)

    return run


async def test_enter_takes_the_entry_of_the_cursor(use: Use) -> None:
    async def steps(app: OneMenu, menu: Menu, pilot: Any) -> None:
        menu.open("what", "Title", choices(3))
        await pilot.press("j", "down", "tab", "k", "enter")
        assert app.chosen == [("what", "value 2")]
        assert not menu.is_open
        assert app.noted == []

    await use(steps)


async def test_an_entry_is_taken_by_its_key(use: Use) -> None:
    async def steps(app: OneMenu, menu: Menu, pilot: Any) -> None:
        menu.open("what", "Title", choices(12))
        await pilot.press("7")
        assert app.chosen == [("what", "value 7")]

    await use(steps)


@pytest.mark.parametrize("key", ["escape", "q"])
async def test_it_is_left_without_a_choice(use: Use, key: str) -> None:
    async def steps(app: OneMenu, menu: Menu, pilot: Any) -> None:
        menu.open("what", "Title", choices(3))
        await pilot.press(key)
        assert not menu.is_open
        assert app.chosen == []

    await use(steps)


async def test_while_it_is_open_no_key_means_anything_else(use: Use) -> None:
    async def steps(app: OneMenu, menu: Menu, pilot: Any) -> None:
        menu.open("what", "Title", choices(3))
        await pilot.press("x", "9")
        assert menu.is_open
        await pilot.press("escape", "x")
        assert app.noted == ["x"]

    await use(steps)


async def test_a_long_menu_scrolls_to_its_cursor(use: Use) -> None:
    async def steps(app: OneMenu, menu: Menu, pilot: Any) -> None:
        menu.open("what", "Title", choices(40), cursor=30)
        for _ in range(45):
            lines = ["".join(piece.text for piece in line.pieces) for line in menu.lines(60, 13)]
            assert len(lines) == MOST_ROWS + 1
            assert sum("▌" in line for line in lines) == 1
            await pilot.press("j")
        await pilot.press("enter")
        assert app.chosen == [("what", f"value {(30 + 45) % 40}")]

    await use(steps)


def test_no_choice_has_a_key_that_moves() -> None:
    keys = [key for key, _, _ in copying.TASK_CHOICES]
    assert not set(keys) & {*MOVES, "m", "l"}
    assert len(set(keys)) == len(keys)
