"""The figures that the PostgreSQL backend keeps are those that it would read, whatever happens."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime, timedelta

import psycopg
import pytest

from asynqhub_tui.backends import open_hub
from asynqhub_tui.backends.postgres import news, recent
from asynqhub_tui.backends.postgres.connection import Database
from asynqhub_tui.backends.postgres.conninfo import parse
from asynqhub_tui.backends.postgres.recent import Recent
from asynqhub_tui.backends.postgres.tallies import Reader, Span, Tally
from asynqhub_tui.models import DEAD, FAIL, PENDING, RUNNING, SUCCESS, Window
from asynqhub_tui.repository import Hub, HubError
from tests.contract.builders import (
    THEN,
    WORKER,
    ago,
    both_rows,
    make_attempt,
    make_task,
    make_worker,
)
from tests.contract.engines import ENGINES, Engine

MINUTE = timedelta(minutes=1)

WIDTH, REACH = timedelta(seconds=0.5), timedelta(seconds=30)
"""So short that buckets begin and end while a test goes on."""

STEPS = 18


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """A PostgreSQL installation with two workers."""
    with ENGINES["postgres"](request) as fresh:
        fresh.load([make_worker(), make_worker("worker-2", ["mail"])])
        yield fresh


@pytest.fixture
async def database(engine: Engine) -> AsyncIterator[Database]:
    """The same, connected."""
    opened = Database(parse(engine.target().dsn), read_only=True)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
async def hub(engine: Engine) -> AsyncIterator[Hub]:
    """The same, open."""
    async with await open_hub(engine.target()) as opened:
        yield opened


@pytest.fixture
def other(engine: Engine) -> Iterator[psycopg.Connection]:
    """A session that writes beside the dashboard."""
    with closing(psycopg.connect(engine.dsn, autocommit=True)) as connection:
        yield connection


@pytest.fixture(autouse=True)
def few_in_flight(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let new ids tell of no more than they must: there are few tasks here."""
    monkeypatch.setattr(news, "_IN_FLIGHT", 2)
    monkeypatch.setattr(news, "_SETTLED", timedelta(0))


