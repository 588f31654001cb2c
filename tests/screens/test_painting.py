"""Only what has changed is painted: over a slow line everything else would cost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import PropertyMock, patch

from asynqhub_tui.figures import TimeFormat
from asynqhub_tui.widgets.canvas import Canvas
from tests.screens.sample import sample, task_id
from tests.screens.stage import Stage


class Painted:
    """The lines that Textual has asked for, by their widget's id."""

    def __init__(self) -> None:
        self.lines: list[tuple[str | None, int]] = []

    def of(self, id: str) -> set[int]:
        """The lines of one widget."""
        return {y for name, y in self.lines if name == id}


@contextmanager
def painted() -> Iterator[Painted]:
    """Take note of what is painted within the block."""
    seen = Painted()
    real = Canvas.render_line

    def render_line(self: Canvas, y: int) -> object:
        seen.lines.append((self.id, y))
        return real(self, y)

    with patch.object(Canvas, "render_line", render_line):
        yield seen


async def test_a_poll_without_news_paints_nothing(stage: Stage) -> None:
    stage.load(sample())
    async with stage.open((160, 40), times=TimeFormat.UTC) as desk:
        await desk.pass_time(3)  # no age is near its next step
        asked = desk.faults.calls["changes"]
        with painted() as seen:
            await desk.pass_time(2)
        assert desk.faults.calls["changes"] == asked + 1
        assert seen.lines == []


async def test_a_row_that_changed_is_painted_alone(stage: Stage) -> None:
    stage.load(sample())
    async with stage.open(times=TimeFormat.UTC) as desk:
        stage.change("UPDATE task SET status = 'dead' WHERE task_id = ?", task_id(4))
        with painted() as seen:
            await desk.pass_time(2)
            await desk.see("† dead")
        assert seen.lines
        assert set(seen.lines) == {("tasks", 5)}


async def test_a_step_of_the_cursor_paints_two_rows(stage: Stage) -> None:
    stage.load(sample())
    async with stage.open() as desk:
        with painted() as seen:
            await desk.press("j")
        assert set(seen.lines) == {("tasks", 1), ("tasks", 2)}


async def test_ages_are_painted_in_steps(stage: Stage) -> None:
    stage.load(sample())
    async with stage.open() as desk:
        await desk.pass_time(3)
        with painted() as seen:
            await desk.pass_time(2)
        assert not {1, 2} & seen.of("tasks")
        with painted() as seen:
            await desk.pass_time(3)
        assert 1 in seen.of("tasks")
        assert len(seen.of("tasks")) < 5


async def test_the_style_is_put_together_once_a_painting(stage: Stage) -> None:
    stage.load(sample())
    async with stage.open() as desk:
        table = desk.tasks.table
        style = table.rich_style
        with patch.object(Canvas, "rich_style", new_callable=PropertyMock) as asked:
            asked.return_value = style
            table.redraw()
        assert asked.call_count == 1


async def test_another_screen_is_not_held_back(stage: Stage) -> None:
    stage.load(sample())
    async with stage.open() as desk:
        desk.app.switch_mode("workers")
        assert not desk.app._batch_count  # Textual would paint nothing for 50 ms
        await desk.see("tasks of the last hour")
