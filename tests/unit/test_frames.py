"""The frames that reach the terminal show what Textual's own would, in fewer bytes."""

from __future__ import annotations

import random

import pyte
import pytest

from asynqhub_tui.frames import Frames

WIDTH, HEIGHT = 60, 12

STYLES = (
    "38;5;251;48;5;233",
    "1;38;5;75;48;5;233",
    "38;5;245;48;5;59",
    "31",
    "1;97;41",
    "4;38;2;1;2;3",
    "",
)
TEXTS = ("pending", " ", "  ", " " * 25, "✓ success", "任务失败", "a", "▁▂▃█", "e\u0301te", "12m")


def frame(randomness: random.Random) -> str:
    """Return a frame as Textual writes one: some lines, or all of them, from some column on."""
    whole = randomness.random() < 0.2
    rows = range(1, HEIGHT + 1)
    chosen = rows if whole else sorted(randomness.sample(rows, randomness.randint(1, 4)))
    lines = []
    for row in chosen:
        column = 1 if whole else randomness.choice((1, 1, 3, 20))
        line, room = f"\x1b[{row};{column}H", WIDTH - column + 1
        while room > 0:
            text = randomness.choice(TEXTS)[:room]
            size = sum(2 if char > "\u3000" else char != "\u0301" for char in text)
            if size > room:
                text, size = " " * room, room
            style = randomness.choice(STYLES)
            line += f"\x1b[{style}m{text}\x1b[0m" if style else text
            room -= size
        lines.append(line)
    return "\n".join(lines) + f"\x1b[{randomness.randint(1, HEIGHT)};1H"


def cells(screen: pyte.Screen) -> list[list[pyte.screens.Char]]:
    """Return every cell; what bold and colour a blank would be drawn in does not show."""
    return [
        [
            char._replace(fg="default", bold=False) if char.data == " " else char
            for char in (screen.buffer[row][column] for column in range(WIDTH))
        ]
        for row in range(HEIGHT)
    ]


class Pair:
    """Two terminals: one gets all that Textual writes, one what is left of it."""

    def __init__(self, *, erases: bool = False) -> None:
        self.frames = Frames(erases=erases)
        self.whole = pyte.Screen(WIDTH, HEIGHT)
        self.reduced = pyte.Screen(WIDTH, HEIGHT)
        self.sent = ""
        for screen in (self.whole, self.reduced):
            screen.reset_mode(7, private=True)  # as Textual, which never wraps

    def write(self, data: str) -> str:
        self.sent = self.frames.reduce(data)
        pyte.Stream(self.whole).feed(data)
        pyte.Stream(self.reduced).feed(self.sent)
        return self.sent

    def check(self) -> None:
        assert cells(self.reduced) == cells(self.whole)
        assert (self.reduced.cursor.x, self.reduced.cursor.y) == (
            self.whole.cursor.x,
            self.whole.cursor.y,
        )


@pytest.fixture(params=[False, True], ids=["writes blanks", "erases"])
def pair(request: pytest.FixtureRequest) -> Pair:
    return Pair(erases=request.param)


@pytest.mark.parametrize("seed", range(40))
def test_the_screen_is_the_same(seed: int, pair: Pair) -> None:
    randomness = random.Random(seed)
    for _ in range(25):
        pair.write(frame(randomness))
        pair.check()


def test_a_frame_that_changes_nothing_sends_nothing(pair: Pair) -> None:
    line = "\x1b[3;1H\x1b[1;31mone\x1b[0m\x1b[32m two\x1b[0m\x1b[1;1H"
    assert pair.write(line)
    assert pair.write(line) == ""


def test_one_changed_cell_sends_little_more_than_itself(pair: Pair) -> None:
    line = "\x1b[3;1H\x1b[31mabc\x1b[0m\x1b[32m{}\x1b[0m" + "\x1b[33mdef\x1b[0m" * 9 + "\x1b[1;1H"
    pair.write(line.format("x"))
    assert pair.write(line.format("y")) == "\x1b[3;4H\x1b[32my\x1b[1;1H"
    pair.check()


def test_a_wide_character_is_sent_whole(pair: Pair) -> None:
    line = "\x1b[1;1H\x1b[31m{}务\x1b[0m\x1b[1;1H"
    pair.write(line.format("任"))
    assert "务" not in pair.write(line.format("失"))
    pair.check()
    pair.write(line.format("ab"))
    pair.check()


def test_after_forgetting_all_is_sent_again(pair: Pair) -> None:
    line = "\x1b[3;1H\x1b[31mone\x1b[0m\x1b[1;1H"
    first = pair.write(line)
    pair.reduced.erase_in_display(2)
    pair.frames.forget()
    assert len(pair.write(line)) >= len(first) - len("\x1b[1;1H")
    pair.check()


def test_what_is_no_frame_passes_in_its_place(pair: Pair) -> None:
    for sequence in ("\x1b[?25l", "\x1b]52;c;YWI=\x07", "\x1b[?2026$p", "\x1b[>25u", "\x07"):
        assert pair.frames.reduce(sequence) == sequence
    both = pair.frames.reduce("\x1b[?2026h\x1b[1;1H\x1b[31ma\x1b[0m\x1b[?2026l")
    assert both.startswith("\x1b[?2026h")
    assert both.endswith("a\x1b[?2026l")


def test_the_shell_gets_its_own_colours_back(pair: Pair) -> None:
    pair.write("\x1b[1;1H\x1b[31mred\x1b[0m")
    assert pair.frames.reduce("\x1b[?1049l") == "\x1b[0m\x1b[?1049l"


def test_the_other_screen_is_not_taken_for_known(pair: Pair) -> None:
    line = "\x1b[3;1H\x1b[31mone\x1b[0m\x1b[1;1H"
    pair.frames.reduce(line)
    pair.frames.reduce("\x1b[?1049h")
    assert "one" in pair.frames.reduce(line)
