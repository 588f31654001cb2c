"""Styles are parsed when they or their variables have changed, and not otherwise."""

from __future__ import annotations

from asynqhub_tui.stylesheet import Stylesheet


def colors(sheet: Stylesheet) -> list[str]:
    """Return the colours of all rules."""
    return [rule.styles.color.hex for rule in sheet.rules]


def test_what_was_parsed_stays_while_the_variables_do() -> None:
    sheet = Stylesheet(variables={"tone": "#ff0000"})
    sheet.add_source("Unlike { color: $tone; }", read_from=("one.tcss", ""))
    before = sheet.rules
    sheet.set_variables({"tone": "#ff0000"})
    sheet.reparse()
    assert sheet.rules is before


def test_other_variables_change_all_rules() -> None:
    sheet = Stylesheet(variables={"tone": "#ff0000"})
    sheet.add_source("Other { color: $tone; }", read_from=("two.tcss", ""))
    assert colors(sheet) == ["#FF0000"]
    sheet.set_variables({"tone": "#00ff00"})
    sheet.reparse()
    assert colors(sheet) == ["#00FF00"]


def test_what_is_added_is_parsed() -> None:
    sheet = Stylesheet(variables={"tone": "#ff0000"})
    sheet.add_source("Third { color: $tone; }", read_from=("three.tcss", ""))
    assert len(sheet.rules) == 1
    sheet.add_source("Fourth { color: blue; }", read_from=("four.tcss", ""))
    sheet.reparse()
    assert colors(sheet) == ["#FF0000", "#0000FF"]
