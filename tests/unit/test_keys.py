"""The table of keys: no key means two things on one screen, and none destroys in lower case."""

from __future__ import annotations

from collections import Counter

import pytest

from asynqhub_tui.keys import COMMON, TASK, TASKS, WORKERS, Key, known_ids, shown

SCREENS = {"tasks": TASKS, "task": TASK, "workers": WORKERS}


@pytest.mark.parametrize("name", SCREENS)
def test_a_key_means_one_thing_on_a_screen(name: str) -> None:
    keys = Counter(one for key in (*SCREENS[name], *COMMON) for one in key.keys.split(","))
    assert [key for key, number in keys.items() if number > 1] == []


def test_every_id_is_of_its_group_and_there_once() -> None:
    ids = Counter(key.id for key in (*COMMON, *TASKS, *TASK, *WORKERS))
    assert ids.keys() == known_ids()
    assert set(ids.values()) == {1}
    for name, keys in SCREENS.items():
        assert {key.id.partition(".")[0] for key in keys} == {name}


def test_what_destroys_is_typed_in_upper_case() -> None:
    assert {key.keys for key in WORKERS if key.action in ("delete", "enable")} == {"D", "X"}
    assert {key.keys for key in TASKS if key.action in ("retry_all", "replay")} == {"R", "C"}


@pytest.mark.parametrize("name", SCREENS)
def test_the_footer_offers_six_to_nine_keys(name: str) -> None:
    hints = [key.hint for key in (*SCREENS[name], *COMMON) if key.hint]
    assert 5 <= len(hints) <= 9
    assert "keys" in hints


@pytest.mark.parametrize(
    ("key", "remapped", "first", "all_keys"),
    [
        (Key("a.b", "j,down", "x", "help"), {}, "j", "j ↓"),
        (Key("a.b", "question_mark", "x", "help"), {}, "?", "?"),
        (Key("a.b", "j", "x", "help"), {"a.b": "f5, slash"}, "f5", "f5 /"),
        (Key("a.b", "j", "x", "help"), {"a.c": "f5"}, "j", "j"),
    ],
)
def test_how_keys_are_written(
    key: Key, remapped: dict[str, str], first: str, all_keys: str
) -> None:
    assert shown(key, remapped) == first
    assert shown(key, remapped, all_keys=True) == all_keys
