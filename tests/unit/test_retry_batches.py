"""Batches on the disk: what is read back, what is torn, what may go, and who may touch it."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from asynqhub_tui.actions.retry.batch import CHUNK, Batch, is_held
from asynqhub_tui.actions.retry.batches import KEPT, find_batch, interrupted, list_batches, tidy
from asynqhub_tui.actions.retry.decision import Decision, Planned, Reason
from asynqhub_tui.actions.retry.pace import Pace
from asynqhub_tui.actions.retry.records import End, Ending, Head, Kind, TaskOutcome
from asynqhub_tui.actions.retry.saving import save
from asynqhub_tui.models import FAIL
from asynqhub_tui.repository import Refused
from tests.contract.builders import make_task

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def planned(number: int, *, skip: bool = False) -> Planned:
    return Planned(
        ref=make_task(f"t{number:04}", status=FAIL).ref,
        decision=Decision.SKIP if skip else Decision.ENQUEUE,
        reason=Reason.RUNNING if skip else None,
    )


async def in_chunks(entries: Sequence[Planned]) -> AsyncGenerator[Sequence[Planned], None]:
    for start in range(0, len(entries), 300):
        yield entries[start : start + 300]


async def begun(folder: Path, count: int = 3, at: datetime = NOW) -> Batch:
    batch = await Batch.begin(folder, at)
    await batch.write_plan(in_chunks([planned(number) for number in range(count)]))
    return batch


def head_of(batch: Batch, at: datetime = NOW, **fields: object) -> Head:
    values: dict[str, object] = {
        "batch": batch.id,
        "planned_at": at,
        "confirmed_at": at,
        "operator": "ops",
        "backend": "sqlite",
        "place": "hub.db",
        "queue": "redis:6379/0",
        "selection": "status:failed",
        "total": 3,
        "included": 3,
    }
    return Head.model_validate(values | fields)


def done(number: int) -> TaskOutcome:
    return TaskOutcome(task_id=f"t{number:04}", kind=Kind.ENQUEUED, marked=True)


async def left(batch: Batch) -> list[list[str]]:
    return [[one.ref.task_id for one in chunk] async for chunk in batch.left()]


async def test_what_is_left_is_what_has_no_outcome(tmp_path: Path) -> None:
    async with await Batch.begin(tmp_path, NOW) as batch:
        entries = [planned(number, skip=number % 2 == 1) for number in range(2_400)]
        await batch.write_plan(in_chunks(entries))
        chunks = await left(batch)
        assert [len(chunk) for chunk in chunks] == [CHUNK, CHUNK, 200]
        await batch.write_outcomes([done(number) for number in range(0, 2_000, 2)])
        assert await left(batch) == [[f"t{number:04}" for number in range(2_000, 2_400, 2)]]


async def test_an_outcome_that_a_crash_cut_short_is_none(tmp_path: Path) -> None:
    async with await begun(tmp_path) as batch:
        await batch.write_outcomes([done(0), done(1)])
    path = batch.folder / "outcomes.jsonl"
    path.write_bytes(path.read_bytes()[:-9])
    async with await Batch.take(tmp_path, batch.id) as batch:
        assert await left(batch) == [["t0001", "t0002"]]
        await batch.write_outcomes([done(1), done(2)])
        found = [one.task_id async for chunk in batch.outcomes() for one in chunk]
        assert found == ["t0000", "t0001", "t0002"]
        assert await left(batch) == []


async def test_only_the_user_can_read_it(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "batches"
    async with await begun(folder) as batch:
        await batch.confirm(head_of(batch))
        await batch.write_outcomes([done(0)])
        for path in (folder, batch.folder, *batch.folder.iterdir()):
            assert not path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO), path


async def test_one_process_at_a_time(tmp_path: Path) -> None:
    async with await begun(tmp_path) as batch:
        with pytest.raises(Refused, match="works on"):
            await Batch.take(tmp_path, batch.id)
    assert not is_held(batch.folder)


async def test_which_batches_there_are(tmp_path: Path) -> None:
    async with (
        await begun(tmp_path) as stopped,
        await begun(tmp_path) as ended,
        await begun(tmp_path) as lost,
        await begun(tmp_path),
    ):
        for number, batch in enumerate((stopped, ended, lost)):
            await batch.confirm(head_of(batch, NOW + timedelta(seconds=number)))
        counts = {Kind.ENQUEUED: 3}
        await stopped.end(End(ended_at=NOW, ending=Ending.STOPPED, counts=counts))
        await ended.end(End(ended_at=NOW, ending=Ending.DONE, counts=counts))
        assert all(one.running for one in await list_batches(tmp_path))
        assert await interrupted(tmp_path, "hub.db", NOW) == []
    found = await list_batches(tmp_path)
    assert [one.head.batch for one in found] == [lost.id, ended.id, stopped.id]
    assert [one.resumable(NOW) for one in found] == [True, False, True]
    assert [one.head.batch for one in await interrupted(tmp_path, "hub.db", NOW)] == [lost.id]
    assert await interrupted(tmp_path, "other.db", NOW) == []
    assert await interrupted(tmp_path, "hub.db", NOW + timedelta(days=7)) == []


async def test_one_batch_and_how_it_stands(tmp_path: Path) -> None:
    async def state(batch_id: str) -> str | None:
        found = await find_batch(tmp_path, batch_id)
        return found.state if found else None

    async with await begun(tmp_path) as batch:
        assert await state(batch.id) is None, "nobody has confirmed it"
        await batch.confirm(head_of(batch))
        assert await state(batch.id) == "running"
    assert await state(batch.id) == "interrupted"
    async with await Batch.take(tmp_path, batch.id) as again:
        await again.end(End(ended_at=NOW, ending=Ending.CANCELLED, counts={}))
    assert await state(batch.id) == "cancelled"
    for other in ("nothing", "", "..", f"../{tmp_path.name}"):
        assert await state(other) is None


async def test_what_is_of_no_use_goes(tmp_path: Path) -> None:
    async with await begun(tmp_path) as old, await begun(tmp_path) as new:
        await old.confirm(head_of(old))
        await new.confirm(head_of(new, NOW + timedelta(days=2)))
        await tidy(tmp_path, NOW + KEPT + timedelta(days=1))
        assert len(await list_batches(tmp_path)) == 2, "both are held"
    await tidy(tmp_path, NOW + KEPT + timedelta(days=1))
    assert [one.head.batch for one in await list_batches(tmp_path)] == [new.id]


async def test_a_folder_that_is_none_of_ours_stays(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("not a batch")
    await tidy(tmp_path, NOW)
    assert await list_batches(tmp_path) == []
    assert (tmp_path / "notes").exists()


async def test_a_disk_that_does_not_let_us_is_said_in_words(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(Refused, match=r"file.* cannot be used \(.*\)\. Free it, or name another"):
        await Batch.begin(blocked / "batches", NOW)


async def test_outcomes_are_saved_as_a_table(tmp_path: Path) -> None:
    async with await begun(tmp_path) as batch:
        odd = TaskOutcome(
            task_id="t\t1", kind=Kind.SKIPPED, reason=Reason.CLAIMED, detail="by\x1b[31m"
        )
        await batch.write_outcomes([done(0), odd])
    path = tmp_path / "out.tsv"
    await save(batch.folder, path)
    assert path.read_text() == (
        "outcome\ttask_id\twhy\n"
        "enqueued\tt0000\t\n"
        "skipped\tt 1\tretried already by another batch: by␛[31m\n"
    )
    with pytest.raises(Refused, match="File exists"):
        await save(batch.folder, path)


async def test_a_pace_is_kept() -> None:
    now = 100.0
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        nonlocal now
        slept.append(seconds)
        now += seconds

    pace = Pace(20.0, lambda: now, sleep)
    assert pace.most(500) == 10
    for _ in range(5):
        await pace.wait(10)
    assert slept == [0.5] * 4
    now += 60.0  # a pause is not made up for by a burst
    await pace.wait(10)
    await pace.wait(10)
    assert slept == [0.5] * 5


def test_a_slow_pace_goes_one_by_one_and_none_is_without_a_limit() -> None:
    assert Pace(0.5).most(500) == 1
    assert Pace(None).most(500) == 500
    assert Pace(10_000).most(500) == 500


async def test_who_is_cancelled_while_letting_go_has_let_go(tmp_path: Path) -> None:
    batch = await Batch.begin(tmp_path, datetime.now(UTC))
    assert is_held(batch.folder)
    closing = asyncio.ensure_future(batch.close())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert not is_held(batch.folder)
