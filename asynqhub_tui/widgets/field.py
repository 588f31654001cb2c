"""A field to type in."""

from __future__ import annotations

from rich.text import Text
from textual.binding import BindingsMap
from textual.events import Key
from textual.suggester import Suggester
from textual.widgets import Input

from asynqhub_tui.text import one_line

_ACTIONS = {
    key: found[0].action for key, found in BindingsMap(Input.BINDINGS).key_to_bindings.items()
}
"""What keys such as enter and left do in a field."""


class Field(Input):
    """A field of one line. Its cursor does not blink: that would send bytes all the time.

    All keys take effect in the order in which they were typed. Textual itself runs what is bound
    to a key later than it inserts the characters that came behind it on a slow line.
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

    @property
    def _value(self) -> Text:
        # Textual paints the value as it is: what was pasted, or came from a row, must stay inert.
        # Character by character, so that the cursor stands where it should.
        return Text("".join(map(one_line, self.value)), no_wrap=True, overflow="ignore", end="")

    async def on_key(self, event: Key) -> None:
        """Do what is bound to the key, here and now."""
        action = _ACTIONS.get(event.key)
        if action is not None:
            event.stop()
            event.prevent_default()
            await self.run_action(action)
