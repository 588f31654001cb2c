"""The workers: what is said of each, and a pane that makes use of the room there is."""

from __future__ import annotations

import re

import pytest

from asynqhub_tui.widgets.charts import AXIS
from asynqhub_tui.widgets.worker_detail import LEAST, LEAST_TABLE, MOST, pane_height
from tests.contract.builders import make_task, make_worker
from tests.screens.sample import Rows, before, fleet, sample
from tests.screens.stage import Desk, Stage

SIZES = [(80, 24), (80, 40), (120, 40), (200, 60)]


def with_waiting() -> Rows:
    """Return the sample, with a task that waits for mail-worker."""
    rows = sample()
    waiting = make_task(
        "mail-1", at=before(hours=1), worker_name="mail-worker", queue="mail-worker:mail:default"
    )
    return Rows(rows.workers, [*rows.tasks, waiting], rows.attempts)


async def test_each_worker_is_told_by_sign_and_words(stage: Stage) -> None:
    stage.load(with_waiting())
    async with stage.open((80, 24)) as desk:
        await desk.press("3")
        for sign, name, words in (
            ("●", "ai-worker", "at work"),
            ("▲", "mail-worker", "missing 3h"),
            ("○", "new-worker", "never seen"),
            ("◌", "old-worker", "disabled"),
            ("●", "worker-1", "alive"),
        ):
            assert re.search(rf"{sign} {name} +{words} ", desk.line(f"{sign} {name}"))


async def test_the_pane_says_what_tells_of_life(stage: Stage) -> None:
    stage.load(with_waiting())
    async with stage.open((80, 24)) as desk:
        await desk.press("3")
        for words in (
            "ai-worker   ● at work   known by its attempts; no heartbeat for 5h",
            "mail-worker   ▲ missing   last seen 3h ago, and tasks wait for it",
            "new-worker   ○ quiet   it was never seen; nothing waits for it",
            "old-worker   ◌ disabled   no new tasks for it; last seen 41d ago",
            "worker-1   ● alive   heartbeat 20s ago",
        ):
            assert desk.line(words)
            await desk.press("j")


async def test_nobody_is_missing_before_the_hours_are_read(stage: Stage) -> None:
    stage.load(with_waiting())
    gate = stage.faults.hold("fleet_series")
    app = stage.app()
    async with app.run_test(size=(120, 40)) as pilot:
        desk = Desk(pilot, stage)
        await pilot.press("3")
        await desk.see("mail-worker")
        await desk.until(lambda: desk.faults.calls["fleet_series"])
        assert "missing" not in desk.text
        gate.set()
        await desk.see("▲ mail-worker")
        app.exit()


def names_of_queues(desk: Desk) -> list[str]:
    """Return the names in the table of queues, each with the room around it."""
    lines = desk.lines()
    first = lines.index(desk.line("QUEUE")) + 1
    return [line[:18] for line in lines[first:] if line.strip()][:3]


async def test_figures_of_another_window_are_not_shown_as_those_of_this_one(stage: Stage) -> None:
    stage.load(with_waiting())
    async with stage.open((120, 40)) as desk:
        await desk.press("3")
        await desk.see("as of")
        before, queues = desk.line("● worker-1"), names_of_queues(desk)
        assert "…" not in before
        gate = stage.faults.hold("fleet_stats")
        await desk.pilot.press("w")
        await desk.see("tasks of the last 24 h", "reading…")
        row = desk.line("● worker-1")
        pending, running, late, *of_window = row.split()[4:12]
        assert of_window == ["…"] * 5
        assert [pending, running, late] == before.split()[4:7]
        assert desk.line("▲ mail-worker")
        assert names_of_queues(desk) == queues
        assert "…" in desk.line(queues[0])
        gate.set()
        await desk.see("as of")
        assert "…" not in desk.line("● worker-1")