class Reads:
    """Notes what is read, of tasks and of attempts."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tasks: list[Span] = []
        self.attempts: list[Span] = []
        tasks, attempts = Reader.tasks, Reader.attempts

        async def noting_tasks(reader: Reader, span: Span) -> dict[int, Tally]:
            self.tasks.append(span)
            return await tasks(reader, span)

        async def noting_attempts(
            reader: Reader, statuses: Sequence[str], span: Span
        ) -> dict[int, Tally]:
            self.attempts.append(span)
            return await attempts(reader, statuses, span)

        monkeypatch.setattr(Reader, "tasks", noting_tasks)
        monkeypatch.setattr(Reader, "attempts", noting_attempts)

    @property
    def minutes(self) -> float:
        """How much of the time up to now was read."""
        now = ago()
        spans = [*self.tasks, *self.attempts]
        return sum((min(one.high or now, now) - one.low) / MINUTE for one in spans)

    def clear(self) -> None:
        """Forget what was read."""
        self.tasks.clear()
        self.attempts.clear()


def covers(spans: Sequence[Span], at: datetime) -> bool:
    """Tell whether what was created or began at a time was read."""
    return any(at in span for span in spans)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Reads:
    """What is read in this test."""
    return Reads(monkeypatch)


class Hubbub:
    """Lets happen what a hub, its workers and its operators do."""

    def __init__(self, connection: psycopg.Connection, seed: int) -> None:
        self._connection = connection
        self._draw = random.Random(seed)
        self._tasks: list[str] = []

    def step(self) -> None:
        """Let one thing happen."""
        happens = [self._arrive] * 3 + [self._import, self._update, self._update, self._move]
        happens += [self._begin] * 2 + [self._end] * 3 + [self._delete]
        self._draw.choice(happens)() if self._tasks else self._arrive()

    def _run(self, statement: str, **params: object) -> None:
        self._connection.execute(statement.encode(), params)

    def _back(self) -> timedelta:
        return timedelta(
            seconds=self._draw.choice([0, 0.2, 1, 10, 28, 31, 45]) * self._draw.random()
        )

    def _insert(self, updated: timedelta) -> None:
        worker, group = self._draw.choice([(WORKER, "web"), ("worker-2", "mail")])
        self._tasks.append(f"t{len(self._tasks)}")
        self._run(
            """INSERT INTO task (task_id, worker_name, queue, payload, status, created_at,
                updated_at)
            VALUES (%(id)s, %(worker)s, %(queue)s, '{}', %(status)s,
                CASE WHEN %(ever)s THEN 'infinity' ELSE clock_timestamp() - %(back)s END,
                clock_timestamp() - %(updated)s)""",
            id=self._tasks[-1],
            worker=worker,
            queue=f"{worker}:{group}:default",
            status=self._draw.choice([PENDING, RUNNING, SUCCESS, FAIL, DEAD, "odd"]),
            back=self._back(),
            ever=self._draw.random() < 0.02,
            updated=updated,
        )

    def _arrive(self) -> None:
        self._insert(updated=timedelta(0))

    def _import(self) -> None:
        self._insert(updated=timedelta(days=1))

    def _update(self) -> None:
        """The clock of a hub's host may be behind."""
        self._run(
            """UPDATE task SET status = %(status)s, updated_at = clock_timestamp() - %(late)s
            WHERE task_id = %(id)s""",
            id=self._draw.choice(self._tasks),
            status=self._draw.choice([PENDING, SUCCESS, FAIL, "odder"]),
            late=timedelta(seconds=self._draw.choice([0, 0, 20])),
        )

    def _move(self) -> None:
        self._run(
            """UPDATE task SET queue = worker_name || ':' || %(queue)s,
                updated_at = clock_timestamp() WHERE task_id = %(id)s""",
            id=self._draw.choice(self._tasks),
            queue=self._draw.choice(["web:low", "mail:low", "legacy"]),
        )

    def _begin(self) -> None:
        self._run(
            """INSERT INTO task_attempt (task_id, attempt, status, started_at)
            SELECT task_id, %(attempt)s, 'running', clock_timestamp() - %(back)s
            FROM task WHERE task_id = %(id)s""",
            id=self._draw.choice(self._tasks),
            attempt=self._draw.randint(1, 2),
            back=self._back(),
        )

    def _end(self) -> None:
        """One end or several, of an attempt that has begun some time ago."""
        self._run(
            """INSERT INTO task_attempt (task_id, attempt, status, started_at, finished_at,
                duration_ms)
            SELECT task_id, attempt, %(status)s, started_at,
                CASE WHEN %(ever)s THEN 'infinity' ELSE clock_timestamp() END, %(ms)s
            FROM task_attempt ORDER BY random() LIMIT 1""",
            status=self._draw.choice([SUCCESS, SUCCESS, FAIL, DEAD, "odd"]),
            ms=self._draw.choice([None, None, 0, 1200]),
            ever=self._draw.random() < 0.1,
        )

    def _delete(self) -> None:
        task_id = self._draw.choice(self._tasks)
        self._run("DELETE FROM task_attempt WHERE task_id = %(id)s", id=task_id)
        self._run("DELETE FROM task WHERE task_id = %(id)s", id=task_id)
        self._run("SELECT pg_stat_force_next_flush()")


class Kept:
    """Figures of the last half minute, and of two hours: everything that a screen asks for."""

    def __init__(self, database: Database) -> None:
        self._short = Recent(database, WIDTH, REACH)
        self._long = Recent(database, 10 * MINUTE, timedelta(hours=2))

    async def ask(self) -> tuple[Tally, Tally, Mapping[datetime, Tally]]:
        """Return all of it."""
        return *await self._short.figures(REACH), await self._long.hours(2)


@pytest.mark.parametrize("seed", range(2))
async def test_what_is_kept_is_what_would_be_read(
    database: Database, other: psycopg.Connection, reads: Reads, seed: int
) -> None:
    """Asked at the same time: around it stand two answers of one that has kept nothing."""
    hubbub = Hubbub(other, seed)
    kept = Kept(database)
    of_kept = of_others = 0.0
    numbers = 0
    for _ in range(STEPS):
        hubbub.step()
        after = None
        while True:
            before = after or await Kept(database).ask()
            reads.clear()
            found = await kept.ask()
            of_kept += reads.minutes
            reads.clear()
            after = await Kept(database).ask()
            of_others += reads.minutes
            if before == after:
                break
        assert found == before
        numbers += sum(len(part) for part in found)
    assert numbers > STEPS
    assert of_kept < of_others / 2


