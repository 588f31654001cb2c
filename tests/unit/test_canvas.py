"""A repainted span over the old cells gives the new line, whatever the characters."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from asynqhub_tui.widgets.canvas import Piece, _difference, clip, spread, width_of

WIDTH = 24
STYLES = (None, Style(bold=True), Style(color="red"))
LETTERS = [
    "a",
    "b",
    " ",
    "…",
    "任",
    "务",
    "🚀",
    "e\u0301",
    "务\u0301",
    "\u0301",
    "نص",
    "▂",
    "│",
    "ﾊ",
]
"""Of one cell and of two, and with a mark that takes none."""


def strip(random: Random) -> Strip:
    segments = []
    for _ in range(random.randrange(1, 6)):
        text = "".join(random.choices(LETTERS, k=random.randrange(0, 6)))
        segments.append(Segment(text, random.choice(STYLES)))
    return Strip(segments).adjust_cell_length(WIDTH)


def like(random: Random, old: Strip) -> Strip:
    """Return a line that differs from `old` in little, or not at all."""
    cut = sorted(random.randrange(WIDTH + 1) for _ in range(2))
    middle = strip(random).crop(0, cut[1] - cut[0])
    joined = Strip.join([old.crop(0, cut[0]), middle, old.crop(cut[1], WIDTH)])
    return joined.adjust_cell_length(WIDTH)


Cell = tuple[str, Style | None]


def cells(line: Strip) -> list[Cell]:
    """What a terminal shows in each cell; the second one of a wide character is empty."""
    shown: list[Cell] = []
    for text, style, _ in line:
        for char in text:
            size = cell_len(char)
            if size:
                shown.append((char, style))
                shown += [("", style)] * (size - 1)
            elif shown:
                at = len(shown) - 1
                while at and shown[at][0] == "":
                    at -= 1
                shown[at] = (shown[at][0] + char, shown[at][1])
    return shown


def write_over(shown: Sequence[Cell], at: int, written: Sequence[Cell]) -> list[Cell]:
    """Write cells as a terminal does: half of a wide character that is hit becomes a blank."""
    after = list(shown)
    end = at + len(written)
    if at < len(after) and after[at][0] == "":
        after[at - 1] = ("broken", None)
    if end < len(after) and after[end][0] == "":
        after[end] = ("broken", None)
    after[at:end] = written
    return after


@pytest.mark.parametrize("seed", range(12))
def test_the_span_that_differs_is_enough(seed: int) -> None:
    random = Random(seed)
    for number in range(50):
        old = strip(random)
        new = like(random, old) if number % 3 else strip(random)
        span = _difference(old, new)
        if span is None:
            assert cells(old) == cells(new)
            continue
        start, end = span
        written = cells(new.crop(start, end))
        assert len(written) == end - start
        assert write_over(cells(old), start, written) == cells(new)


@pytest.mark.parametrize(
    ("old", "new", "span"),
    [
        ("same", "same", None),
        ("abc", "abX", (2, 3)),
        ("任务a", "任务b", (4, 5)),
        ("任务a", "任x a", (2, 4)),
        ("任a", "xya", (0, 2)),
        ("xya", "任a", (0, 2)),
        ("a任b", "a务b", (1, 3)),
    ],
)
def test_the_span_is_no_wider_than_it_must_be(
    old: str, new: str, span: tuple[int, int] | None
) -> None:
    assert _difference(Strip([Segment(old)]), Strip([Segment(new)])) == span


def test_a_change_of_style_alone_is_a_difference() -> None:
    old, new = Strip([Segment("abc")]), Strip([Segment("a"), Segment("bc", Style(bold=True))])
    assert _difference(old, new) == (1, 3)


def test_other_segments_of_the_same_cells_are_none() -> None:
    assert _difference(Strip([Segment("abc")]), Strip([Segment("a"), Segment("bc")])) is None


@pytest.mark.parametrize("width", range(14))
def test_clipped_pieces_have_the_width_exactly(width: int) -> None:
    pieces = [Piece("ab", "dim"), Piece("任务"), Piece(" end", "fail")]
    clipped = clip(pieces, width)
    assert width_of(clipped) == width
    if 0 < width < 10:
        assert "".join(piece.text for piece in clipped).rstrip()


def test_what_is_cut_off_is_told_unless_it_is_blank() -> None:
    def text(width: int) -> str:
        return "".join(piece.text for piece in clip([Piece("ab "), Piece("cdef   ")], width))

    assert [text(width) for width in (5, 7, 8)] == ["ab c…", "ab cdef", "ab cdef "]


@pytest.mark.parametrize("width", range(20))
def test_the_right_end_is_kept_before_the_left(width: int) -> None:
    line = spread([Piece("left side")], [Piece("right")], width)
    assert width_of(line) == width
    text = "".join(piece.text for piece in line)
    if width >= 6:
        assert text.endswith("right")
