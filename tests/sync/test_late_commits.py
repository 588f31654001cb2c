"""What becomes visible late is not missed, though what came after it was copied already."""

from __future__ import annotations

from collections.abc import AsyncIterator

import psycopg
import pytest
from psycopg import AsyncConnection

from asynqhub_tui.replication import Copy, Source, Table
from asynqhub_tui.sync import copying as copying_module
from asynqhub_tui.sync.copying import Copying
from asynqhub_tui.sync.pace import Pace
from tests.sync.hub import SourceHub, differences
from tests.sync.quiet import Quiet

NEW_TASK = """INSERT INTO task (task_id, worker_name, queue, payload, status)
    VALUES (%s, 'images', 'images:main:default', '{}', 'pending')"""

NEW_ATTEMPT = """INSERT INTO task_attempt (task_id, attempt, status, started_at)
    VALUES (%s, %s, 'running', now())"""


@pytest.fixture(autouse=True)
def no_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is found is found by what is known of transactions, not by reading some more."""
    monkeypatch.setattr(copying_module, "OVERLAP", 0)
    monkeypatch.setattr(copying_module, "ID_OVERLAP", 0)


@pytest.fixture
async def late(origin: SourceHub) -> AsyncIterator[AsyncConnection]:
    """A session whose transaction stays open until the test commits it."""
    async with await psycopg.AsyncConnection.connect(origin.dsn) as connection:
        yield connection


async def test_of_rows_that_came_between_two_rounds(
    origin: SourceHub,
    copying: Copying,
    source: Source,
    copy: Copy,
    late: AsyncConnection,
    watcher: Quiet,
) -> None:
    origin.fill(20)
    await copying.round()
    await late.execute(NEW_TASK, ["late"])
    await late.execute(NEW_ATTEMPT, ["late", 1])
    await late.execute("UPDATE task SET status = 'dead', updated_at = now() WHERE id = 3")
    await _later_ones(origin, "after")
    await copying.round()
    assert len(await differences(source, copy)) == 0
    await _later_ones(origin, "once more")
    await copying.round()
    await late.commit()
    assert len(await differences(source, copy)) == 3
    stages = len(watcher.stages)
    await copying.round()
    assert await differences(source, copy) == []
    assert watcher.stages[stages:] == []  # no sweep was needed for it


async def test_of_a_transaction_that_writes_long_after_its_beginning(
    origin: SourceHub, copying: Copying, source: Source, copy: Copy, late: AsyncConnection
) -> None:
    origin.fill(20)
    await copying.round()
    await late.execute("SELECT now()")  # the time that its rows are going to bear
    for number in range(3):
        await _later_ones(origin, f"after-{number}")
        await copying.round()
    await late.execute(NEW_TASK, ["late"])
    await late.execute("UPDATE task SET status = 'dead', updated_at = now() WHERE id = 3")
    await late.commit()
    await copying.round()
    assert await differences(source, copy) == []


async def test_of_a_transaction_from_before_the_first_round(
    origin: SourceHub, copying: Copying, source: Source, copy: Copy, late: AsyncConnection
) -> None:
    origin.fill(10)
    await late.execute(NEW_TASK, ["late"])
    await late.execute(NEW_ATTEMPT, ["task-2", 7])
    origin.fill(10, name="other")
    await copying.round()
    await _later_ones(origin, "after")
    await copying.round()
    await late.commit()
    await copying.round()
    assert await differences(source, copy) == []


async def test_across_a_restart(
    origin: SourceHub,
    copying: Copying,
    source: Source,
    copy: Copy,
    late: AsyncConnection,
    watcher: Quiet,
) -> None:
    origin.fill(10)
    await copying.round()
    await late.execute(NEW_ATTEMPT, ["task-2", 7])
    await _later_ones(origin, "after")
    await copying.round()
    await late.commit()
    again = Copying(source, copy, Pace(1.0), watcher)
    await again.open()
    await again.round()
    assert await differences(source, copy) == []
    assert len(await copy.fingerprints(Table.ATTEMPT, 0, 2**60)) == 22


async def _later_ones(origin: SourceHub, name: str) -> None:
    origin.enqueue(name, "mailer")
    origin.begin(name)
