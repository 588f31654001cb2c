"""What the screens of a retry look like, as pictures: look at each before it is accepted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from pydantic import SecretStr
from textual.pilot import Pilot

from asynqhub_tui.actions.retry.run import run
from asynqhub_tui.figures import TimeFormat
from asynqhub_tui.models import SUCCESS
from asynqhub_tui.queue import ACTIVE, RETRY
from asynqhub_tui.repository import Unavailable
from tests.screens.retrying import CRAWL, EMBED, IMAGES, Retrying, preview
from tests.screens.sample import ERRORS
from tests.screens.stage import Desk
from tests.screens.test_retry_run import hold_the_second_chunk
from tests.screens.test_snapshots import at_every_size

Steps = Callable[[Desk], Awaitable[object]]
Draw = Callable[..., None]


@pytest.fixture
def draw(retrying: Retrying, snap_compare: Callable[..., bool]) -> Draw:
    """Start a dashboard, take the steps that lead to the state, and compare."""

    def compare(steps: Steps, *, size: tuple[int, int] = (100, 30), **settings: Any) -> None:
        async def lead(pilot: Pilot[None]) -> None:
            desk = Desk(pilot, retrying.stage)
            await desk.rest()
            assert desk.app.session.queue is not None
            desk.app.session.queue.place = "10.0.0.5:6379/0"  # the test's own port is any
            await steps(desk)
            await desk.pilot.pause()

        app = retrying.stage.app(redis=SecretStr(retrying.uri), times=TimeFormat.UTC, **settings)
        assert snap_compare(app, terminal_size=size, run_before=lead)

    return compare


def an_incident(retrying: Retrying) -> None:
    """Let 164 tasks of several queues have failed with several errors."""
    retrying.failed(98)
    retrying.failed(30, queue=IMAGES, error=ERRORS[1])
    retrying.failed(12, state=RETRY, queue=IMAGES, error=ERRORS[3], last_attempt=1)
    retrying.failed(9, state=None, queue=EMBED, error=ERRORS[2])
    retrying.failed(9, queue="worker-1:web_crawl:critical")
    retrying.failed(2, state=ACTIVE)
    retrying.failed(3, state=None, last_attempt=1)
    retrying.failed(1, queue="nobody:gone:low")


@at_every_size
def test_preview(draw: Draw, retrying: Retrying, size: tuple[int, int]) -> None:
    an_incident(retrying)

    async def look(desk: Desk) -> None:
        await preview(desk, asked="Type 158 to retry them")
        await desk.type("15")

    draw(look, size=size)


@at_every_size
def test_progress(draw: Draw, retrying: Retrying, size: tuple[int, int]) -> None:
    retrying.failed(2_200)

    async def look(desk: Desk) -> None:
        await hold_the_second_chunk(desk)
        retrying.stage.clock.passed += 2
        await desk.see("250/s  6s left")

    draw(look, size=size)


@at_every_size
def test_report(draw: Draw, retrying: Retrying, size: tuple[int, int]) -> None:
    ids = retrying.failed(70)
    retrying.failed(12, state=None)
    retrying.failed(3, state=ACTIVE)

    async def look(desk: Desk) -> None:
        await preview(desk, asked="y retries these 82")
        for name in ids[:2]:
            retrying.queues.remove(f"asynq-{name}", "archived", queue=CRAWL)
        retrying.redis.set(f"asynq:{{{CRAWL}}}:t:asynq-{ids[4]}", "no hash")
        await desk.press("y")
        await desk.see("Done, but not all could be retried.", "✗ failed 1")

    draw(look, size=size)


@at_every_size
def test_one_task(draw: Draw, retrying: Retrying, size: tuple[int, int]) -> None:
    retrying.failed(state=RETRY, error=ERRORS[3], last_attempt=1)
    draw(lambda desk: preview(desk, "r", "y retries it"), size=size)


def test_preview_in_the_light_of_a_profile(draw: Draw, retrying: Retrying) -> None:
    an_incident(retrying)
    draw(preview, theme="light", profile="prod-eu", color="#d70000", size=(120, 40))


def test_report_in_the_light(draw: Draw, retrying: Retrying) -> None:
    retrying.failed(12)
    retrying.failed(3, state=ACTIVE)

    async def look(desk: Desk) -> None:
        await preview(desk, asked="y retries these 12")
        await desk.press("y")
        await desk.see("✓ Done.")

    draw(look, theme="light")


def test_waiting_for_a_store(
    draw: Draw, retrying: Retrying, monkeypatch: pytest.MonkeyPatch
) -> None:
    defaults = {**(run.__kwdefaults__ or {}), "pauses": (30.0,) * 3}
    monkeypatch.setattr(run, "__kwdefaults__", defaults)
    retrying.failed(3)

    async def look(desk: Desk) -> None:
        desk.faults.errors["mark_pending"] = Unavailable(
            "db1:5432 does not answer (timed out after 1.5 s)."
        )
        await preview(desk, asked="y retries these 3")
        await desk.press("y")
        await desk.see("Trying again in 30 s.", "Waiting for 0s")

    draw(look, size=(80, 24))


def test_resumption(draw: Draw, retrying: Retrying, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asynqhub_tui.actions.journal._operator", lambda: "ada")
    retrying.failed(2_200)

    async def look(desk: Desk) -> None:
        await hold_the_second_chunk(desk)
        await desk.app.pop_screen()
        await desk.app._offer_resumption(desk.app.session.connected_hub)
        await desk.see("y retries the 1,700 tasks that are left")

    draw(look, size=(80, 24))


def test_replay(draw: Draw, retrying: Retrying) -> None:
    retrying.failed(status=SUCCESS, state=None)

    async def look(desk: Desk) -> None:
        await desk.press("C")
        await desk.see("y replays a copy")

    draw(look)
