"""The journal: whole lines, both phases, any number of writers, and no action without it."""

from __future__ import annotations

import asyncio
import fcntl
import json
import multiprocessing
import os
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from asynqhub_tui.actions.journal import Journal, state_folder
from asynqhub_tui.actions.outcome import Outcome
from asynqhub_tui.repository import HubInfo, Refused, Unavailable

NOW = datetime(2026, 11, 23, 14, 2, 11, 829, tzinfo=UTC)
INFO = HubInfo(backend="postgres", place="db1:5432/asynqhub")


def journal_in(folder: Path, **environ: str) -> Journal:
    return Journal(INFO, folder, environ, lambda: NOW)


def entries(journal: Journal) -> list[dict[str, Any]]:
    return [json.loads(line) for line in journal.path.read_text("ascii").splitlines()]


async def test_an_action_is_written_before_and_after(tmp_path: Path) -> None:
    journal = journal_in(tmp_path, SSH_CONNECTION="192.0.2.7 50122 192.0.2.1 22")
    async with journal.action("delete_worker", "worker-1", {"tasks": "61"}) as record:
        (intent,) = entries(journal)
        record.details["rows"] = 1
    before, after = entries(journal)
    assert before == intent
    assert before["time"] == "2026-11-23T14:02:11.000829+00:00"
    assert before["origin"] == "192.0.2.7"
    assert before["installation"] == {"backend": "postgres", "place": "db1:5432/asynqhub"}
    assert (before["action"], before["target"]) == ("delete_worker", "worker-1")
    assert (before["phase"], before["outcome"], before["details"]) == (
        "intent",
        None,
        {"tasks": "61"},
    )
    assert (after["phase"], after["outcome"], after["details"]) == ("outcome", "done", {"rows": 1})
    assert after["id"] == before["id"]
    assert before["operator"]
    assert before["host"]


async def test_each_action_has_an_id_of_its_own(tmp_path: Path) -> None:
    journal = journal_in(tmp_path)
    for _ in range(2):
        async with journal.action("enable_worker", "worker-1", {}):
            pass
    assert len({entry["id"] for entry in entries(journal)}) == 2


async def test_without_ssh_the_origin_is_local(tmp_path: Path) -> None:
    journal = journal_in(tmp_path, SSH_CONNECTION=" ")
    async with journal.action("enable_worker", "worker-1", {}):
        pass
    assert entries(journal)[0]["origin"] == "local"


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (Unavailable("No answer."), "failed"),
        (Refused("It has tasks."), "refused"),
        (asyncio.CancelledError(), "cancelled"),
        (KeyError("secret"), "failed"),
    ],
)
async def test_an_action_that_ends_in_an_error_says_so(
    tmp_path: Path, error: BaseException, outcome: str
) -> None:
    journal = journal_in(tmp_path)
    with pytest.raises(type(error)):
        async with journal.action("delete_worker", "worker-1", {}):
            raise error
    assert entries(journal)[-1]["outcome"] == outcome
    assert "secret" not in journal.path.read_text("ascii")


async def test_names_from_the_database_stay_inert_and_on_one_line(tmp_path: Path) -> None:
    name = "worker\n\x1b[2J\u202e工\ud800"
    journal = journal_in(tmp_path)
    async with journal.action("delete_worker", name, {"error": name}):
        pass
    text = journal.path.read_text("ascii")
    assert text.count("\n") == 2
    assert text.replace("\n", "").isprintable()
    assert entries(journal)[0]["target"] == name


async def test_only_the_user_may_read_it(tmp_path: Path) -> None:
    journal = journal_in(tmp_path / "state")
    async with journal.action("delete_worker", "worker-1", {}):
        pass
    assert stat.S_IMODE(journal.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(journal.path.parent.stat().st_mode) == 0o700


async def test_an_action_that_cannot_be_journalled_is_not_done(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("in the way")
    done = False
    with pytest.raises(Refused, match=r"journal\.jsonl cannot be written .* nothing was done\."):
        async with journal_in(tmp_path / "state").action("delete_worker", "worker-1", {}):
            done = True
    assert not done


async def test_an_outcome_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    journal = journal_in(tmp_path)
    async with journal.action("delete_worker", "worker-1", {}) as record:
        journal.path.rename(tmp_path / "kept")
        journal.path.mkdir()
    assert record.outcome is Outcome.DONE
    assert record.unwritten is not None
    assert str(journal.path) in record.unwritten


async def test_half_a_line_of_a_crash_costs_no_other_entry(tmp_path: Path) -> None:
    journal = journal_in(tmp_path)
    async with journal.action("delete_worker", "worker-1", {}):
        pass
    whole = journal.path.read_bytes()
    journal.path.write_bytes(whole[:-20])
    async with journal.action("delete_worker", "worker-2", {}):
        pass
    intact, torn, *after = journal.path.read_bytes().splitlines(keepends=True)
    assert (intact + torn)[:-1] == whole[:-20]
    assert [json.loads(line)["target"] for line in after] == ["worker-2", "worker-2"]


async def test_an_entry_waits_for_the_one_that_another_process_writes(tmp_path: Path) -> None:
    journal = journal_in(tmp_path)

    async def act() -> None:
        async with journal.action("delete_worker", "worker-1", {}):
            pass

    file = os.open(journal.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    fcntl.flock(file, fcntl.LOCK_EX)
    os.write(file, b'{"target": ')
    acting = asyncio.create_task(act())
    # Long enough for a writer that does not wait to be caught; one that waits always passes.
    await asyncio.wait({acting}, timeout=0.1)
    os.write(file, b'"worker-0"}\n')
    os.close(file)
    await acting
    assert [entry["target"] for entry in entries(journal)] == ["worker-0", "worker-1", "worker-1"]


async def test_an_action_that_is_given_up_before_it_begins_says_so(tmp_path: Path) -> None:
    journal = journal_in(tmp_path)
    begun = False

    async def act() -> None:
        nonlocal begun
        async with journal.action("delete_worker", "worker-1", {}):
            begun = True

    file = os.open(journal.path, os.O_WRONLY | os.O_CREAT)
    fcntl.flock(file, fcntl.LOCK_EX)
    acting = asyncio.create_task(act())
    await asyncio.sleep(0)
    acting.cancel()
    await asyncio.sleep(0)
    os.close(file)
    with pytest.raises(asyncio.CancelledError):
        await acting
    assert not begun
    assert [(e["phase"], e["outcome"]) for e in entries(journal)] == [
        ("intent", None),
        ("outcome", "cancelled"),
    ]


def _write_many(folder: Path, target: str) -> None:
    async def write() -> None:
        journal = journal_in(folder)
        for _ in range(20):
            async with journal.action("delete_worker", target * 2_000, {}):
                pass

    asyncio.run(write())


def test_several_processes_write_whole_lines(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_many, args=(tmp_path, name)) for name in "abc"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    found = entries(journal_in(tmp_path))
    assert {name: sum(e["target"][0] == name for e in found) for name in "abc"} == {
        "a": 40,
        "b": 40,
        "c": 40,
    }


def test_the_state_folder_can_be_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert state_folder({"ASYNQHUB_TUI_STATE": "/srv/state"}) == Path("/srv/state")
    assert state_folder({}) == tmp_path / "asynqhub-tui"


async def test_the_journal_of_an_installation_lies_in_the_state_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "ASYNQHUB_TUI_STATE", str(tmp_path))
    assert Journal.of(INFO).path == tmp_path / "journal.jsonl"