async def test_nothing_is_told_of_a_worker_before_it_is_read(stage: Stage) -> None:
    stage.load(with_waiting())
    async with stage.open((120, 40)) as desk:
        gate = stage.faults.hold("fleet_stats")
        await desk.pilot.press("3")
        await desk.see("worker-1", "reading…")
        assert desk.line("● worker-1").split().count("…") == 8
        gate.set()
        await desk.see("as of")
        assert "…" not in desk.line("● worker-1")


async def test_a_worker_that_lives_again_is_no_longer_missing(stage: Stage) -> None:
    stage.load(with_waiting())
    async with stage.open() as desk:
        await desk.press("3")
        await desk.see("▲ mail-worker")
        stage.change(
            "UPDATE worker SET last_heartbeat_at = (SELECT max(last_heartbeat_at) FROM worker)"
            " WHERE worker_name = 'mail-worker'"
        )
        await desk.press("ctrl+r")
        await desk.see("● mail-worker")


def chart(desk: Desk) -> list[str]:
    """Return the lines of the chart, from its scale on."""
    return [
        line[match.start() :]
        for line in desk.lines()
        if (match := re.search(r"[\d.kM]+ ┤| │|└", line))
    ]


@pytest.mark.parametrize("size", SIZES)
async def test_the_chart_has_room(stage: Stage, size: tuple[int, int]) -> None:
    stage.load(sample())
    async with stage.open(size) as desk:
        await desk.press("3", "w", "G")
        lines = chart(desk)
        if size == (80, 24):
            assert lines == []
            return
        assert 6 <= len(lines) <= MOST
        assert "┤" in lines[0]
        assert "└" in lines[-1]
        queues = desk.line("attempts by hour")
        if size[0] >= 120:  # beside the queues, and near
            assert queues.index("attempts by hour") - (queues.index("AVG") + 3) <= AXIS
            assert desk.line("web_crawl x4").strip().startswith("groups")


@pytest.mark.parametrize("size", SIZES)
async def test_the_room_is_shared_and_nothing_moves_with_the_cursor(
    stage: Stage, size: tuple[int, int]
) -> None:
    stage.load(sample())
    async with stage.open(size) as desk:
        await desk.press("3")
        pane = desk.workers.query_one("#worker-detail").region
        assert pane.bottom == size[1] - 2
        assert LEAST <= pane.height <= MOST
        for _ in fleet():
            await desk.press("j")
            assert desk.workers.query_one("#worker-detail").region == pane


async def test_a_low_terminal_keeps_the_table(stage: Stage) -> None:
    stage.load(sample())
    async with stage.open((80, 40)) as desk:
        await desk.press("3")
        detail = desk.workers.query_one("#worker-detail")
        for height, shown in ((16, False), (20, True), (30, True)):
            await desk.pilot.resize_terminal(80, height)
            await desk.until(lambda shown=shown: detail.display is shown)  # type: ignore[misc]
            await desk.until(lambda: desk.workers.table.size.height >= LEAST_TABLE)
            assert desk.lines()[-1].rstrip().endswith("? keys")


@pytest.mark.parametrize(
    ("room", "workers", "height"),
    [
        (11, 6, 0),
        (13, 6, 8),
        (19, 6, 11),
        (35, 6, 21),
        (35, 20, 14),
        (35, 400, 11),
        (55, 6, MOST),
    ],
)
def test_the_pane_takes_what_the_table_leaves(room: int, workers: int, height: int) -> None:
    assert pane_height(room, workers) == height


async def test_many_groups_are_cut(stage: Stage) -> None:
    groups = tuple(f"group-{number}" for number in range(9))
    stage.load(Rows([make_worker("w-1", groups)]))
    async with stage.open((120, 40)) as desk:
        await desk.press("3")
        assert desk.line("group-3 ")
        assert desk.line("and 5 more")
        assert "group-4" not in desk.text


async def test_the_key_for_the_window_is_the_users_own(stage: Stage) -> None:
    stage.load(sample())
    async with stage.open(keys={"workers.window": "f7"}) as desk:
        await desk.press("3")
        assert desk.line("tasks of the last hour   f7 changes")
