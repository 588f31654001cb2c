"""A sync that is killed again and again, while its source goes on, ends with equal content."""

from __future__ import annotations

import multiprocessing
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from pydantic import SecretStr

from asynqhub_tui.backends import Target
from tests.clickhouse import ClickHouseServer
from tests.sync.hub import SourceHub
from tests.sync.killed import STEPS_INTO_CALL, compare, sync

KILLS = {"sqlite": 20, "clickhouse": 10, "chdb": 3}
"""How often each is killed: the engines of ClickHouse take longer for each run."""

BATCH = 20

_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["tests.sync.killed"])


@pytest.fixture
def exit_stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.mark.parametrize("kind", KILLS)
def test_it_ends_with_equal_content(
    origin: SourceHub, kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    chance = random.Random(kind)
    origin.fill(60)
    source, copy = Target("postgres", origin.secret), _copy(kind, request, tmp_path)
    kills = 0
    while kills < KILLS[kind]:
        origin.change(chance, f"run-{kills}")
        into = chance.randint(0, STEPS_INTO_CALL)
        # A run that has gone on behind its last call by then has copied all: none is that short.
        kills += _ended(sync, source, copy, chance.randint(1, 40), into, BATCH) != 0
    assert _ended(sync, source, copy, 10**9, 0, BATCH) == 0
    assert _ended(compare, source, copy) == 0


def _copy(kind: str, request: pytest.FixtureRequest, folder: Path) -> Target:
    if kind == "sqlite":
        return Target("sqlite", SecretStr(str(folder / "copy.db")))
    if kind == "chdb":
        return Target("clickhouse", SecretStr(f"chdb://{folder / 'copy'}"))
    server: ClickHouseServer = request.getfixturevalue("clickhouse_server")
    dsn, _ = request.getfixturevalue("exit_stack").enter_context(server.installation())
    return Target("clickhouse", SecretStr(dsn))


def _ended(work: Callable[..., None], *arguments: object) -> int | None:
    """Let another process do something, and return how it has ended."""
    process = _PROCESSES.Process(target=work, args=arguments)
    process.start()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode
