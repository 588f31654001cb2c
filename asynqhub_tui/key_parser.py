"""What the terminal sends, as keys: esc and the key behind it are two."""

from __future__ import annotations

from collections.abc import Iterable

from textual import events
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual._xterm_parser import XTermParser
from textual.message import Message

from asynqhub_tui.line import ANSWER


class Answered(events.Key):
    """No key: the terminal has shown what was sent before it was asked."""

    def __init__(self) -> None:
        super().__init__("", None)


class KeyParser(XTermParser):
    """Textual's parser, to which esc and a key soon behind it are that key with alt, or without.

    A terminal sends the same for both. Who presses esc and types on wants to leave what is open,
    and is not to be taken at the word of the next key there: esc is never lost. (With backspace,
    alt deletes a word, as everywhere.)
    """

    def feed(self, data: str) -> Iterable[Message]:
        """Read what has come; the terminal's answers may stand anywhere, in a paste too."""
        for _ in range(data.count(ANSWER)):
            yield Answered()
        rest = data.replace(ANSWER, "")
        if rest or not data:  # nothing at all is the end
            yield from super().feed(rest)

    def _sequence_to_key_events(self, sequence: str, alt: bool = False) -> Iterable[events.Key]:
        if sequence == ANSWER:  # it came in two pieces
            yield Answered()
            return
        taken_together = len(sequence) == 2 and sequence in ANSI_SEQUENCES_KEYS
        if alt or (taken_together and sequence[1].isprintable()):
            yield events.Key("escape", "\x1b")
            sequence = sequence[-1]
        yield from super()._sequence_to_key_events(sequence)
