"""A short list of choices, docked above the footer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual import events
from textual.message import Message

from asynqhub_tui.text import one_line
from asynqhub_tui.widgets.canvas import Canvas, Line, Piece
from asynqhub_tui.widgets.reading import Reading

MOST_ROWS = 12

ALWAYS = ("ctrl+c", "ctrl+z", "ctrl+l")
"""The keys that no menu takes."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One entry: the key that takes it at once (or none), its words, and its value."""

    key: str
    label: str
    value: str


class Menu(Canvas, can_focus=True):
    """Takes all keys while it is open, save those that it `passes` on to the screen.

    Enter or an entry's own key chooses, esc closes. A key that is typed ahead means an entry, read
    or not, save in a menu whose choices write.
    """

    class Chosen(Message):
        """An entry was chosen; `subject` says of which menu."""

        def __init__(self, subject: str, value: str) -> None:
            super().__init__()
            self.subject = subject
            self.value = value

    class Closed(Message):
        """It was closed without a choice."""

    def __init__(self, *, passes: Sequence[str] = ()) -> None:
        super().__init__(id="menu")
        self._passed = frozenset((*ALWAYS, *passes))
        self.display = False
        self._subject = ""
        self._title = ""
        self._choices: Sequence[Choice] = ()
        self._cursor = 0
        self._writes = False
        self._reading = Reading(self)

    @property
    def is_open(self) -> bool:
        """Whether it is shown."""
        return self.display

    @property
    def height_open(self) -> int:
        """Its lines, those of its title and of its choices."""
        return min(len(self._choices), MOST_ROWS) + 1

    def open(
        self,
        subject: str,
        title: str,
        choices: Sequence[Choice],
        *,
        cursor: int = 0,
        writes: bool = False,
    ) -> None:
        """Show choices; `subject` comes back with the answer.

        Of a menu that `writes`, nothing is chosen by a key from before it could be read.
        """
        self._subject, self._title, self._choices = subject, title, choices
        self._cursor, self._writes = cursor, writes
        self._reading.begin()
        self.styles.height = self.height_open
        self.display = True
        self.screen.set_focus(self)  # at once: the next key may be there already
        self.redraw()

    def close(self) -> None:
        """Hide it."""
        self.display = False
        self.screen.set_focus(None)

    def lines(self, width: int, height: int) -> Sequence[Line]:
        """Return title and entries, scrolled to the cursor."""
        rows = max(height - 1, 1)
        top = max(0, min(self._cursor - rows + 1, len(self._choices) - rows))
        lines = [
            Line(
                [
                    Piece(f" {one_line(self._title)}", "strong"),
                    Piece("   enter chooses   esc closes", "dim"),
                ]
            )
        ]
        for at in range(top, min(top + rows, len(self._choices))):
            choice = self._choices[at]
            here = at == self._cursor
            pieces = [
                Piece(" ▌ " if here else "   ", "accent"),
                Piece(f"{choice.key or ' '}  ", "key"),
                Piece(one_line(choice.label)),
            ]
            lines.append(Line(pieces, "cursor" if here else ""))
        return lines

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """While it is open, no key means anything else."""
        return key not in self._passed

    def on_key(self, event: events.Key) -> None:
        """Move, choose or close."""
        if event.key in self._passed:
            return
        event.stop()
        event.prevent_default()
        self._reading.typed(event)
        if event.key in ("escape", "q"):
            self.close()
            self.post_message(self.Closed())
        elif event.key in ("down", "j", "tab"):
            self._move(1)
        elif event.key in ("up", "k"):
            self._move(-1)
        elif self._writes and not self._reading.read:
            return
        elif event.key == "enter":
            self._choose(self._cursor)
        else:
            for at, choice in enumerate(self._choices):
                if choice.key and choice.key == event.character:
                    self._choose(at)
                    break

    def on_click(self, event: events.Click) -> None:
        """Choose the clicked entry."""
        rows = max(self.size.height - 1, 1)
        top = max(0, min(self._cursor - rows + 1, len(self._choices) - rows))
        if 1 <= event.y <= len(self._choices) - top:
            self._choose(top + event.y - 1)

    def _move(self, step: int) -> None:
        self._cursor = (self._cursor + step) % max(len(self._choices), 1)
        self.redraw()

    def _choose(self, at: int) -> None:
        choice = self._choices[at]
        self.close()
        self.post_message(self.Chosen(self._subject, choice.value))