@pytest.mark.parametrize("first", [True, False], ids=["the first", "a later one"])
async def test_what_was_under_way_at_an_answer_is_found_by_the_next(
    hub: Hub, engine: Engine, other: psycopg.Connection, first: bool
) -> None:
    """Its rows have lower ids, and an earlier time, than what was seen."""
    began = ago(hours=3)
    tasks = [make_task("t0", at=began), make_task("t1", at=ago(hours=9)), make_task("t2", at=began)]
    attempts = [make_attempt(one.task_id, at=one.created_at) for one in tasks]
    engine.load(tasks=tasks, attempts=attempts)
    if not first:
        await hub.tasks.fleet_stats(Window.DAY)
    with closing(psycopg.connect(engine.dsn)) as slow:
        slow.execute(
            "INSERT INTO task_attempt (task_id, attempt, status, started_at, duration_ms)"
            " VALUES ('t0', 1, 'success', %s, 300)",
            [began],
        )
        slow.execute(
            "UPDATE task SET status = 'success', updated_at = now() - interval '50 s'"
            " WHERE task_id = 't1'"
        )
        other.execute(
            "INSERT INTO task_attempt (task_id, attempt, status, started_at, duration_ms)"
            " VALUES ('t2', 1, 'success', %s, 500)",
            [began],
        )
        for _ in range(3):
            before = (await hub.tasks.fleet_stats(Window.DAY))[WORKER]
            assert (before.success_tasks, before.avg_duration_ms) == (0, 500)
        slow.commit()
    after = (await hub.tasks.fleet_stats(Window.DAY))[WORKER]
    assert (after.success_tasks, after.avg_duration_ms) == (1, 400)


@pytest.mark.parametrize("created", ["infinity", "now"])
async def test_attempts_follow_a_task_that_was_created_later_than_they_began(
    hub: Hub, engine: Engine, other: psycopg.Connection, created: str
) -> None:
    """By the clocks of two hosts, or because somebody wrote nonsense."""
    began = ago(hours=3)
    engine.load(
        tasks=[make_task("t1")], attempts=both_rows("t1", 1, SUCCESS, at=began, took=MINUTE)
    )
    other.execute("UPDATE task SET created_at = %s::timestamptz", [created])
    [queue] = (await hub.tasks.fleet_stats(Window.DAY))[WORKER].queues
    assert queue.avg_duration_ms == 60_000
    other.execute("UPDATE task SET queue = 'moved', updated_at = clock_timestamp()")
    [queue] = (await hub.tasks.fleet_stats(Window.DAY))[WORKER].queues
    assert (queue.queue, queue.avg_duration_ms) == ("moved", 60_000)


async def test_durations_beyond_measure_do_not_spoil_the_sum(hub: Hub, engine: Engine) -> None:
    began = ago(hours=3)
    rows = [
        make_attempt(f"t{number}", 1, SUCCESS, at=began, finished_at=THEN.replace(year=9998))
        for number in range(2_000)
    ]
    engine.load(tasks=[make_task(row.task_id, at=began) for row in rows], attempts=rows)
    for window in (Window.DAY, Window.ALL):
        average = (await hub.tasks.fleet_stats(window))[WORKER].avg_duration_ms
        assert average == timedelta(days=10_000) / timedelta(milliseconds=1)


async def test_where_nothing_has_changed_the_ends_are_read_alone(
    hub: Hub, engine: Engine, reads: Reads
) -> None:
    engine.load(tasks=[make_task(f"t{back}", at=ago(minutes=back)) for back in range(30, 1430, 60)])
    first = await hub.tasks.fleet_stats(Window.DAY)
    assert covers(reads.tasks, ago(hours=12))
    assert covers(reads.attempts, ago(hours=12))
    assert first[WORKER].total_tasks == 24
    reads.clear()
    assert await hub.tasks.fleet_stats(Window.DAY) == first
    await hub.tasks.fleet_series(24)
    await hub.tasks.fleet_series(24)
    assert reads.tasks
    assert reads.attempts
    for span in (*reads.tasks, *reads.attempts):
        assert span.low > ago(minutes=11) or (span.high or ago()) < ago(hours=23)


@pytest.mark.parametrize("back", [timedelta(hours=3), 3 * MINUTE], ids=["wide", "narrow"])
async def test_what_has_changed_is_read_again_once(
    hub: Hub, engine: Engine, reads: Reads, back: timedelta
) -> None:
    """A task of before is retried, and its attempt of then stands with its new queue."""
    created, began = ago() - back - MINUTE, ago() - back
    engine.load(
        tasks=[make_task("t1", at=created, status=FAIL)],
        attempts=both_rows("t1", 1, SUCCESS, at=began, took=MINUTE),
    )
    before = await hub.tasks.fleet_stats(Window.DAY)
    assert [queue.avg_duration_ms for queue in before[WORKER].queues] == [60_000]
    reads.clear()
    await hub.tasks.upsert_task(
        make_task("t1", at=created, status=SUCCESS, queue="worker-1:web:low")
    )
    after = await hub.tasks.fleet_stats(Window.DAY)
    [queue] = after[WORKER].queues
    assert (queue.queue, queue.success) == ("worker-1:web:low", 1)
    assert queue.avg_duration_ms == 60_000
    assert covers(reads.tasks, created)
    assert covers(reads.attempts, began)
    assert not covers(reads.tasks, ago(hours=12))
    reads.clear()
    assert await hub.tasks.fleet_stats(Window.DAY) == after
    assert not covers(reads.tasks, created)
    assert not covers(reads.attempts, began)


