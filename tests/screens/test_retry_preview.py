"""The preview of a retry: what it tells, what confirms it, and what leaves everything as it was."""

from __future__ import annotations

import pytest
from textual.widgets import Input

from asynqhub_tui.models import DEAD, PENDING, SUCCESS
from asynqhub_tui.queue import ACTIVE, RETRY, SCHEDULED
from asynqhub_tui.repository import Unavailable
from asynqhub_tui.screens.batch import Stage as Step
from asynqhub_tui.screens.retry import RetryScreen
from asynqhub_tui.widgets import reading
from tests.contract.builders import make_task
from tests.screens.retrying import CRAWL, EMBED, IMAGES, Retrying, preview
from tests.screens.sample import ERRORS, HOSTILE, Rows, before, hostile
from tests.screens.stage import Desk
from tests.screens.test_hostile_texts import check_inert
from tests.screens.test_typed_ahead import at_once

SIZES = pytest.mark.parametrize(
    "size", [(80, 12), (80, 24), (120, 40), (200, 60)], ids=["80x12", "80x24", "120x40", "200x60"]
)


def step(desk: Desk) -> Step:
    """Where the screen of the retry is."""
    assert isinstance(desk.app.screen, RetryScreen)
    return desk.app.screen.stage


def check_untouched(retrying: Retrying, desk: Desk) -> None:
    """Nothing was written, and nothing is left behind."""
    assert not desk.faults.calls["mark_pending"]
    assert retrying.pending() == []
    assert retrying.batches() == []
    assert not (retrying.state / "journal.jsonl").exists()


async def test_totals_by_decision_error_worker_and_queue(retrying: Retrying) -> None:
    retrying.failed(5)
    retrying.failed(3, state=RETRY, queue=IMAGES, error=ERRORS[1], last_attempt=1)
    retrying.failed(2, state=None, queue=EMBED)
    retrying.failed(1, state=ACTIVE)
    async with retrying.open() as desk:
        await preview(desk)
        assert desk.line("resume in place").split()[3:5] == ["8", "archived"]
        assert "waiting for their own retry 3 (the next in 41s)" in desk.text
        assert desk.line("enqueue again").split()[2] == "2"
        assert "1   already running 1" in desk.line("skipped")
        assert desk.line("by error").split()[2] == "7"
        assert "dial tcp …: connect: connection refused" in desk.line("by error")
        assert desk.line("by worker").split()[2:] == ["8", "worker-1"]
        assert desk.line("by queue").split()[2:] == ["5", CRAWL]
        assert "Retry all that match status:failed" in desk.text
        assert f"on sqlite demo.db, queue {desk.app.session.queue.place}" in desk.text  # type: ignore[union-attr]


async def test_where_none_matches_there_are_no_totals(retrying: Retrying) -> None:
    retrying.failed(2, status=SUCCESS)
    async with retrying.open() as desk:
        await preview(desk, "R", "No task matches by now.")
        assert "skipped" not in desk.text
        assert "nothing to retry" in desk.text
        await desk.press("y", "escape")
        assert desk.app.screen is desk.tasks
        check_untouched(retrying, desk)


async def test_what_all_have_in_common_takes_one_line(retrying: Retrying) -> None:
    retrying.failed(3)
    async with retrying.open() as desk:
        await preview(desk)
        assert "by error" not in desk.text
        assert desk.line("error").split()[:4] == ["error", "all", "dial", "tcp"]
        assert desk.line("queue   ").split() == ["queue", "all", CRAWL]
        assert "worker   " not in desk.text, "the queue names it"


async def test_of_many_groups_the_largest_are_named_and_the_others_counted(
    retrying: Retrying,
) -> None:
    for number in range(6):
        retrying.failed(7 - number, queue=f"worker-1:web_crawl:p{number}")
    async with retrying.open((120, 30)) as desk:
        await preview(desk)
        assert desk.line("by queue").split()[2:] == ["7", "worker-1:web_crawl:p0"]
        assert desk.line("others").split() == ["9", "3", "others"]


@pytest.mark.parametrize("number", [1, 2])
async def test_a_worker_whose_row_names_another_redis_is_pointed_out(
    retrying: Retrying, number: int
) -> None:
    retrying.failed(number, queue="mail-worker:mail:default")
    retrying.failed(number - 1)
    async with retrying.open((80, 24)) as desk:
        await preview(desk, "r" if number == 1 else "R")
        said = " ".join(desk.text.split())
        assert "▲ mail-worker says that its Redis is redis://:***@10.0.0.9:6379/0" in said
        assert said.count("says that its Redis") == 1


