"""Folding JSON, and a text broken at the pane's width."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from random import Random
from unittest.mock import PropertyMock, patch

import pytest
from rich.cells import cell_len
from textual.geometry import Size

from asynqhub_tui.widgets.json_lines import json_lines
from asynqhub_tui.widgets.table import MARGIN
from asynqhub_tui.widgets.text_panes import MOST_LINES, JsonPane, TextPane

DOCUMENT = {"url": "x", "nested": {"a": {"b": [1, 2]}, "c": None}, "list": [{}, [3]]}

END = ['  "n": 1', "}"]


def rows(pane: JsonPane | TextPane) -> list[str]:
    return [
        "".join(piece.text for piece in pane.pieces(pane.row(at)))  # type: ignore[arg-type]
        for at in range(pane.count)
    ]


@pytest.fixture
def pane() -> JsonPane:
    pane = JsonPane()
    pane.show("PAYLOAD", json_lines(json.dumps(DOCUMENT)))
    return pane


def go(pane: JsonPane, words: str) -> None:
    pane.place(next(at for at, row in enumerate(rows(pane)) if words in row))


def test_a_fold_hides_what_it_opens(pane: JsonPane) -> None:
    before = rows(pane)
    go(pane, '"nested"')
    pane.fold()
    assert rows(pane)[1:4] == ['  "url": "x",', '  "nested": { … 7 lines },', '  "list": [']
    assert pane.cursor == 2
    pane.fold()
    assert rows(pane) == before


def test_within_a_block_it_folds_the_block(pane: JsonPane) -> None:
    go(pane, " 1,")
    pane.fold()
    assert pane.cursor == rows(pane).index('      "b": [ … 2 lines ]')
    go(pane, '"c": null')
    pane.fold()
    assert '  "nested": { … 7 lines },' in rows(pane)


def test_an_inner_fold_is_kept_while_the_outer_is_closed(pane: JsonPane) -> None:
    go(pane, '"b"')
    pane.fold()
    go(pane, '"nested"')
    pane.fold()
    pane.fold()
    assert '      "b": [ … 2 lines ]' in rows(pane)


def test_a_scalar_has_nothing_to_fold() -> None:
    pane = JsonPane()
    pane.show("PAYLOAD", json_lines("17"))
    pane.fold()
    assert rows(pane) == ["17"]
    pane.show("", ())
    pane.fold()
    assert rows(pane) == []


@pytest.mark.parametrize("seed", range(20))
def test_any_folds_leave_a_part_of_the_lines(pane: JsonPane, seed: int) -> None:
    random = Random(seed)
    whole = rows(pane)
    for _ in range(30):
        pane.place(random.randrange(pane.count))
        pane.fold()
        shown = [row.split(" … ")[0].rstrip() for row in rows(pane)]
        at = 0
        for row in shown:
            at = next(n for n in range(at, len(whole)) if whole[n].startswith(row)) + 1
        assert 0 <= pane.cursor < pane.count
    pane.show("PAYLOAD", json_lines(json.dumps(DOCUMENT)))
    assert rows(pane) == whole


@pytest.fixture
def sized() -> Iterator[tuple[JsonPane, PropertyMock]]:
    """A pane with room for 20 cells a row, and its size."""
    with patch.object(JsonPane, "size", new_callable=PropertyMock) as size:
        size.return_value = Size(20 + MARGIN, 10)
        yield JsonPane(), size


def test_what_is_too_long_for_a_row_takes_several(sized: tuple[JsonPane, PropertyMock]) -> None:
    pane, size = sized
    pane.show("PAYLOAD", json_lines(json.dumps({"text": "0123456789" * 3, "n": 1})))
    assert rows(pane) == [
        "{",
        '  "text": "012345678',
        "      90123456789012",
        '      3456789",',
        *END,
    ]
    pane.place(4)
    size.return_value = Size(60 + MARGIN, 10)
    pane.on_resize()
    assert rows(pane) == ["{", f'  "text": "{"0123456789" * 3}",', *END]
    assert pane.cursor == 2


def test_wide_characters_are_broken_by_their_cells(sized: tuple[JsonPane, PropertyMock]) -> None:
    pane, _ = sized
    pane.show("PAYLOAD", json_lines(json.dumps("任务" * 10, ensure_ascii=False)))
    assert [cell_len(row) for row in rows(pane)] == [19, 20, 11]


def test_a_long_string_unfolds_and_folds(sized: tuple[JsonPane, PropertyMock]) -> None:
    pane, _ = sized
    pane.show("PAYLOAD", json_lines(json.dumps({"a": 1, "text": "x" * 1_600})))
    assert len(rows(pane)) == 4
    assert rows(pane)[2].endswith("… 1,600 characters")
    pane.place(2)
    pane.fold()
    assert "".join(row.strip() for row in rows(pane)[2:-1]) == f'"text": "{"x" * 1_600}"'
    pane.place(40)
    assert pane.current == (2, 38)
    pane.fold()
    assert (len(rows(pane)), pane.cursor) == (4, 2)


def test_a_string_of_2_mib_is_laid_out_row_by_row(sized: tuple[JsonPane, PropertyMock]) -> None:
    pane, _ = sized
    pane.show("PAYLOAD", json_lines(json.dumps("x" * 2_000_000)))
    assert pane.count == 1
    with patch("asynqhub_tui.widgets.text_panes.starts") as starts:
        rows(pane)
        pane.on_resize()
        starts.assert_not_called()
    pane.fold()
    assert pane.count == 1 + math.ceil((2_000_002 - 20) / 16)
    pane.place(pane.count - 1)
    assert pane.current is not None
    assert "".join(piece.text for piece in pane.pieces(pane.current)).endswith('x"')


def test_a_text_is_broken_anew_at_another_width() -> None:
    pane = TextPane()
    with patch.object(TextPane, "size", new_callable=PropertyMock) as size:
        size.return_value = Size(23, 10)
        pane.show("ERROR", "one two three four five six\nseven")
        assert rows(pane) == ["one two three four", "five six", "seven"]
        size.return_value = Size(13, 10)
        assert rows(pane)[0] == "one two"


def test_the_height_is_what_the_text_needs() -> None:
    pane = TextPane()
    assert pane.height_for(80, 10) == 0
    pane.show("ERROR", "one\ntwo")
    assert pane.height_for(80, 10) == 3
    pane.show("ERROR", "line\n" * 50)
    assert pane.height_for(80, 10) == 10


def test_a_text_without_end_is_bounded() -> None:
    pane = TextPane()
    with patch.object(TextPane, "size", new_callable=PropertyMock) as size:
        size.return_value = Size(80, 10)
        pane.show("ERROR", "x\n" * 1_000_000)
        assert pane.count == MOST_LINES


def test_the_same_text_keeps_its_place() -> None:
    pane = TextPane()
    with patch.object(TextPane, "size", new_callable=PropertyMock) as size:
        size.return_value = Size(80, 4)
        pane.show("ERROR", "line\n" * 50)
        pane.place(30)
        pane.show("ERROR of attempt 2", "line\n" * 50)
        assert pane.cursor == 30
        pane.show("ERROR of attempt 2", "other")
        assert pane.cursor == 0