@pytest.mark.parametrize("back", [timedelta(hours=3), 4 * MINUTE], ids=["wide", "narrow"])
async def test_an_attempt_that_ends_is_read_again_once(
    hub: Hub, engine: Engine, reads: Reads, back: timedelta
) -> None:
    began = ago() - back
    engine.load(tasks=[make_task("t1", at=began)], attempts=[make_attempt("t1", at=began)])
    await hub.tasks.fleet_stats(Window.DAY)
    reads.clear()
    await hub.tasks.insert_attempt(make_attempt("t1", 1, SUCCESS, at=began, duration_ms=700))
    after = await hub.tasks.fleet_stats(Window.DAY)
    assert after[WORKER].avg_duration_ms == 700
    assert covers(reads.attempts, began)
    assert not covers(reads.tasks, began)
    reads.clear()
    assert await hub.tasks.fleet_stats(Window.DAY) == after
    assert not covers(reads.attempts, began)


async def test_after_too_much_has_changed_all_is_read_again(
    hub: Hub, engine: Engine, reads: Reads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(news, "_MOST_CHANGES", 3)
    engine.load(tasks=[make_task(f"t{back}", at=ago(hours=back)) for back in range(1, 9)])
    await hub.tasks.fleet_stats(Window.DAY)
    for many in (3, 4):
        reads.clear()
        for back in range(many):
            await hub.tasks.update_task_status(f"t{back + 1}", f"odd {many}", 0, None, None)
        stats = await hub.tasks.fleet_stats(Window.DAY)
        assert covers(reads.tasks, ago(hours=12)) == (many > 3)
        assert stats == {WORKER: await hub.tasks.get_worker_stats(WORKER, Window.DAY)}


@pytest.mark.parametrize("patched", ["_TRUSTED", "_MARK"])
async def test_all_is_read_again_in_the_end_and_where_deletions_are_not_told(
    hub: Hub, engine: Engine, reads: Reads, monkeypatch: pytest.MonkeyPatch, patched: str
) -> None:
    if patched == "_TRUSTED":
        monkeypatch.setattr(news, "_TRUSTED", timedelta(0))
    else:  # as on a standby
        monkeypatch.setattr(news, "_MARK", news._MARK.replace("NOT pg_is_in_recovery()", "false"))
    engine.load(tasks=[make_task("t1", at=ago(hours=5))])
    for _ in range(2):
        reads.clear()
        assert (await hub.tasks.fleet_stats(Window.DAY))[WORKER].total_tasks == 1
        assert covers(reads.tasks, ago(hours=12))


async def test_deleted_tasks_do_not_count(
    hub: Hub, engine: Engine, other: psycopg.Connection
) -> None:
    engine.load(
        tasks=[
            make_task(f"{name}{back}", at=ago(hours=back), worker_name=name)
            for name in (WORKER, "worker-2")
            for back in range(1, 4)
        ]
    )
    for window in (Window.DAY, Window.WEEK):
        assert len(await hub.tasks.fleet_stats(window)) == 2
    async for _ in hub.tasks.purge_worker(WORKER, batch=2):
        stats = (await hub.tasks.fleet_stats(Window.DAY)).get(WORKER)
        assert stats is None or stats.total_tasks < 3
    assert set(await hub.tasks.fleet_stats(Window.WEEK)) == {"worker-2"}
    assert set(await hub.tasks.fleet_stats(Window.DAY)) == {"worker-2"}
    other.execute("DELETE FROM task WHERE task_id = 'worker-21'")
    other.execute("SELECT pg_stat_force_next_flush()")
    assert (await hub.tasks.fleet_stats(Window.DAY))["worker-2"].total_tasks == 2
    other.execute("TRUNCATE task, task_attempt")
    assert await hub.tasks.fleet_stats(Window.DAY) == {}


async def test_an_answer_that_is_cancelled_leaves_nothing_half_known(
    hub: Hub, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.load(tasks=[make_task(f"t{back}", at=ago(minutes=back)) for back in range(5, 1400, 7)])
    expected = await hub.tasks.get_worker_stats(WORKER, Window.DAY)
    read, reached = Reader.tasks, asyncio.Event()
    count = 0

    async def reading(reader: Reader, span: Span) -> dict[int, Tally]:
        nonlocal count
        count += 1
        if count == 5:
            reached.set()
            await asyncio.Event().wait()
        return await read(reader, span)

    monkeypatch.setattr(Reader, "tasks", reading)
    asked = asyncio.ensure_future(hub.tasks.fleet_stats(Window.DAY))
    await reached.wait()
    asked.cancel()
    await asyncio.wait([asked])
    assert asked.cancelled()
    await hub.tasks.update_task_status("t5", SUCCESS, 1, None, None)
    count = 5
    found = (await hub.tasks.fleet_stats(Window.DAY))[WORKER]
    assert found.success_tasks == 1
    assert found.total_tasks == expected.total_tasks
    assert count < 5 + 13  # the rest of twelve slices, and the ends


@pytest.mark.parametrize("changed", ["deleted", "updated"])
async def test_what_an_answer_that_failed_has_found_is_found_again(
    hub: Hub,
    engine: Engine,
    other: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    changed: str,
) -> None:
    engine.load(tasks=[make_task(f"t{back}", at=ago(hours=back)) for back in range(1, 9)])
    await hub.tasks.fleet_stats(Window.DAY)
    if changed == "deleted":
        other.execute("DELETE FROM task WHERE task_id = 't3'")
        other.execute("SELECT pg_stat_force_next_flush()")
    else:
        await hub.tasks.update_task_status("t3", SUCCESS, 1, None, None)
    for statement in (
        "_NEW_ATTEMPTS",
        "_ATTEMPTS_OF" if changed == "updated" else "_UPDATED_TASKS",
    ):
        with monkeypatch.context() as patch:
            patch.setattr(news, statement, "SELECT 1 / 0")
            with pytest.raises(HubError):
                await hub.tasks.fleet_stats(Window.DAY)
    stats = (await hub.tasks.fleet_stats(Window.DAY))[WORKER]
    assert stats == await hub.tasks.get_worker_stats(WORKER, Window.DAY)
    assert (stats.total_tasks, stats.success_tasks) == ((7, 0) if changed == "deleted" else (8, 1))


async def test_after_more_was_found_than_is_looked_at_it_begins_anew(
    hub: Hub, engine: Engine, reads: Reads, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has been under way for long holds up what is new."""
    engine.load(tasks=[make_task(f"t{back}", at=ago(hours=back)) for back in range(1, 9)])
    await hub.tasks.fleet_stats(Window.DAY)
    monkeypatch.setattr(news, "_MOST_FOUND", 3)
    for back in range(1, 5):
        await hub.tasks.update_task_status(f"t{back}", SUCCESS, 1, None, None)
    assert (await hub.tasks.fleet_stats(Window.DAY))[WORKER].success_tasks == 4
    monkeypatch.undo()
    await hub.tasks.update_task_status("t8", SUCCESS, 1, None, None)
    assert (await hub.tasks.fleet_stats(Window.DAY))[WORKER].success_tasks == 5


async def test_a_week_is_kept_while_it_is_looked_at(hub: Hub, engine: Engine, reads: Reads) -> None:
    engine.load(tasks=[make_task("t1", at=ago(days=5))])
    for window, whole in (
        (Window.WEEK, True),
        (Window.WEEK, False),
        (Window.HOUR, False),
        (Window.WEEK, True),
    ):
        reads.clear()
        await hub.tasks.fleet_stats(window)
        assert covers(reads.tasks, ago(days=4)) == whole


def test_what_is_missing_is_read_in_a_few_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "_MOST_SPANS", 8)
    spans = recent._spans
    assert spans([7]) == [(7, 8)]
    assert spans([1, 2, 3, 7, 8, 20]) == [(1, 4), (7, 9), (20, 21)]
    far = [at * at for at in range(12)]
    few = spans(far)
    assert len(few) == 8
    assert few[0] == (0, 17)  # 0, 1, 4, 9 and 16 with what lies between them
    assert few[1:] == [(at * at, at * at + 1) for at in range(5, 12)]


def test_spans_are_cut_to_slices_the_newest_first() -> None:
    assert recent._slices([(0, 3), (10, 60)]) == [(36, 60), (12, 36), (10, 12), (0, 3)]
