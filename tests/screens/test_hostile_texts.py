"""Whatever a row holds, no control character of it reaches the terminal."""

from __future__ import annotations

import unicodedata

import pytest

from tests.screens.sample import HOSTILE, hostile
from tests.screens.stage import Desk, Stage

JOINERS = "\u200c\u200d"
"""Format characters that a terminal does not act on, and that scripts and emoji need."""


def check_inert(desk: Desk) -> None:
    """Look through every cell of the screen."""
    for strip in desk.app.screen._compositor.render_strips():
        assert all(not segment.control for segment in strip)
        for char in strip.text:
            acts = unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")
            assert not acts or char in JOINERS, f"{char!r} in {strip.text!r}"


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
async def test_on_every_screen(stage: Stage, size: tuple[int, int]) -> None:
    stage.load(hostile())
    async with stage.open(size) as desk:
        await desk.pass_time(2)
        assert "[31mred" in desk.text
        for keys in (
            ("y",),
            ("escape", "w", "j"),
            ("enter",),
            ("slash", "space", "w", "o", "r", "k", "e", "r", "colon", "e"),
            ("escape", "j", "space", "enter"),
            ("tab", "tab", "y"),
            ("escape", "3"),
            ("X",),
            ("y",),
            ("y",),
            ("escape", "D"),
            ("escape",),
        ):
            await desk.press(*keys)
            check_inert(desk)
        assert "is disabled" in desk.note


async def test_in_a_report(stage: Stage) -> None:
    stage.load(hostile())
    async with stage.open() as desk:
        await desk.press("3", "D")
        await desk.see("while it has tasks")
        check_inert(desk)
        await desk.press("P")
        field = desk.app.screen.query_one("#deletion-input")
        field.value = f"evil{HOSTILE}"  # type: ignore[attr-defined]
        await desk.see("Enter to purge and delete it")
        check_inert(desk)
        await desk.press("enter")
        await desk.see("is deleted")
        check_inert(desk)
