"""A field to type in."""

from __future__ import annotations

from rich.text import Text
from textual.suggester import Suggester
from textual.widgets import Input

from asynqhub_tui.text import one_line


class Field(Input):
    """A field of one line. Its cursor does not blink: that would send bytes all the time."""

    def __init__(self, id: str, *, placeholder: str = "", suggester: Suggester | None = None):
        super().__init__(
            placeholder=placeholder,
            suggester=suggester,
            compact=True,
            select_on_focus=False,
            id=id,
        )
        self.cursor_blink = False

    @property
    def _value(self) -> Text:
        # Textual paints the value as it is: what was pasted, or came from a row, must stay inert.
        # Character by character, so that the cursor stands where it should.
        return Text("".join(map(one_line, self.value)), no_wrap=True, overflow="ignore", end="")


class NumberField(Field):
    """A field for a number; what is no digit keeps its meaning as a key."""

    def __init__(self, id: str) -> None:
        super().__init__(id)
        self.restrict = r"[0-9]*"

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """Return whether a key is one to type here."""
        return character is not None and character.isdecimal()
