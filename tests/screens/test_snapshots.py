"""What the screens look like, as pictures: look at each before it is accepted.

Time stands still, so that nothing on a screen depends on when or where it is drawn.
`pytest tests/screens/test_snapshots.py --snapshot-update` accepts what is drawn now.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from textual.pilot import Pilot
from textual.widgets import Input

from asynqhub_tui.figures import TimeFormat
from asynqhub_tui.queue import RETRY
from asynqhub_tui.repository import Unavailable
from tests.contract.builders import make_task
from tests.queue.test_servers import beat
from tests.screens import sample
from tests.screens.retrying import IMAGES, Retrying
from tests.screens.sample import Rows
from tests.screens.stage import Desk, Stage

_PRIORITIES = ("critical", "default", "low")

Steps = Callable[[Desk], Awaitable[object]]
Draw = Callable[..., None]

USUAL = (100, 30)

at_every_size = pytest.mark.parametrize(
    "size", [(80, 24), (120, 40), (200, 60)], ids=["80x24", "120x40", "200x60"]
)


@pytest.fixture
def draw(stage: Stage, snap_compare: Callable[..., bool]) -> Draw:
    """Start a dashboard on `rows`, take the steps that lead to the state, and compare."""

    def compare(
        rows: Rows,
        steps: Steps | None = None,
        *,
        size: tuple[int, int] = USUAL,
        settled: bool = True,
        **settings: Any,
    ) -> None:
        async def lead(pilot: Pilot[None]) -> None:
            desk = Desk(pilot, stage)
            if settled:
                await desk.rest()
            if steps is not None:
                await steps(desk)

        stage.load(rows)
        app = stage.app(times=settings.pop("times", TimeFormat.UTC), **settings)
        assert snap_compare(app, terminal_size=size, run_before=lead)

    return compare


def keys(*names: str) -> Steps:
    async def press(desk: Desk) -> None:
        for name in names:
            await desk.press(name)

    return press


def seen(text: str) -> Steps:
    return lambda desk: desk.see(text)


@at_every_size
def test_tasks(draw: Draw, size: tuple[int, int]) -> None:
    draw(sample.sample(), size=size, times=TimeFormat.RELATIVE)


@at_every_size
def test_task_that_was_run_again(draw: Draw, size: tuple[int, int]) -> None:
    draw(sample.rerun(), keys("enter"), size=size)


@at_every_size
def test_workers(draw: Draw, size: tuple[int, int]) -> None:
    draw(sample.sample(), keys("3", "w", "G"), size=size)


@at_every_size
def test_failed_tasks_as_asynq_knows_them(
    draw: Draw, retrying: Retrying, size: tuple[int, int]
) -> None:
    retrying.failed(3, state=RETRY, last_attempt=1)
    retrying.failed(4, queue=IMAGES, error=sample.ERRORS[2])
    retrying.failed(state=None, last_attempt=1, error=sample.ERRORS[1])

    async def read(desk: Desk) -> None:
        await desk.press("ctrl+r")  # the preview is asked for once the list is there
        await desk.see("retrying")

    draw(Rows(), read, size=size, redis=SecretStr(retrying.uri))


@at_every_size
def test_task_that_asynq_retries(draw: Draw, retrying: Retrying, size: tuple[int, int]) -> None:
    retrying.failed(state=RETRY, last_attempt=1)
    draw(Rows(), keys("enter"), size=size, redis=SecretStr(retrying.uri))


@at_every_size
def test_task_that_asynq_has_archived(
    draw: Draw, retrying: Retrying, size: tuple[int, int]
) -> None:
    retrying.failed(next_in=-3600)
    draw(Rows(), keys("enter"), size=size, redis=SecretStr(retrying.uri))


@at_every_size
def test_workers_by_their_servers(draw: Draw, retrying: Retrying, size: tuple[int, int]) -> None:
    retrying.stage.change("UPDATE worker SET redis_addr = NULL, last_heartbeat_at = NULL")
    retrying.failed(6)
    queues = [f"worker-1:web_crawl:{name}" for name in _PRIORITIES]
    beat(retrying.queues, left=3600, queues=dict.fromkeys(queues, 1))
    for number in range(3):
        groups = ("text_analyze", "embedding")
        mine = [f"ai-worker:{group}:{name}" for group in groups for name in _PRIORITIES]
        beat(retrying.queues, f"ai{number}", left=3600, queues=dict.fromkeys(mine, 1))
    draw(Rows(), keys("3", "w", "G"), size=size, redis=SecretStr(retrying.uri))


@at_every_size
def test_delete(draw: Draw, size: tuple[int, int]) -> None:
    draw(sample.sample(), delete_worker, size=size)


def test_connecting(draw: Draw, stage: Stage) -> None:
    async def wait(desk: Desk) -> None:
        await desk.see("connecting")

    stage.hold_opening()
    draw(sample.sample(), wait, settled=False)


def test_reading_the_first_page(draw: Draw, stage: Stage) -> None:
    stage.faults.hold("list_tasks")
    draw(sample.sample(), seen("reading"), settled=False)


def test_no_tasks_at_all(draw: Draw) -> None:
    draw(Rows())


def test_a_filter_without_a_match(draw: Draw) -> None:
    async def type_filter(desk: Desk) -> None:
        await desk.press("slash")
        await desk.type("worker:nobody status:dead")
        await desk.press("enter")

    draw(sample.sample(), type_filter)


def test_a_filter(draw: Draw) -> None:
    async def type_filter(desk: Desk) -> None:
        await desk.press("slash")
        await desk.type("status:failed worker:worker-1")
        await desk.press("enter")

    draw(sample.sample(), type_filter, size=(120, 40))


def test_a_filter_being_typed(draw: Draw) -> None:
    async def begin(desk: Desk) -> None:
        await desk.press("slash")
        await desk.type("status:failed worker:w")
        await desk.until(lambda: desk.app.screen.query_one("#filter-input", Input)._suggestion)

    draw(sample.sample(), begin)


def test_disconnected_with_the_last_data(draw: Draw) -> None:
    async def fail(desk: Desk) -> None:
        desk.faults.errors["*"] = Unavailable(
            "db1:5432 does not answer (timed out after 1.5 s).", hint="Check the network."
        )
        await desk.pass_time(26)

    draw(sample.sample(), fail)


def test_marks_and_a_range(draw: Draw) -> None:
    draw(sample.sample(), keys("space", "space", "j", "v", "j", "j"))


def test_copy_menu(draw: Draw) -> None:
    draw(sample.sample(), keys("space", "y", "down"))


def test_choosing_a_worker(draw: Draw) -> None:
    draw(sample.sample(), keys("w", "j", "j"))


def test_preview_beside_the_list(draw: Draw) -> None:
    async def show(desk: Desk) -> None:
        desk.poller.refresh()  # the preview is read once the list is there
        await desk.rest()
        await desk.see("PAYLOAD")

    draw(sample.rerun(), show, size=(160, 40))


def test_task_without_an_attempt(draw: Draw) -> None:
    draw(sample.untried(), keys("enter"))


def test_task_with_a_huge_payload_folded(draw: Draw) -> None:
    draw(sample.huge(), keys("enter", "tab", "tab", "j", "j", "j", "enter"))


def test_task_of_hostile_texts(draw: Draw) -> None:
    draw(sample.hostile(), keys("enter"))


def test_no_task_was_opened_yet(draw: Draw) -> None:
    draw(sample.sample(), keys("2"))


def test_no_workers(draw: Draw) -> None:
    draw(Rows(), keys("3"))


async def delete_worker(desk: Desk) -> None:
    """Open the dialog for ai-worker, which has tasks."""
    await desk.press("3", "D")
    await desk.see("P  purge")


async def ask_to_purge(desk: Desk) -> None:
    """Choose to purge its tasks and to delete it then."""
    await delete_worker(desk)
    await desk.press("P")
    await desk.see("Type its name")


async def confirm_purge(desk: Desk) -> None:
    """Confirm it."""
    await ask_to_purge(desk)
    await desk.type("ai-worker")
    await desk.press("enter")


def test_delete_with_the_name_typed(draw: Draw) -> None:
    async def type_name(desk: Desk) -> None:
        await desk.press("3", "D")
        await desk.see("Type its name")
        await desk.type("ai-worker")
        await desk.see("Enter to delete it")

    draw(Rows(sample.fleet()), type_name)


def test_delete_refused(draw: Draw, stage: Stage) -> None:
    async def be_refused(desk: Desk) -> None:
        await desk.press("3", "D")
        await desk.see("Type its name")
        stage.load_new(1)
        await desk.type("worker-1")
        await desk.press("enter")
        await desk.see("What can be done")

    draw(Rows(sample.fleet()[-1:]), be_refused)


@pytest.mark.parametrize("size", [(80, 16), USUAL], ids=["80x16", "100x30"])
def test_purge_confirmation(draw: Draw, size: tuple[int, int]) -> None:
    draw(sample.sample(), ask_to_purge, size=size)


def many_old_tasks() -> Rows:
    """Return the sample, with so many tasks that they are purged in three batches."""
    old = [
        make_task(
            f"old-{number}",
            at=sample.before(days=2) - timedelta(seconds=number),
            worker_name="ai-worker",
            queue="ai-worker:embedding:low",
            status="success",
        )
        for number in range(1_176)
    ]
    rows = sample.sample()
    return Rows(rows.workers, [*rows.tasks, *old], rows.attempts)


async def begin_to_purge(desk: Desk) -> None:
    """Let the first batch be purged."""
    desk.faults.hold("purge_worker batch")
    await confirm_purge(desk)
    await desk.see("500 tasks")


def test_purging(draw: Draw) -> None:
    draw(many_old_tasks(), begin_to_purge)


def test_purge_stopped(draw: Draw) -> None:
    async def stop(desk: Desk) -> None:
        await begin_to_purge(desk)
        await desk.press("escape")
        await desk.see("It was stopped")

    draw(many_old_tasks(), stop)


def test_purged_and_deleted(draw: Draw) -> None:
    async def purge(desk: Desk) -> None:
        await confirm_purge(desk)
        await desk.see("is deleted")

    draw(sample.sample(), purge)


def test_deleted(draw: Draw) -> None:
    async def delete(desk: Desk) -> None:
        await desk.press("3", "D")
        await desk.see("Type its name")
        await desk.type("ai-worker")
        await desk.press("enter")
        await desk.see("is deleted")

    draw(Rows(sample.fleet()), delete)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
def test_help(draw: Draw, size: tuple[int, int]) -> None:
    draw(Rows(), keys("question_mark"), size=size)


def test_light_theme(draw: Draw) -> None:
    draw(sample.sample(), keys("space"), theme="light", size=(120, 40))


def test_without_colours(draw: Draw, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    draw(sample.sample(), keys("space"))


def test_read_only_profile(draw: Draw) -> None:
    draw(sample.sample(), read_only=True, profile="prod-eu", color="#d70000")
