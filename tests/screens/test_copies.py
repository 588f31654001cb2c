"""The dashboard on a copy: what it says of itself, and what it does not let one do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.screens.sample import sample
from tests.screens.stage import Desk, Stage

SOURCE = "db1.example:5432/asynqhub"


def make_copy(desk: Desk) -> None:
    """Let the store be a copy."""
    hub = desk.app.session.hub
    assert hub is not None
    hub.info = replace(hub.info, copy_of=SOURCE)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
@pytest.mark.parametrize("key", ["D", "X"])
async def test_what_would_not_last_is_refused_before_anything_is_asked(
    stage: Stage, key: str, size: tuple[int, int]
) -> None:
    stage.load(sample())
    async with stage.open(size) as desk:
        make_copy(desk)
        await desk.press("3", key)
        assert "its source would bring back what is changed here" in desk.note
        assert "Disable worker" not in desk.text
        assert "Delete worker" not in desk.text
