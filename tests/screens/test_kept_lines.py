"""Lines that are kept from one painting to the next are those that would be painted anew."""

from __future__ import annotations

from asynqhub_tui.widgets.canvas import Canvas
from tests.screens.sample import sample
from tests.screens.stage import Desk, Stage


def check(desk: Desk) -> None:
    """Paint every canvas on the screen anew, and compare."""
    seen = 0
    for canvas in desk.app.screen.query(Canvas):
        kept = canvas._drawn
        if kept and canvas.display:
            canvas._drawn = []
            canvas._paint()
            assert kept == canvas._drawn, canvas
            assert all(strip.cell_length == canvas.size.width for strip in kept), canvas
            seen += len(kept)
    assert seen > 20


async def test_after_keys_themes_and_sizes(stage: Stage) -> None:
    stage.load(sample())
    async with stage.open((140, 40)) as desk:
        for tab in ("1", "enter", "3"):
            await desk.press("1", tab)
            for keys in (("j", "j", "k"), ("T",), ("G",), ("space",), ("g",), ("T",)):
                await desk.press(*keys)
                check(desk)
            for width, height in ((80, 24), (79, 24), (140, 40)):
                await desk.pilot.resize_terminal(width, height)
                await desk.rest()
                check(desk)
            stage.clock.passed += 7
            await desk.press("j")
            check(desk)
