"""A comparison finds what differs, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping

from asynqhub_tui.replication import Copy, Moment, Source, Table
from asynqhub_tui.sync.copying import Copying
from asynqhub_tui.sync.pace import Pace
from asynqhub_tui.sync.verifying import Comparison, compare
from tests.sync.hub import SourceHub
from tests.sync.quiet import Quiet


async def compared(source: Source, copy: Copy, copying: Copying) -> Mapping[Table, Comparison]:
    """Compare, without copying what has changed meanwhile."""

    async def catch_up() -> Moment:
        done = copying.position.done
        assert done is not None
        return done

    return await compare(source, copy, Pace(1.0), Quiet(), catch_up)


def differing(comparison: Comparison) -> list[int]:
    """The ids of the rows that differ."""
    return sorted(id for ids in comparison.differing.values() for id in ids)


async def test_of_equal_ones(
    origin: SourceHub, copying: Copying, source: Source, copy: Copy
) -> None:
    origin.fill(90)
    await copying.round()
    found = await compared(source, copy, copying)
    assert found[Table.TASK].source.total() == found[Table.TASK].copy.total() == 90
    assert found[Table.ATTEMPT].source == found[Table.ATTEMPT].copy
    assert len({group.day for group in found[Table.TASK].source}) >= 3
    assert len({group.status for group in found[Table.TASK].source}) == 4
    assert not any(one.differing for one in found.values())


async def test_of_rows_that_differ_or_are_in_one_only(
    origin: SourceHub, copying: Copying, source: Source, copy: Copy
) -> None:
    origin.fill(30)
    await copying.round()
    # Behind the copy's back: a text that no time tells of, one row less, and one more.
    origin.sql("UPDATE task SET payload = '{\"other\": 1}' WHERE id = 4")
    origin.sql("UPDATE task_attempt SET error = 'another' WHERE id = 5")
    await copy.remove(Table.TASK, [9])
    origin.sql("DELETE FROM task_attempt WHERE id = 12")
    found = await compared(source, copy, copying)
    assert differing(found[Table.TASK]) == [4, 9]
    assert differing(found[Table.ATTEMPT]) == [5, 12]
    assert found[Table.TASK].source.total() == 30
    assert found[Table.TASK].copy.total() == 29
    assert found[Table.ATTEMPT].source.total() == 59
    assert found[Table.ATTEMPT].copy.total() == 60


async def test_what_changes_meanwhile_does_not_count(
    origin: SourceHub, copying: Copying, source: Source, copy: Copy
) -> None:
    origin.fill(30)
    await copying.round()
    origin.sql("UPDATE task SET status = 'success', updated_at = now() WHERE id = 4")
    looks = 0

    async def catch_up() -> Moment:
        nonlocal looks
        looks += 1
        if looks > 1:
            await copying.round()
        done = copying.position.done
        assert done is not None
        return done

    found = await compare(source, copy, Pace(1.0), Quiet(), catch_up)
    assert looks == 2
    assert not any(one.differing for one in found.values())


async def test_an_attempt_that_is_told_twice_counts_once(
    origin: SourceHub, copying: Copying, source: Source, copy: Copy
) -> None:
    origin.fill(10)
    origin.sql(
        "INSERT INTO task_attempt (task_id, attempt, status, started_at, finished_at, error)"
        " SELECT task_id, attempt, status, started_at, finished_at, 'told again'"
        " FROM task_attempt WHERE id IN (2, 3)"
    )
    await copying.round()
    found = await compared(source, copy, copying)
    assert not any(one.differing for one in found.values())


async def test_of_the_newest_rows_that_the_source_has_no_longer(
    origin: SourceHub, copying: Copying, source: Source, copy: Copy
) -> None:
    origin.fill(10)
    await copying.round()
    origin.sql("DELETE FROM task_attempt WHERE task_id = 'task-10'")
    origin.sql("DELETE FROM task WHERE task_id = 'task-10'")
    found = await compared(source, copy, copying)
    assert differing(found[Table.TASK]) == [10]
    assert differing(found[Table.ATTEMPT]) == [19, 20]


async def test_a_source_that_never_rests_differs_in_nothing(
    origin: SourceHub, copying: Copying, source: Source, copy: Copy
) -> None:
    origin.fill(10)
    await copying.round()
    origin.sql("UPDATE task SET payload = '[0]' WHERE id = 2")  # no time of update tells of it
    number = 0

    async def catch_up() -> Moment:
        nonlocal number
        number += 1
        await copying.round()
        origin.sql("UPDATE task SET last_attempt = %s, updated_at = now() WHERE id = 7", number)
        done = copying.position.done
        assert done is not None
        return done

    found = await compare(source, copy, Pace(1.0), Quiet(), catch_up)
    assert differing(found[Table.TASK]) == [2]
