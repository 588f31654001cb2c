"""The filter: what it is, how many tasks it finds, and the field to change it."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.events import Key
from textual.message import Message
from textual.suggester import Suggester
from textual.widgets import Input, Static

from asynqhub_tui import query
from asynqhub_tui.models import OVERDUE, STATUSES
from asynqhub_tui.text import one_line
from asynqhub_tui.view import View
from asynqhub_tui.widgets.canvas import Ends, Piece
from asynqhub_tui.widgets.field import Field

PLACEHOLDER = "status:failed worker:NAME queue:GROUP since:1h, or a task id or its beginning"


class FilterSuggester(Suggester):
    """Completes the last word of a filter from what the installation has."""

    def __init__(self, view: View) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._view = view

    async def get_suggestion(self, value: str) -> str | None:
        """Return the whole text with its last word completed."""
        head, _, word = value.rpartition(" ")
        if not word:
            return None
        key, colon, begun = word.partition(":")
        if not colon:
            options = [f"{one}:" for one in query.KEYS]
        else:
            options = [f"{key}:{one}" for one in self._values(key)]
            word = f"{key}:{begun}"
        fitting = (one for one in options if one.startswith(word) and one != word)
        found = next((one for one in fitting if one_line(one) == one), None)
        if found is None:
            return None
        return f"{head} {found}" if head else found

    def _values(self, key: str) -> Sequence[str]:
        workers = self._view.workers
        if key == "status":
            return (query.FAILED, *STATUSES, OVERDUE)
        if key == "worker":
            return list(workers)
        if key == "queue":
            groups = {group.name for worker in workers.values() for group in worker.queue_groups}
            full = [queue for worker in workers.values() for queue in worker.queues()]
            return [*sorted(groups), *full]
        return ("15m", "1h", "24h", "7d") if key == "since" else ()


FILTER_HINTS = (
    ("enter", "applies"),
    ("tab", "completes"),
    ("up down", "earlier"),
    ("esc", "leaves"),
)
"""What the keys do that the field does not take for text."""


class FilterInput(Field):
    """The field; the arrow keys walk through earlier filters."""

    def __init__(self, view: View) -> None:
        self._completer = FilterSuggester(view)
        super().__init__("filter-input", placeholder=PLACEHOLDER, suggester=self._completer)
        self._history: list[str] = []
        self._at = 0

    def remember(self, text: str) -> None:
        """Add a filter to the history."""
        if text:
            self._history = [*(one for one in self._history if one != text), text]
        self._at = len(self._history)

    async def on_key(self, event: Key) -> None:
        """Walk through the history, and complete with tab."""
        if event.key in ("up", "down") and self._history:
            event.stop()
            event.prevent_default()
            step = -1 if event.key == "up" else 1
            self._at = max(0, min(self._at + step, len(self._history)))
            self.value = self._history[self._at] if self._at < len(self._history) else ""
            self.cursor_position = len(self.value)
        elif event.key == "tab":
            event.stop()
            event.prevent_default()
            await self._complete()

    async def _complete(self) -> None:
        # The suggestion that is shown may be one for what was there before the last character.
        found = await self._completer.get_suggestion(self.value) if self.cursor_at_end else None
        if found is None:
            self.action_cursor_right_word()
        else:
            self.value = found
            self.cursor_position = len(found)


class FilterLine(Horizontal):
    """The summary, which gives way to the field while it is edited."""

    class Submitted(Message):
        """The user has entered a filter's text."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, view: View) -> None:
        super().__init__(id="filter-line")
        self.input = FilterInput(view)
        self.input.display = False
        self._prompt = Static(" /", id="filter-prompt", markup=False)
        self._prompt.display = False
        self._summary = Ends(id="filter-summary")

    def compose(self) -> ComposeResult:
        """Yield field and summary; the field shows only while it is edited."""
        yield self._prompt
        yield self.input
        yield self._summary

    @property
    def editing(self) -> bool:
        """Whether the field is shown."""
        return self.input.display

    def edit(self, text: str) -> None:
        """Show the field with a text in it."""
        field = self.input
        field.value = f"{text} " if text else ""
        field.display = True
        self._prompt.display = True
        self._summary.display = False
        self.screen.set_focus(field)  # at once: the next key may be there already
        field.cursor_position = len(field.value)

    def close(self) -> None:
        """Show the summary again."""
        self.input.display = False
        self._prompt.display = False
        self._summary.display = True
        self.screen.set_focus(None)

    def show(self, text: str, found: str, order: str, *, unseen: str = "") -> None:
        """Show which filter holds, what it finds and in which order."""
        left = [Piece(" / ", "key"), Piece(one_line(text) or "all tasks", "" if text else "dim")]
        right = [Piece(f"{unseen}  ", "accent")] if unseen else []
        right += [Piece(found, "strong"), Piece(f"  {order}", "dim")]
        self._summary.show(left, right)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Hand the text on."""
        event.stop()
        text = " ".join(event.value.split())
        self.input.remember(text)
        self.post_message(self.Submitted(text))
