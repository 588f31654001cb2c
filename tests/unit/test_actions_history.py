"""The journal, read back: actions with their ends, whatever a crash has left in the file."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from asynqhub_tui.actions import history
from asynqhub_tui.actions.journal import Journal
from asynqhub_tui.actions.outcome import Outcome
from asynqhub_tui.repository import HubInfo, Refused

NOW = datetime(2026, 11, 23, 14, 2, 11, 829, tzinfo=UTC)
INFO = HubInfo(backend="postgres", place="db1:5432/asynqhub")


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """A journal in which every line is a second later than the one before."""
    seconds = iter(range(1_000))
    return Journal(INFO, tmp_path, {}, lambda: NOW + timedelta(seconds=next(seconds)))


async def test_no_file_is_no_action(tmp_path: Path) -> None:
    assert await history.read(tmp_path / "journal.jsonl") == []


async def test_an_action_is_joined_with_what_came_of_it(journal: Journal) -> None:
    async with journal.action("retry_tasks", "status:failed", {"tasks": 2}) as record:
        record.outcome = Outcome.CANCELLED
        record.details["resumed"] = 1
    [entry] = await history.read(journal.path)
    assert (entry.action, entry.target, entry.outcome) == (
        *("retry_tasks", "status:failed", "cancelled"),
    )
    assert (entry.began_at, entry.ended_at) == (NOW, NOW + timedelta(seconds=1))
    assert (entry.backend, entry.place, entry.origin) == ("postgres", "db1:5432/asynqhub", "local")
    assert entry.details == {"tasks": 2, "resumed": 1}


async def test_the_newest_come_first_and_may_be_limited(journal: Journal) -> None:
    for name in ("first", "second", "third"):
        async with journal.action("enable_worker", name, {}):
            pass
    found = await history.read(journal.path, limit=2)
    assert [entry.target for entry in found] == ["third", "second"]


async def test_what_began_and_never_ended_has_no_outcome(journal: Journal) -> None:
    async with journal.action("delete_worker", "w", {}) as record:
        [entry] = await history.read(journal.path)
        assert entry.id == record.id
    assert (entry.ended_at, entry.outcome) == (None, None)


async def test_lines_that_are_none_are_passed_over(journal: Journal) -> None:
    async with journal.action("delete_worker", "before", {}):
        pass
    with journal.path.open("ab") as file:
        file.write(b'{"time": "2026\n\xff\xfe\n[]\n\n{"id": "x"}\n')
    async with journal.action("delete_worker", "after", {}):
        pass
    assert [entry.target for entry in await history.read(journal.path)] == ["after", "before"]


async def test_a_file_that_cannot_be_read_is_said_in_words(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="cannot be read"):
        await history.read(tmp_path)
