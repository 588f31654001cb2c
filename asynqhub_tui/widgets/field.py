"""A field to type in."""

from __future__ import annotations

from textual.events import Key
from textual.suggester import Suggester
from textual.widgets import Input


class Field(Input):
    """A field of one line. Its cursor does not blink: that would send bytes all the time.

    Enter submits what stands there when it is read. Textual's own binding for it runs later, when
    keys that were typed behind it on a slow line are in the field already.
    """

    def __init__(self, id: str, *, placeholder: str = "", suggester: Suggester | None = None):
        super().__init__(
            placeholder=placeholder,
            suggester=suggester,
            compact=True,
            select_on_focus=False,
            id=id,
        )
        self.cursor_blink = False

    def on_key(self, event: Key) -> None:
        """Submit on enter."""
        if event.key == "enter":
            event.stop()
            event.prevent_default()
            self.post_message(self.Submitted(self, self.value))
