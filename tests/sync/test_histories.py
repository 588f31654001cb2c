"""Whatever happens at the source between two rounds, and whatever commits late, is in the copy."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import psycopg
import pytest
from psycopg import AsyncConnection

from asynqhub_tui.replication import Copy, Source, Table
from asynqhub_tui.sync import copying as copying_module
from asynqhub_tui.sync.copying import Copying
from asynqhub_tui.sync.pace import Pace
from tests.sync.hub import SourceHub, differences
from tests.sync.quiet import Quiet

ROUNDS = 6


@pytest.fixture(autouse=True)
def no_margins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is found by reading some more, or by chance."""
    monkeypatch.setattr(copying_module, "OVERLAP", 0)
    monkeypatch.setattr(copying_module, "ID_OVERLAP", 0)
    monkeypatch.setattr(copying_module, "BATCH", 11)


@pytest.fixture
async def sessions(origin: SourceHub) -> AsyncIterator[list[AsyncConnection]]:
    """Three whose transactions stay open across rounds."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(await psycopg.AsyncConnection.connect(origin.dsn))
            for _ in range(3)
        ]


@pytest.mark.parametrize("seed", [1, 2])
async def test_the_copy_is_equal_in_the_end(
    origin: SourceHub,
    source: Source,
    copy: Copy,
    sessions: list[AsyncConnection],
    seed: int,
) -> None:
    chance = random.Random(seed)
    origin.fill(40)
    copying = Copying(source, copy, Pace(1.0), Quiet())
    await copying.open()
    await copying.round()
    swept = copying.position.swept_at
    for turn in range(ROUNDS):
        for number, session in enumerate(sessions):
            await _write(session, chance, f"late-{turn}-{number}")
            if chance.random() < 0.4:
                await session.commit()
        origin.sql("UPDATE task SET status = 'dead', updated_at = now() WHERE id = %s", turn + 1)
        origin.enqueue(f"new-{turn}", "mailer")
        origin.begin(f"new-{turn}")
        await copying.round()
        if chance.random() < 0.3:  # another process goes on
            copying = Copying(source, copy, Pace(1.0), Quiet())
            await copying.open()
    for session in sessions:
        await session.commit()
    await copying.round()
    assert copying.position.swept_at == swept  # it was found without a search
    assert await differences(source, copy) == []
    assert len(await copy.ids(Table.TASK, 0, 2**60)) > 40 + ROUNDS


async def _write(session: AsyncConnection, chance: random.Random, name: str) -> None:
    """Do one of the things that are done to a hub's database; each session has rows of its own."""
    await session.execute("SET LOCAL lock_timeout = '5s'")
    match chance.randint(0, 2):
        case 0:
            await session.execute("SELECT now()")
        case 1:
            await session.execute(
                "INSERT INTO task (task_id, worker_name, queue, payload, status)"
                " VALUES (%s, 'images', 'images:main:default', '{}', 'pending')",
                [name],
            )
        case _:
            await session.execute(
                "WITH made AS (INSERT INTO task (task_id, worker_name, queue, payload, status)"
                "  VALUES (%s, 'mailer', 'mailer:main:low', '[]', 'fail') RETURNING task_id)"
                " SELECT task_id FROM made",
                [name],
            )
            await session.execute(
                "INSERT INTO task_attempt (task_id, attempt, status) VALUES (%s, 1, 'fail')",
                [name],
            )