@pytest.mark.parametrize("number", [1, 2, 100])
async def test_up_to_a_hundred_y_confirms(retrying: Retrying, number: int) -> None:
    ids = retrying.failed(number)
    async with retrying.open() as desk:
        await preview(desk, asked="y retries")
        await desk.press("enter", "Y", "space", "j")
        assert step(desk) is Step.ASKING
        assert retrying.pending() == []
        await desk.press("y")
        await desk.see("✓")
        assert sorted(retrying.pending()) == sorted(ids)


async def test_above_only_the_exact_number_confirms(retrying: Retrying) -> None:
    retrying.failed(101)
    async with retrying.open() as desk:
        await preview(desk, asked="Type 101 to retry them")
        field = desk.app.screen.query_one(Input)
        assert field.has_focus
        for typed in ("", "10", "1010", "0101"):
            field.value = typed
            await desk.press("enter", "y")
            assert step(desk) is Step.ASKING
        await desk.see("That is not their number: type 101 to retry them")
        field.value = ""
        await desk.press("1", "x", "0", "1")
        await desk.see("Enter to retry them")
        await desk.press("enter")
        await desk.see("Done.", "resumed 101")
        assert len(retrying.pending()) == 101


@pytest.mark.parametrize("key", ["escape", "q"])
@pytest.mark.parametrize("number", [1, 101])
async def test_leaving_it_leaves_nothing_behind(retrying: Retrying, key: str, number: int) -> None:
    retrying.failed(number)
    async with retrying.open() as desk:
        await preview(desk)
        assert len(retrying.batches()) == 1
        await desk.press(key)
        await desk.until(lambda: not isinstance(desk.app.screen, RetryScreen))
        await desk.until(lambda: retrying.batches() == [])
        check_untouched(retrying, desk)


async def test_leaving_it_while_it_is_planned_leaves_nothing_behind(retrying: Retrying) -> None:
    retrying.failed(3)
    async with retrying.open() as desk:
        gate = desk.faults.hold("task_refs")
        await desk.press("R")
        await desk.see("looking at the tasks")
        await desk.press("escape")
        gate.set()
        await desk.until(lambda: retrying.batches() == [])
        check_untouched(retrying, desk)


async def test_quitting_leaves_nothing_behind(retrying: Retrying) -> None:
    retrying.failed(3)
    async with retrying.open() as desk:
        await preview(desk)
        await desk.pilot.press("ctrl+c")
    assert retrying.batches() == []
    assert retrying.pending() == []


async def test_a_confirmation_that_was_typed_ahead_confirms_nothing(retrying: Retrying) -> None:
    retrying.failed(3)
    async with retrying.open() as desk:
        for opening in (["R"], ["r"], ["enter", "r"], ["space", "r"]):
            gate = desk.faults.hold("list")  # the workers, of whom every plan asks
            await at_once(desk, *opening, "y", "enter", "y")
            gate.set()
            await desk.see("y retries")
            await desk.app._typed._events.join()
            assert step(desk) is Step.ASKING
            await desk.press("escape", "u", "1")
        check_untouched(retrying, desk)


async def test_a_number_that_was_typed_ahead_confirms_nothing(retrying: Retrying) -> None:
    retrying.failed(101)
    async with retrying.open() as desk:
        await at_once(desk, "R", *"101", "enter")
        await desk.see("Type 101 to retry them")
        await desk.pilot.pause()
        assert step(desk) is Step.ASKING
        assert not desk.app.screen.query_one(Input).value, "it is not even half an answer"


async def test_one_key_does_not_confirm_what_has_only_just_appeared(
    retrying: Retrying, monkeypatch: pytest.MonkeyPatch
) -> None:
    [name] = retrying.failed()
    monkeypatch.setattr(reading, "GLANCE", 3600.0)
    async with retrying.open() as desk:
        await preview(desk, "r", "y retries it")
        await desk.press("y")
        assert step(desk) is Step.ASKING
        monkeypatch.setattr(reading, "GLANCE", 0.0)
        await desk.press("y")
        await desk.see("asynq runs it again")
        assert retrying.pending() == [name]


