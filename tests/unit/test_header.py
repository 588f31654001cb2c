"""The header in every width: what matters most stays."""

from __future__ import annotations

from typing import Any

import pytest

from asynqhub_tui.models import Count, StatusCounts, TimeSeriesStats
from asynqhub_tui.polling import PollState
from asynqhub_tui.repository import HubInfo, Unavailable
from asynqhub_tui.widgets.canvas import width_of
from asynqhub_tui.widgets.header import Header, HeaderState
from tests.screens.sample import NOW

INFO = HubInfo("postgres", "db1.production.internal.example:5432/asynqhub_production")
LIVE = PollState(interval=2.0, fresh_at=100.0)
COUNTS = StatusCounts(
    by_status={
        "pending": Count(value=61),
        "success": Count(value=1_200_000, kind="about"),
        "fail": Count(value=1_000, kind="at_least"),
        "dead": Count(value=3),
        "paused": Count(value=2),
    },
    running=Count(value=4),
    overdue=Count(value=7),
)


def header(width: int, **fields: Any) -> list[str]:
    widget = Header("tasks")
    widget._state = HeaderState("tasks", **fields)
    lines = widget.lines(width, 2)
    assert [width_of(line.pieces) for line in lines] == [width, width]
    return ["".join(piece.text for piece in line.pieces) for line in lines]


@pytest.mark.parametrize("width", [79, 80, 100, 119, 120, 160, 240])
def test_failures_and_the_state_of_the_data_are_always_there(width: int) -> None:
    first, second = header(width, info=INFO, poll=LIVE, counts=COUNTS, profile="prod-eu")
    assert "asynqhub" in first
    assert "prod-eu" in first
    assert "● live 2s" in first
    assert "fail 1000+" in first + second
    assert "dead 3" in first + second
    assert "overdue 7" in first + second


def test_in_a_wide_terminal_all_is_there() -> None:
    hours = [TimeSeriesStats(hour=NOW, total=3, success=2, failed=1)] * 24
    first, second = header(200, info=INFO, poll=LIVE, counts=COUNTS, hours=hours)
    assert INFO.place in first
    for words in ("pending 61", "running 4", "success ~1.2M", "paused 2"):
        assert words in first
    assert second.count("█" * 24) == 2


def test_a_place_too_long_keeps_its_ends() -> None:
    first, _ = header(80, info=INFO, poll=LIVE)
    assert "db1.prod" in first
    assert "production  ● live 2s" in first
    assert "…" in first


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (None, "◌ reading"),
        (PollState(interval=2.0), "◌ reading"),
        (LIVE, "● live 2s"),
        (PollState(interval=0.5, fresh_at=1.0), "● live 0.5s"),
        (PollState(interval=2.0, fresh_at=1.0, paused=True), "‖ paused"),
        (PollState(interval=2.0, fresh_at=1.0, error=Unavailable("x"), paused=True), "▲ stale"),
        (PollState(interval=2.0, fresh_at=1.0, slowed="count slowed: why"), "● count slowed: why"),
        (PollState(interval=2.0, fresh_at=1.0, stretched=5.0), "● live 5s, slow line"),
    ],
)
def test_the_state_of_the_data_in_words(state: PollState | None, words: str) -> None:
    assert words in header(120, info=INFO, poll=state)[0]


def test_before_the_connection_and_for_the_demo() -> None:
    assert "◌ connecting" in header(80)[0]
    assert " DEMO " in header(80, info=HubInfo("sqlite", "demo", demo=True), poll=LIVE)[0]
    read_only = HubInfo("postgres", "db1:5432/hub", read_only=True)
    assert "READ-ONLY" in header(80, info=read_only, poll=LIVE)[0]


def test_no_late_task_no_word_of_it() -> None:
    calm = StatusCounts(by_status={"success": Count(value=5)})
    first, _ = header(120, info=INFO, poll=LIVE, counts=calm)
    assert "overdue" not in first
    assert "fail 0" in first


def test_a_copy_tells_its_source_and_its_age() -> None:
    copy = HubInfo("sqlite", "~/incident.db", copy_of="db1.prod.example:5432/asynqhub")
    narrow = header(80, info=copy, poll=LIVE, copied="3h old")[0]
    assert "sqlite copy of db1.prod.example:5432/asynqhub  3h old" in narrow
    assert "~/incident.db" not in narrow
    wide = header(200, info=copy, poll=LIVE, copied="3h old")[0]
    assert "sqlite ~/incident.db  copy of db1.prod.example:5432/asynqhub  3h old" in wide


@pytest.mark.parametrize("trouble", ["tasks slowed", "tasks unanswered"])
def test_at_eighty_cells_the_reason_is_read_to_its_end(trouble: str) -> None:
    header = Header("tasks")
    header.show(
        HeaderState(
            "tasks",
            info=HubInfo("postgres", "db-prod-1.example.internal:5432/asynqhub"),
            profile="prod-eu",
            poll=PollState(interval=2.0, fresh_at=1.0, slowed=f"{trouble}: reads all of task"),
        )
    )
    first = "".join(piece.text for piece in header.lines(80, 2)[0].pieces)
    assert f"● {trouble}: reads all of task" in first
