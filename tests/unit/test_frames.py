"""The frames that reach the terminal show what Textual's own would, in fewer bytes."""

from __future__ import annotations

import functools
import random
from collections.abc import Sequence

import pyte
import pytest
from rich.cells import cell_len

from asynqhub_tui.frames import Frames, FullFrames

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
TEXTS = (
    "pending",
    " ",
    "  ",
    " " * 25,
    "✓ success",
    "任务失败",
    "a",
    "▁▂▃█",
    "e\u0301te",
    "12m",
    "🚀",
    "x🚀y",
    "한글",
    "ñ",
)

DISPUTED = ("👩‍👩‍👧", "❤\ufe0f", "👍🏽", "👨‍🚀", "1\ufe0f\u20e3")
"""Two cells each to Textual, and another number to many terminals, the tests' own among them."""

STAND_IN = "置"


def size(text: str) -> int:
    """Return how many cells a text takes."""
    return cell_len(text)


def frame(randomness: random.Random, texts: Sequence[str] = TEXTS) -> str:
    """Return a frame as Textual writes one: some lines, or all of them, from some column on."""
    whole = randomness.random() < 0.2
    rows = range(1, HEIGHT + 1)
    chosen = rows if whole else sorted(randomness.sample(rows, randomness.randint(1, 4)))
    lines = []
    for row in chosen:
        column = 1 if whole else randomness.choice((1, 1, 3, 20))
        line, room = f"\x1b[{row};{column}H", WIDTH - column + 1
        while room > 0:
            text = randomness.choice(texts)
            if size(text) > room:
                text = " " * room
            style = randomness.choice(STYLES)
            line += f"\x1b[{style}m{text}\x1b[0m" if style else text
            room -= size(text)
        lines.append(line)
    return "\n".join(lines) + f"\x1b[{randomness.randint(1, HEIGHT)};1H"


def cells(screen: pyte.Screen) -> list[list[pyte.screens.Char]]:
    """Return every cell; what bold and colour a blank would be drawn in does not show.

    The second half of a wide character is a blank, as it is where the first one is overwritten.
    """
    return [
        [
            char if char.data.strip() else char._replace(data=" ", fg="default", bold=False)
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

    def write(self, *frames: str) -> str:
        """Write frames, of which the line takes the last state."""
        for data in frames:
            self.frames.write(data)
            pyte.Stream(self.whole).feed(data)
        self.sent = self.frames.take()
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


@pytest.mark.parametrize("seed", range(6))
def test_the_screen_is_the_same(seed: int, pair: Pair) -> None:
    randomness = random.Random(seed)
    for _ in range(25):
        pair.write(frame(randomness))
        pair.check()


@pytest.mark.parametrize("seed", range(6))
def test_frames_that_were_merged_show_the_last_state(seed: int, pair: Pair) -> None:
    randomness = random.Random(seed)
    for _ in range(12):
        pair.write(*(frame(randomness) for _ in range(randomness.randint(2, 5))))
        pair.check()


@pytest.mark.parametrize("seed", range(4))
def test_where_terminals_differ_the_rest_of_the_line_stands_in_its_place(
    seed: int, pair: Pair
) -> None:
    """It would not, if the terminal got what Textual writes; here it does all the same."""
    randomness = random.Random(seed)
    for _ in range(25):
        sent = frame(randomness, TEXTS + DISPUTED)
        meant = functools.reduce(lambda text, one: text.replace(one, STAND_IN), DISPUTED, sent)
        pair.frames.write(sent)
        pyte.Stream(pair.whole).feed(meant)
        pyte.Stream(pair.reduced).feed(pair.frames.take())
        for is_so, should in zip(cells(pair.reduced), cells(pair.whole), strict=True):
            disputed = {
                at + half for at in range(WIDTH) for half in (0, 1) if should[at].data == STAND_IN
            }
            assert all(at in disputed or is_so[at] == should[at] for at in range(WIDTH))


def test_a_terminal_that_draws_an_emoji_narrow_keeps_nothing_beside_it(pair: Pair) -> None:
    pair.write("\x1b[1;1H\x1b[31mabcdefgh\x1b[0m\x1b[1;1H")
    pair.write("\x1b[1;1H\x1b[31m⚠\ufe0f zzzzz\x1b[0m\x1b[1;1H")
    assert pair.reduced.display[0].replace("\ufe0f", "").startswith("⚠  zzzzz ")


def test_whole_lines_are_sent_where_that_is_asked_for() -> None:
    frames = FullFrames()
    line = "\x1b[1;1H\x1b[31mone\x1b[0m\x1b[1;10H\x1b[32m{}\x1b[0m\x1b[1;1H"
    for text in ("two", "two", "three"):
        frames.write(line.format("six"))
        frames.write(line.format(text))
        sent = frames.take()
        assert "one" in sent
        assert text in sent
        assert "six" not in sent  # merged here, too


def test_what_was_not_taken_in_time_is_never_sent(pair: Pair) -> None:
    line = "\x1b[3;1H\x1b[31m{}\x1b[0m\x1b[1;1H"
    sent = pair.write(*(line.format(f"{number:03}") for number in range(100)))
    assert sent == "\x1b[0;31m".join(("\x1b[3;1H", "099\x1b[1;1H"))
    assert pair.write(line.format("100"), line.format("099")) == ""


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
        assert pair.write(sequence) == sequence
    line = "\x1b[1;1H\x1b[31ma\x1b[0m"
    sent = pair.write("\x1b[?1049h", line, "\x1b[2J", line)
    places = [sent.index("\x1b[?1049h"), sent.index("a"), sent.index("\x1b[2J"), sent.rindex("a")]
    assert places == sorted(places)


def test_a_frame_is_shown_at_once_where_the_terminal_knows_how(pair: Pair) -> None:
    line = "\x1b[1;1H\x1b[31m{}\x1b[0m"
    sent = pair.write("\x1b[?2026h", line.format("a"), "\x1b[?2026l")
    assert (sent.startswith("\x1b[?2026h"), sent.endswith("a\x1b[?2026l")) == (True, True)
    assert pair.write("\x1b[?2026h", line.format("a"), "\x1b[?2026l") == ""


def test_the_shell_gets_its_own_colours_back(pair: Pair) -> None:
    pair.write("\x1b[1;1H\x1b[31mred\x1b[0m")
    assert pair.write("\x1b[?1049l") == "\x1b[0m\x1b[?1049l"


def test_the_other_screen_is_not_taken_for_known(pair: Pair) -> None:
    line = "\x1b[3;1H\x1b[31mone\x1b[0m\x1b[1;1H"
    pair.write(line)
    pair.write("\x1b[?1049h")
    assert "one" in pair.write(line)
