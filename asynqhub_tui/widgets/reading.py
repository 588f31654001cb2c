"""Whether a key can be an answer: nobody answers what was not on the screen when they typed."""

from __future__ import annotations

import math
from time import monotonic

from textual.events import Key
from textual.widget import Widget

GLANCE = 0.3
"""Seconds that a question stands before a single key answers it.

What comes sooner was under way before the question could be read: typed ahead, or over a slow line.
"""


class Reading:
    """Knows since when the question of a widget is on the screen, and how old a key is."""

    def __init__(self, widget: Widget) -> None:
        self._widget = widget
        self._question = 0
        self._painted_at = math.inf
        self._typed_at = -math.inf

    def begin(self) -> None:
        """Take note that another question is put, which is painted next."""
        self._question += 1
        self._painted_at = math.inf
        self._widget.call_after_refresh(self._painted, self._question)

    def typed(self, key: Key) -> None:
        """Take note of the key that is looked at now."""
        self._typed_at = key.time

    @property
    def seen(self) -> bool:
        """Whether the question was there when the key was typed: enough where much was typed."""
        return self._typed_at >= self._painted_at

    @property
    def read(self) -> bool:
        """Whether it had been there for long enough to be read."""
        return self._typed_at >= self._painted_at + GLANCE

    def _painted(self, question: int) -> None:
        if question == self._question:
            self._painted_at = monotonic()