async def test_what_is_skipped_is_listed(retrying: Retrying) -> None:
    retrying.failed(101)
    [running] = retrying.failed(state=ACTIVE)
    [queued] = retrying.failed(state="pending")
    async with retrying.open() as desk:
        await preview(desk, asked="l lists what is skipped")
        await desk.type("10")
        await desk.press("l")
        await desk.see("all 2 that are skipped", "already running", "already queued")
        assert running[:6] in desk.line("already running")
        assert queued[:6] in desk.line("already queued")
        await desk.press("y", "s", "S", "enter", "F", "j")
        assert step(desk) is Step.LISTING
        await desk.press("escape")
        await desk.see("Type 101 to retry them")
        assert desk.app.screen.query_one(Input).has_focus
        await desk.type("101")
        await desk.press("enter")
        await desk.see("Done.")


async def test_force_enqueues_what_is_likely_on_its_way(retrying: Retrying) -> None:
    ids = retrying.failed(2, state=None, last_attempt=1)
    async with retrying.open() as desk:
        await preview(desk, asked="F forces what is on its way")
        assert "There is nothing to retry." in desk.text
        assert "2 are likely on their way: forced, they may run twice." in desk.text
        await desk.press("y")
        assert step(desk) is Step.ASKING
        await desk.press("F")
        await desk.see("F does not force", "y retries these 2")
        await desk.press("F")
        await desk.see("F forces what is on its way")
        await desk.press("F")
        await desk.see("y retries these 2")
        await desk.press("y")
        await desk.see("Done.", "enqueued 2")
        assert sorted(retrying.pending()) == sorted(ids)


async def test_force_does_nothing_where_nothing_can_be_forced(retrying: Retrying) -> None:
    retrying.failed(2)
    async with retrying.open() as desk:
        await preview(desk)
        assert "force" not in desk.text
        await desk.press("F")
        assert step(desk) is Step.ASKING


async def test_the_rate_is_chosen(retrying: Retrying) -> None:
    retrying.failed(2)
    async with retrying.open() as desk:
        await preview(desk, asked="rate unlimited")
        await desk.press("plus")
        await desk.see("rate unlimited")
        await desk.press("minus")
        await desk.see("rate 1,000/s")
        await desk.press("minus", "minus", "plus")
        await desk.see("rate 500/s")
        await desk.press("y")
        await desk.see("Done.")
        [batch] = retrying.batches()
        assert '"rate": 500.0' in (batch / "head.json").read_text()


async def test_what_failed_since_is_counted_and_not_included(retrying: Retrying) -> None:
    retrying.failed(3)
    async with retrying.open(interval=0.02) as desk:
        await preview(desk)
        assert "more failed" not in desk.text
        retrying.failed(7)
        await desk.see("7 more failed since this preview and are not included")
        await desk.press("y")
        await desk.see("Done.", "resumed 3")


async def test_that_they_cannot_be_counted_is_no_matter(retrying: Retrying) -> None:
    retrying.failed(3)
    async with retrying.open(interval=0.02) as desk:
        await preview(desk)
        desk.faults.errors["count_tasks"] = Unavailable("db1:5432 does not answer.")
        calls = desk.faults.calls["count_tasks"]
        await desk.until(lambda: desk.faults.calls["count_tasks"] > calls + 2)
        await desk.press("y")
        await desk.see("Done.", "resumed 3")


async def test_a_retry_of_marked_tasks_counts_no_others(retrying: Retrying) -> None:
    retrying.failed(3)
    async with retrying.open(interval=0.02) as desk:
        await desk.press("space", "space")
        calls = desk.faults.calls["count_tasks"]
        await preview(desk, "r", "Retry 2 marked tasks")
        retrying.failed(7)
        for _ in range(5):
            await desk.pilot.pause(0.02)
        assert desk.faults.calls["count_tasks"] == calls
        assert "more failed" not in desk.text


@SIZES
async def test_what_is_decided_and_asked_is_in_view_at_any_size(
    retrying: Retrying, size: tuple[int, int]
) -> None:
    for number in range(6):
        error = f"{'abcdef'[number]} happened, which takes a while to say in so many words"
        retrying.failed(18, queue=f"worker-1:web_crawl:p{number}", error=error)
        retrying.failed(2, queue=f"ai-worker:embedding:p{number}", error=error)
    retrying.failed(1, state=ACTIVE)
    retrying.failed(1, state=None, last_attempt=1)
    async with retrying.open(size) as desk:
        await preview(desk)
        for part in ("resume in place", "enqueue again", "skipped", "Type 120 to retry them"):
            assert part in desk.text
        field = desk.app.screen.query_one(Input).region
        assert (field.height, field.bottom <= size[1]) == (1, True)
        await desk.type("120")
        assert desk.lines()[field.y].strip() == "120"
        await desk.press("pagedown", "pagedown")
        assert "they may run twice" in desk.text


