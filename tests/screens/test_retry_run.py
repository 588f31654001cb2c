"""A batch under way: its progress, its trouble, its report, and what stays of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from asynqhub_tui.models import PENDING
from asynqhub_tui.queue import ACTIVE
from asynqhub_tui.repository import HubError, Unavailable
from asynqhub_tui.screens.batch import Stage as Step
from asynqhub_tui.screens.resume import ResumeScreen
from asynqhub_tui.screens.retry import RetryScreen
from tests.screens.retrying import CRAWL, Retrying, preview
from tests.screens.sample import HOSTILE, task_id
from tests.screens.stage import Desk, Stage
from tests.screens.test_hostile_texts import check_inert
from tests.screens.test_retry_preview import step
from tests.valkey import ValkeyServer

DOWN = Unavailable("db1:5432 does not answer (timed out after 1.5 s).")


async def begin(desk: Desk, number: int) -> None:
    """Confirm a retry of all that failed."""
    await preview(desk)
    if number > 100:
        await desk.type(str(number))
        await desk.press("enter")
    else:
        await desk.press("y")


async def hold_the_second_chunk(desk: Desk) -> asyncio.Event:
    """Confirm a retry of 2,200 tasks, of which 500 are done and the next have to wait."""
    gate = desk.faults.hold("mark_pending")
    gate.set()
    await preview(desk, asked="Type 2200")
    marked = desk.faults.calls["mark_pending"]
    real = desk.faults.pass_through

    async def hold(name: str, *keywords: str) -> None:
        if name == "mark_pending" and desk.faults.calls[name] == marked + 1:
            gate.clear()
        await real(name, *keywords)

    desk.faults.pass_through = hold  # type: ignore[method-assign]
    await desk.type("2200")
    await desk.press("enter")
    await desk.until(lambda: desk.faults.calls["mark_pending"] == marked + 2)
    return gate


async def test_progress(retrying: Retrying) -> None:
    retrying.failed(2_200)
    async with retrying.open((80, 24)) as desk:
        gate = await hold_the_second_chunk(desk)
        retrying.stage.clock.passed += 2
        await desk.see("23%", "500 of 2,200", "250/s  6s left", "✓ resumed 500", "esc stops")
        await desk.press("q", "enter", "y", "S", "l", "F", "minus")
        assert step(desk) is Step.RUNNING
        gate.set()
        await desk.see("✓ Done.", "resumed 2,200")
        assert len(retrying.pending()) == 2_200


async def test_esc_stops_it_behind_the_chunk(retrying: Retrying) -> None:
    retrying.failed(2_200)
    async with retrying.open() as desk:
        gate = await hold_the_second_chunk(desk)
        await desk.press("escape", "escape")
        await desk.see("stopping behind this chunk…")
        gate.set()
        await desk.see("Stopped, as you wished.", "not reached ")
        assert 1_000 <= len(retrying.pending()) < 2_200
        await desk.press("enter")
        assert not isinstance(desk.app.screen, RetryScreen)


async def test_a_store_that_is_away_is_waited_for(retrying: Retrying) -> None:
    retrying.failed(3)
    async with retrying.open() as desk:
        desk.faults.errors["mark_pending"] = DOWN
        await begin(desk, 3)
        await desk.see("▲ db1:5432 does not answer (timed out after 1.5 s). Trying again in 1 s.")
        retrying.stage.clock.passed += 12
        await desk.see("Waiting for 12s so far; nothing is lost.", "esc stops")
        del desk.faults.errors["mark_pending"]
        await desk.see("✓ Done.", "resumed 3")


async def test_what_waits_can_be_stopped(retrying: Retrying) -> None:
    retrying.failed(3)
    async with retrying.open() as desk:
        desk.faults.errors["mark_pending"] = DOWN
        await begin(desk, 3)
        await desk.see("Trying again in")
        await desk.press("escape")
        await desk.see(
            "Stopped, as you wished.", "under way 3", "they may run already", "journal resume"
        )


@pytest.fixture
def own_server() -> Iterator[ValkeyServer]:
    """A Redis to stop."""
    with ValkeyServer() as server:
        yield server


async def test_a_redis_that_goes_away_is_waited_for(stage: Stage, own_server: ValkeyServer) -> None:
    with own_server.client() as redis:
        retrying = Retrying(stage, own_server.uri(), redis)
        retrying.failed(3, state=None)
        async with retrying.open() as desk:
            await preview(desk, asked="y retries these 3")
            own_server.stop()
            await desk.press("y")
            await desk.see("▲", "Trying again in", "Waiting for")
            own_server.start()
            await desk.see("✓ Done.", "enqueued 3")
        assert len(retrying.pending()) == 3


async def test_a_redis_that_is_away_before_is_said(stage: Stage, own_server: ValkeyServer) -> None:
    with own_server.client() as redis:
        retrying = Retrying(stage, own_server.uri(), redis)
        retrying.failed()
        own_server.stop()
        async with retrying.open() as desk:
            await desk.press("r")
            await desk.see("▲", f"127.0.0.1:{own_server.port}", "esc closes")
            await desk.press("escape")
            assert retrying.batches() == []


async def test_the_report_tells_what_went_wrong_first(retrying: Retrying) -> None:
    ids = retrying.failed(6)
    [running] = retrying.failed(state=ACTIVE)
    async with retrying.open() as desk:
        await preview(desk)
        retrying.queues.remove(f"asynq-{ids[2]}", "archived", queue=CRAWL)
        retrying.redis.set(f"asynq:{{{CRAWL}}}:t:asynq-{ids[4]}", "no hash")
        await desk.press("y")
        await desk.see("✓ resumed 4", "○ skipped 2", "✗ failed 1")
        rows = desk.lines()
        signs = [line.split()[0] for line in rows[rows.index(desk.line("OUTCOME")) + 1 :][:7]]
        assert signs == ["▌", "○", "○", "✓", "✓", "✓", "✓"]
        assert ids[4][:6] in desk.cursor_line
        assert "✗ failed" in desk.cursor_line
        assert ids[2][:6] in desk.line("no longer with asynq: it ran by itself, or was deleted")
        assert running[:6] in desk.line("already running")
        assert "all 7" in desk.text
        for shown, others in (("failed 1", 6), ("skipped 2", 5), ("resumed 4", 3), ("all 7", 0)):
            await desk.press("s")
            await desk.see(f"{shown}   s next kind")
            lines = [
                line for line in desk.lines() if "✓ resumed  " in line or "○ skipped  " in line
            ]
            assert len(lines) <= 7 - others + 1


async def test_it_is_saved_to_a_new_file_each_time(
    retrying: Retrying, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = retrying.failed(2)
    [running] = retrying.failed(state=ACTIVE)
    async with retrying.open() as desk:
        await begin(desk, 2)
        await desk.see("✓ Done.")
        [batch] = retrying.batches()
        await desk.press("S")
        path = tmp_path / f"retry-{batch.name}.tsv"
        await desk.until(lambda: f"Saved to {path}" in "".join(desk.text.split("\n  ")))
        lines = [f"resumed\t{one}\t" for one in sorted(ids)]
        assert path.read_text().splitlines() == [
            "outcome\ttask_id\twhy",
            *sorted(path.read_text().splitlines()[1:3]),
            f"skipped\t{running}\talready running",
        ]
        assert sorted(path.read_text().splitlines()[1:3]) == lines
        path.write_text("mine")
        await desk.press("S")
        await desk.until(lambda: (tmp_path / f"retry-{batch.name}-2.tsv").exists())
        assert path.read_text() == "mine"
        monkeypatch.chdir("/proc/self")
        await desk.press("S")
        await desk.see("cannot be used")


async def test_what_failed_stays_marked(retrying: Retrying) -> None:
    ids = retrying.failed(3)
    [running] = retrying.failed(state=ACTIVE)
    async with retrying.open() as desk:
        await desk.press("A")
        await desk.until(lambda: len(desk.tasks.table.marks) == 4)
        await preview(desk, "r", "y retries these 3")
        retrying.redis.set(f"asynq:{{{CRAWL}}}:t:asynq-{ids[1]}", "no hash")
        await desk.press("y")
        await desk.see("✗ failed 1", "○ skipped 1")
        await desk.press("enter")
        await desk.rest()
        assert list(desk.tasks.table.marks) == [ids[1]]
        assert running not in desk.tasks.table.marks
        await desk.until(lambda: desk.text.count("○ pending") == 2)


async def test_a_single_failure_is_said_in_a_sentence(retrying: Retrying) -> None:
    [name] = retrying.failed()
    async with retrying.open() as desk:
        await preview(desk, "r", "y retries it")
        retrying.queues.remove(f"asynq-{name}", "archived", queue=CRAWL)
        await desk.press("y")
        await desk.see(
            "○ It was skipped: no longer with asynq: it ran by itself, or was deleted.",
            "esc closes",
        )
        assert "OUTCOME" not in desk.text
        await desk.press("S", "s")
        assert "OUTCOME" not in desk.text


async def test_a_retry_from_the_screen_of_the_task(retrying: Retrying) -> None:
    [name] = retrying.failed()
    async with retrying.open() as desk:
        await desk.press("enter")
        await preview(desk, "r", "y retries it")
        await desk.press("y")
        await desk.see("✓ asynq runs it again, resumed in place.")
        await desk.press("escape")
        await desk.see(f"task {name}", "pending")
        assert retrying.pending() == [name]


async def test_details_of_outcomes_do_nothing_to_the_terminal(retrying: Retrying) -> None:
    ids = retrying.failed(2)
    async with retrying.open((80, 24)) as desk:
        await preview(desk)
        for name in ids:
            retrying.redis.set(f"asynq:{{{CRAWL}}}:t:asynq-{name}", HOSTILE)
        desk.faults.errors["mark_pending"] = HubError(HOSTILE)
        await desk.press("y")
        await desk.see("✗ failed 2")
        check_inert(desk)


async def test_quitting_leaves_it_interrupted_and_it_is_offered_once(retrying: Retrying) -> None:
    retrying.failed(2_200)
    async with retrying.open() as desk:
        gate = await hold_the_second_chunk(desk)
        await desk.pilot.press("ctrl+c")
        gate.set()
    retrying.stage.faults = type(retrying.stage.faults)()
    [batch] = retrying.batches()
    assert not (batch / "end.json").exists()
    assert '"outcome": "cancelled"' in (retrying.state / "journal.jsonl").read_text()

    async with retrying.open(size=(80, 24), read_only=True) as desk:
        assert "all tasks" in desk.text, "what is read-only is not offered to go on"

    async with retrying.open(size=(80, 24)) as desk:
        await desk.see("Resume the retry of all that match status:failed", "▲")
        await desk.see("500 of 2,200 tasks were done", "y retries the 1,700 tasks that are left")
        await desk.press("enter", "escape")
        assert not isinstance(desk.app.screen, ResumeScreen)
        await desk.press("3", "1", "ctrl+r")
        await desk.pass_time(60)
        assert not isinstance(desk.app.screen, ResumeScreen), "later is not a minute later"

    async with retrying.open(size=(80, 24)) as desk:
        await desk.see("y retries the 1,700 tasks")
        await desk.press("y")
        await desk.see("✓ Done.", "resumed 2,200")
        await desk.press("escape")
    assert len(retrying.pending()) == 2_200
    assert len(set(retrying.pending())) == 2_200

    async with retrying.open() as desk:
        assert "all tasks" in desk.text, "what is done is not offered any more"


async def test_a_batch_of_another_queue_is_not_offered(
    retrying: Retrying, valkey_server: ValkeyServer
) -> None:
    retrying.failed(2_200)
    async with retrying.open() as desk:
        await hold_the_second_chunk(desk)
        await desk.pilot.press("ctrl+c")
    retrying.stage.faults = type(retrying.stage.faults)()
    retrying.uri = valkey_server.fresh()
    async with retrying.open() as desk:
        assert "all tasks" in desk.text


async def test_the_rows_turn_pending_in_the_list(retrying: Retrying) -> None:
    retrying.failed(2)
    async with retrying.open() as desk:
        await begin(desk, 2)
        await desk.see("✓ Done.")
        await desk.press("q")
        await desk.rest()
        assert desk.text.count("○ pending") == 2
        assert desk.tasks.table.row(0).task_id == task_id(0)
        assert desk.tasks.table.row(0).status == PENDING
