"""How the tests of keys go about: what a key does is told by an effect, for every key it has."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

import pytest

from asynqhub_tui.keys import Key
from tests.screens.sample import sample
from tests.screens.stage import Desk, Stage

Effect = Callable[[Desk, str], Awaitable[None]]
"""Presses the key with this name on a desk, and checks what comes of it; may be called again."""


def cases(keys: Sequence[Key], effects: Mapping[str, Effect]) -> pytest.MarkDecorator:
    """Parametrize a test with each key and its effect; a key without one is an error."""
    assert {key.id for key in keys} == effects.keys()
    return pytest.mark.parametrize(
        ("key", "effect"), [pytest.param(key, effects[key.id], id=key.id) for key in keys]
    )


async def check(stage: Stage, key: Key, effect: Effect, *lead: str) -> None:
    """Try every name of a key on the sample, behind the keys that lead there."""
    stage.load(sample())
    async with stage.open() as desk:
        for name in lead:
            await desk.press(name)
        for name in key.keys.split(","):
            await effect(desk, name)
