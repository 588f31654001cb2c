"""Stylesheets that are parsed once in a process: each dashboard would parse them six times."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from textual.css.stylesheet import Stylesheet


@contextmanager
def parsed_once() -> Iterator[None]:
    """Let stylesheets of all apps share what they have parsed, by text, place and variables."""
    real = Stylesheet._parse_rules
    parsed: dict[object, Any] = {}

    def parse_rules(self: Stylesheet, *args: Any, **kwargs: Any) -> Any:
        key = (frozenset(self._variables.items()), args, frozenset(kwargs.items()))
        if key not in parsed:
            parsed[key] = real(self, *args, **kwargs)
        return parsed[key]

    with patch.object(Stylesheet, "_parse_rules", parse_rules):
        yield