ONE = {
    "archived": ({}, "asynq has given up on it and archived it."),
    "retry": ({"state": RETRY}, "asynq would retry it by itself in 41s. It runs now instead."),
    "due": ({"state": RETRY, "next_in": -5}, "asynq would retry it by itself at any moment."),
    "scheduled": ({"state": SCHEDULED}, "asynq holds it until its time in 41s."),
    "gone from asynq": ({"state": None}, "asynq no longer has it. It is enqueued again"),
    "running": ({"state": ACTIVE}, "It runs already."),
    "queued": ({"state": "pending"}, "It waits in its queue already."),
    "on its way": ({"state": None, "last_attempt": 1}, "it is likely on its way by itself."),
    "disabled": ({"queue": "old-worker:legacy:low", "state": None}, "Its worker is disabled"),
    "unknown": ({"queue": "nobody:x:low", "state": None}, "Its worker is unknown"),
    "dead": ({"state": None, "status": DEAD, "last_attempt": 1}, "asynq no longer has it."),
    "pending": ({"state": None, "status": PENDING}, "It has not failed"),
}


@pytest.mark.parametrize(("fields", "words"), ONE.values(), ids=ONE)
async def test_a_single_task_reads_like_a_sentence(
    retrying: Retrying, fields: dict[str, object], words: str
) -> None:
    [name] = retrying.failed(**fields)  # type: ignore[arg-type]
    async with retrying.open() as desk:
        await preview(desk, "r")
        assert words in " ".join(desk.text.split())
        assert name in desk.line("Retry ")
        assert "error   dial tcp 10.0.0.1:443: connect: connection refused" in desk.text
        assert "resume in place" not in desk.text
        assert "rate" not in desk.text


async def test_a_single_task_that_is_forced_may_run_twice(retrying: Retrying) -> None:
    [name] = retrying.failed(state=None, last_attempt=1)
    async with retrying.open() as desk:
        await preview(desk, "r", "F forces")
        await desk.press("F")
        await desk.see("If asynq has a copy that was not found, it runs twice.", "y retries it")
        await desk.press("y")
        await desk.see("asynq runs it again, enqueued anew under the same task id.")
        assert retrying.pending() == [name]


async def test_a_task_that_has_succeeded_is_replayed_rather(retrying: Retrying) -> None:
    retrying.failed(status=SUCCESS, state=None)
    async with retrying.open(keys={"tasks.replay": "f6"}) as desk:
        await preview(desk, "r", "It has succeeded: f6 replays a copy")
        await desk.press("y")
        assert step(desk) is Step.ASKING


async def test_a_task_that_is_gone(retrying: Retrying) -> None:
    retrying.failed()
    async with retrying.open() as desk:
        retrying.stage.change("DELETE FROM task")
        await preview(desk, "r", "The store no longer has it.")


async def test_trouble_while_planning_is_said(retrying: Retrying) -> None:
    retrying.failed()
    async with retrying.open() as desk:
        (retrying.state).write_text("in the way")
        await desk.press("r")
        await desk.see("▲", "cannot be used", "esc closes")
        await desk.press("y", "enter")
        assert not isinstance(desk.app.screen, RetryScreen)


@pytest.mark.parametrize("key", ["r", "R"])
async def test_texts_of_rows_do_nothing_to_the_terminal(retrying: Retrying, key: str) -> None:
    retrying.stage.load(hostile())
    rows = Rows(
        tasks=[
            make_task(
                f"{HOSTILE}{number}",
                at=before(minutes=1),
                worker_name=f"evil{HOSTILE}",
                queue=f"evil{HOSTILE}:{HOSTILE}:{number}",
                status=DEAD,
                last_error=f"{HOSTILE}{number}" * 20_000,
            )
            for number in (1, 2)
        ]
    )
    retrying.stage.load(rows)
    async with retrying.open((80, 24)) as desk:
        await preview(desk, key)
        check_inert(desk)
        if key == "R":
            await desk.press("l")
            check_inert(desk)
            await desk.press("escape")
        await desk.press("y")
        await desk.until(lambda: step(desk) is Step.REPORT)
        check_inert(desk)
