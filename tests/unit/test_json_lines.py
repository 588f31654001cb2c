"""JSON on the screen says what the text says."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from asynqhub_tui.widgets.json_lines import LONG, JsonLine, json_lines


def texts(lines: list[JsonLine]) -> list[str]:
    return ["".join(piece.text for piece in line.pieces) for line in lines]


def tones(source: str) -> list[str]:
    return [piece.tone for line in json_lines(source) for piece in line.pieces if piece.tone]


def value(random: Random, depth: int = 0) -> Any:
    kind = random.randrange(8 if depth < 4 else 6)
    if kind == 6:
        return [value(random, depth + 1) for _ in range(random.randrange(4))]
    if kind == 7:
        return {f"k{n} 任": value(random, depth + 1) for n in range(random.randrange(4))}
    return [None, True, False, 17, 'text "with" \\ all', -0.5][kind]


@pytest.mark.parametrize("seed", range(60))
def test_the_lines_are_the_document(seed: int) -> None:
    document = value(Random(seed))
    lines = json_lines(json.dumps(document))
    assert json.loads("\n".join(texts(lines))) == document
    assert texts(lines) == json.dumps(document, indent=2, ensure_ascii=False).split("\n")
    for at, line in enumerate(lines):
        if line.end is not None:
            closing = texts(lines)[line.end]
            assert line.end > at
            assert closing.strip().rstrip(",") in ("}", "]")
            assert len(closing) - len(closing.lstrip()) == len(texts(lines)[at]) - len(
                texts(lines)[at].lstrip()
            )


@pytest.mark.parametrize(
    "number",
    ["123456789012345678901234567890", "1e400", "-0.0", "2.50", "1E+2", "0.1000000000000000055"],
)
def test_numbers_keep_their_digits(number: str) -> None:
    assert texts(json_lines(f'{{"n": {number}}}')) == ["{", f'  "n": {number}', "}"]


def test_what_looks_like_a_number_in_a_string_is_a_string() -> None:
    assert tones('["12", 12, null, true]') == ["string", "number", "literal", "literal"]


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_constants_that_json_lacks_are_shown(constant: str) -> None:
    assert texts(json_lines(f"[{constant}]")) == ["[", f"  {constant}", "]"]


@pytest.mark.parametrize("source", ["", "no json", '{"a": ', "{'a': 1}", "[1] 2", "a\nb\x1b[31m"])
def test_what_is_no_json_is_shown_as_it_stands(source: str) -> None:
    lines = json_lines(source)
    assert "\n".join(texts(lines)) == source.replace("\x1b", "␛")
    assert all(line.end is None for line in lines)


def test_nested_too_deeply_it_is_shown_as_text() -> None:
    source = "[" * 100_000 + "]" * 100_000
    assert texts(json_lines(source)) == [source]


def test_keys_that_stand_twice_do_not_break_it() -> None:
    assert texts(json_lines('{"a": 1, "a": 2}')) == ["{", '  "a": 2', "}"]


@pytest.mark.parametrize("value", ["x" * LONG, "x" * (LONG + 1), '"' * 2_000_000])
def test_a_string_of_any_length_is_there_whole_and_a_long_one_folds(value: str) -> None:
    (line,) = json_lines(json.dumps(value))
    assert texts([line]) == [json.dumps(value)]
    assert line.length == (len(value) if len(value) > LONG else 0)


def test_a_long_number_and_a_long_line_of_no_json_fold() -> None:
    assert [line.length for line in json_lines(f"[{'7' * 5_000}]")] == [0, 5_000, 0]
    assert [line.length for line in json_lines("no json\n" + "x" * 3_000)] == [0, 3_000]


def test_of_a_document_without_end_the_rest_is_told() -> None:
    lines = texts(json_lines(json.dumps({"a": [1, 2, 3, 4], "b": 1, "c": 2}), 4))
    assert lines == ["{", '  "a": [', "    1,", "    2,", "    … 2 more", "  ],", "  … 2 more", "}"]


@pytest.mark.parametrize("source", ['{"\\u001b[2J": "\\u202e\\u0007"}', '"\\ud800"', '"\u202e"'])
def test_strings_are_inert(source: str) -> None:
    for line in texts(json_lines(source)):
        assert not any(char in line for char in "\x1b\x07\u202e\ud800")
