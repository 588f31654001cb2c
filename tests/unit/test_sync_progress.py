"""What is said while a copy is made."""

from __future__ import annotations

import pytest

from asynqhub_tui.headless.output import ProgressLine
from asynqhub_tui.headless.sync_progress import REPORT, WIDTH, Progress


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def progress(clock: Clock) -> Progress:
    return Progress(ProgressLine(), clock=clock)


def test_a_bar_a_rate_and_what_is_left(progress: Progress, clock: Clock) -> None:
    progress.stage("copying task", 2_000, 1_000)
    clock.now = 10
    progress.advanced(1_250, 240)
    bar = "█" * (WIDTH // 4) + "░" * (WIDTH - WIDTH // 4)
    assert progress.words() == f"copying task {bar}  25%  240 rows, 24/s  30s left"
    assert progress.rows == 240


def test_nothing_is_foretold_at_once(progress: Progress, clock: Clock) -> None:
    progress.stage("copying task", 100, 0)
    clock.now = 1
    progress.advanced(50, 50)
    assert "left" not in progress.words()


def test_a_stage_of_nothing_is_complete(progress: Progress) -> None:
    progress.stage("looking through task", 0, 0)
    assert progress.words().endswith("100%")


def test_without_a_terminal_a_line_now_and_then(
    progress: Progress, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    progress.stage("copying task", 100, 0)
    for step in range(1, 5):
        clock.now = step * REPORT * 0.5
        progress.advanced(step * 10, 10)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("asynqhub-tui: copying task") for line in lines)
