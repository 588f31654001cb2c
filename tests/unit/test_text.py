"""Text that a database may hold must come out inert, and in the width it was given."""

from __future__ import annotations

import json
import sys
import unicodedata

import pytest
from rich.cells import cell_len

from asynqhub_tui.text import block, fit, fit_ends, json_text, one_line, wrap

EVERY_CHARACTER = [chr(code) for code in range(sys.maxunicode + 1)]

JOINERS = "\u200c\u200d"
"""Format characters that belong to words and emoji; they move nothing."""


def acts(char: str) -> bool:
    """Whether a terminal may do something else with a character than draw it."""
    return unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") or (
        unicodedata.bidirectional(char)
        in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
    )


def test_no_character_of_all_survives_that_a_terminal_acts_on() -> None:
    for convert in (one_line, json_text):
        line = "".join(convert(char) for char in EVERY_CHARACTER if char not in "\n\r\t")
        assert not [char for char in line if acts(char)]
    assert not [char for char in one_line("\n\r\t") if acts(char)]


def test_ordinary_text_stays_as_it_is() -> None:
    for text in (
        "map[url:fail-http://x/1]",
        "任务故意失败",
        "👩‍💻 é ñ",
        "[red]no markup[/red]",
        "",
    ):
        assert one_line(text) == text
        assert block(text) == text
        assert json_text(text) == text


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\nb", "a⏎b"),
        ("a\r\nb", "a⏎b"),
        ("a\rb", "a␍b"),
        ("a\tb", "a b"),
        ("\x1b[31mred\x1b[0m", "␛[31mred␛[0m"),
        ("\x9b31m", "\ufffd31m"),
        ("\x7f", "␡"),
        ("a\u202eb", "a·b"),
        ("\ud83d", "\ufffd"),
        ("\U000e0041", "·"),
    ],
)
def test_what_stands_in_for_a_control_character(text: str, line: str) -> None:
    assert one_line(text) == line


def test_a_megabyte_costs_one_line() -> None:
    assert len(one_line("x" * 1_000_000)) == 4096


def test_a_block_keeps_its_lines_and_expands_its_tabs() -> None:
    assert block("a\r\n\tb\n\x1b[2J") == "a\n    b\n␛[2J"


@pytest.mark.parametrize("char", ["\x7f", "\x9b", "\u2028", "\u202e", "\ud83d", "\U000e0041"])
def test_escaped_json_says_the_same(char: str) -> None:
    text = json.dumps(
        {f"key {char}": [f"\x1b{char}\n", 12345678901234567890, "任务"]}, ensure_ascii=False
    )
    escaped = json_text(text)
    assert char not in escaped
    assert json.loads(escaped) == json.loads(text)


def test_blanks_between_json_values_stay() -> None:
    assert json_text('{\r\n\t"a": 1}') == '{\r\n\t"a": 1}'


@pytest.mark.parametrize(
    "text", ["", "short", "a longer line of words", "任务故意失败了", "a任b务c", "👩‍💻🙂🙂"]
)
@pytest.mark.parametrize("width", range(12))
def test_fitted_text_has_the_width_exactly(text: str, width: int) -> None:
    for align in ("left", "right"):
        assert cell_len(fit(text, width, align=align)) == width
    assert cell_len(fit_ends(text, width)) <= width


def test_fitting_pads_or_cuts() -> None:
    assert fit("ab", 4) == "ab  "
    assert fit("ab", 4, align="right") == "  ab"
    assert fit("abcdef", 4) == "abc…"
    assert fit("任务故意", 6) == "任务 …"


def test_an_id_keeps_its_ends() -> None:
    assert fit_ends("5a69c0ffee00beef", 16) == "5a69c0ffee00beef"
    assert fit_ends("5a69c0ffee00beef", 9) == "5a69…beef"
    assert fit_ends("5a69c0ffee00beef", 10) == "5a69c…beef"
    assert fit_ends("5a69c0ffee00beef", 4) == "5a6…"
    assert fit_ends("任务故意失败了", 9) == "任务…败了"


def test_wrapping_keeps_every_character_and_the_width() -> None:
    text = "任务 failed: " + "x" * 30
    lines = wrap(text, 10, 20)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert max(map(cell_len, lines)) <= 10
