"""Rounds of a copy: first all rows by their ids, from then on what has changed and come.

A round copies what the source had at the moment when it began. How far it has come is written to
the copy with every batch; one that was interrupted, at whatever point, goes on from there, and a
batch that is written twice changes nothing.

Nothing is missed that becomes visible late. A transaction that was under way at one moment may show
rows later with times and ids from before that moment. Which transactions those are is known at each
moment; when one of them has ended, the next round begins where it began. What is under way from
before our first moment is followed by a sweep.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Literal

from pydantic import ValidationError

from asynqhub_tui.replication import (
    TASK_UPDATED,
    Copy,
    Moment,
    Place,
    Position,
    Round,
    Row,
    Source,
    Span,
    Table,
    no_copy,
)
from asynqhub_tui.repository import Refused
from asynqhub_tui.sync.pace import Pace
from asynqhub_tui.sync.sweeping import sweep
from asynqhub_tui.sync.watching import Watcher

BATCH = 5_000
"""Rows that are read at a time, unless their payloads are large."""

OVERLAP = 60_000_000
"""Microseconds by which a round goes back behind the last: `updated_at` is a time of the one who
writes, whose clock may be late.
"""

ID_OVERLAP = 1_000
"""Ids of attempts by which it goes back: a number is taken a little before its row is written."""

SWEEP_EVERY = 3_600_000_000
"""Microseconds between two sweeps of a copy that follows its source, whatever else is known."""

SWEEP_REST = 30.0
"""Seconds at least between two sweeps because of rows that were deleted."""

SWEEP_SHARE = 20
"""How many times as long as it took the next of these has to wait."""


class Copying:
    """Fills one copy from one source."""

    def __init__(self, source: Source, copy: Copy, pace: Pace, watcher: Watcher) -> None:
        self._source = source
        self._copy = copy
        self._pace = pace
        self._watcher = watcher
        self._sweep_from = 0.0
        self._position = Position(place=source.place, identity=source.identity)
        # What is there already of the stretch that the next round reads again: the ids of rows,
        # and what tells whether they have changed.
        self._seen: dict[Table, dict[int, int]] = {table: {} for table in Table}
        self._read_again: dict[Table, int] = {}

    @property
    def position(self) -> Position:
        """Where the copy stands."""
        return self._position

    async def open(self) -> Position:
        """Read where the copy stands. Raises Refused for a store that is no copy of this source."""
        text = await self._copy.position()
        if text is None:
            if not await self._copy.is_empty():
                raise no_copy(self._copy.place)
            return self._position
        position = read_position(text, self._copy.place)
        if position.identity != self._source.identity:
            raise Refused(
                f"{self._copy.place} is a copy of {position.place}, which is another database than"
                f" {self._source.place}.",
                hint="Choose a new file or an empty database.",
            )
        self._position = position.model_copy(update={"place": self._source.place})
        return self._position

    async def round(self, *, sweeps: bool = False) -> None:
        """Bring the copy to where the source stands now, or go on with a round that was begun.

        With `sweeps` every row is looked for, else only where something may have been deleted.
        """
        turn = self._position.round or await self._begin()
        turn = turn.model_copy(update={"sweeps": turn.sweeps or sweeps})
        self._forget(turn)
        gone = await self._copy_workers()
        if turn.stage == "tasks":
            await self._copy_tasks(turn)
            turn = await self._reach(turn, stage="attempts")
        if turn.stage == "attempts":
            await self._copy_attempts(turn)
            turn = await self._reach(turn, stage="sweep")
        if turn.sweeps or gone:
            await self._sweep(turn)
        if gone:
            await self._copy.write_workers([], gone)
        await self._finish(turn)

    async def _begin(self) -> Round:
        moment = await self._pace.read(self._source.moment)
        done = self._position.done
        turn = _whole(moment) if done is None else self._delta(moment, done)
        self._position = self._position.model_copy(update={"round": turn})
        if turn.full:
            # Before any row is written: what is in the store is ours from here on.
            await self._save(self._position)
        return turn

    def _delta(self, moment: Moment, done: Moment) -> Round:
        position = self._position
        ended = [span for name, span in position.open.items() if name not in moment.running]
        at = min([done.at, *(span.at for span in ended)]) - OVERLAP
        numbers = [span.attempt for span in ended if span.attempt is not None]
        deleted = moment.deleted != position.swept_deleted
        return Round(
            moment=moment,
            full=False,
            sweeps=any(span.attempt is None for span in ended)
            or (deleted and time.monotonic() >= self._sweep_from)
            or moment.at - position.swept_at > SWEEP_EVERY,
            tasks=Place(at, 0),
            attempts=max(min([done.attempt, *numbers]) - ID_OVERLAP, 0),
        )

    async def _copy_workers(self) -> list[str]:
        """Write the workers that differ, and return the names of those that are gone."""
        wanted = {one.worker_name: one for one in await self._pace.read(self._source.workers)}
        there = {one.worker_name: one for one in await self._copy.workers()}
        changed = [one for name, one in wanted.items() if there.get(name) != one]
        if changed:
            await self._copy.write_workers(changed)
        return sorted(there.keys() - wanted.keys())

    async def _copy_tasks(self, turn: Round) -> None:
        if turn.full:
            await self._copy_by_id(Table.TASK, turn, turn.tasks.id, turn.moment.task)
            return
        async with aclosing(self._read_ahead(self._changed, turn.tasks)) as batches:
            async for rows in batches:
                at = _place(rows)
                written = await self._write_new(Table.TASK, rows, turn, tasks=at)
                self._watcher.advanced(0, written)
                if at.at > turn.moment.at:
                    return

    async def _copy_attempts(self, turn: Round) -> None:
        await self._copy_by_id(Table.ATTEMPT, turn, turn.attempts, turn.moment.attempt)

    async def _copy_by_id(self, table: Table, turn: Round, after: int, to: int) -> None:
        told = not turn.full

        def read(place: Place) -> Awaitable[Sequence[Row]]:
            return self._source.rows_by_id(table, place.id, to, BATCH)

        async with aclosing(self._read_ahead(read, Place(0, after))) as batches:
            async for rows in batches:
                if not told:
                    self._watcher.stage(f"copying {table}", to, rows[0][0] - 1)
                    told = True
                last = rows[-1][0]
                if table is Table.TASK:
                    written = await self._write_new(table, rows, turn, tasks=Place(0, last))
                else:
                    written = await self._write_new(table, rows, turn, attempts=last)
                self._watcher.advanced(last, written)

    async def _write_new(
        self, table: Table, rows: Sequence[Row], turn: Round, **reached: Place | int
    ) -> int:
        """Write what is not there yet, as far as we know, and return how many rows that were."""
        seen = self._seen[table]
        # An attempt's row never changes.
        stamp = TASK_UPDATED if table is Table.TASK else 0
        new = [row for row in rows if seen.get(row[0]) != row[stamp]]
        if new:
            await self._write(table, new, turn.model_copy(update=reached))
        seen.update((row[0], row[stamp]) for row in rows if row[stamp] > self._read_again[table])
        return len(new)

    def _changed(self, place: Place) -> Awaitable[Sequence[Row]]:
        return self._source.changed_tasks(place, BATCH)

    async def _read_ahead(
        self, read: Callable[[Place], Awaitable[Sequence[Row]]], place: Place
    ) -> AsyncGenerator[Sequence[Row], None]:
        """Yield batch after batch; the next one is read while one is being written."""
        reading = asyncio.ensure_future(self._pace.read(read, place))
        try:
            while rows := await reading:
                reading = asyncio.ensure_future(self._pace.read(read, _place(rows)))
                yield rows
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _sweep(self, turn: Round) -> None:
        async def write(table: Table, rows: Sequence[Row]) -> None:
            await self._write(table, rows, turn)

        began, moment = time.monotonic(), turn.moment
        # The attempts of a deleted task first: the source deletes in this order, too.
        for table, to in ((Table.ATTEMPT, moment.attempt), (Table.TASK, moment.task)):
            await sweep(self._source, self._copy, self._pace, self._watcher, table, to, write)
        now = time.monotonic()
        self._sweep_from = now + max(SWEEP_REST, (now - began) * SWEEP_SHARE)

    async def _finish(self, turn: Round) -> None:
        position = self._position
        moment, done = turn.moment, position.done
        running = {}
        for name, since in moment.running.items():
            known = position.open.get(name)
            if known is None:
                start = moment.at if done is None else done.at
                at = start if since is None else min(start, since)
                known = Span(at, None if done is None else done.attempt)
            running[name] = known
        await self._save(
            position.model_copy(
                update={
                    "done": moment,
                    "open": running,
                    "swept_at": moment.at if turn.sweeps else position.swept_at,
                    "swept_deleted": moment.deleted if turn.sweeps else position.swept_deleted,
                    "round": None,
                }
            )
        )

    async def _reach(self, turn: Round, stage: Literal["attempts", "sweep"]) -> Round:
        reached = turn.model_copy(update={"stage": stage})
        if turn.full:
            await self._save(self._position.model_copy(update={"round": reached}))
        return reached

    async def _write(self, table: Table, rows: Sequence[Row], turn: Round) -> None:
        position = self._position.model_copy(update={"round": turn})
        await self._copy.write(table, rows, position.model_dump_json())
        self._position = position

    async def _save(self, position: Position) -> None:
        await self._copy.write(Table.TASK, [], position.model_dump_json())
        self._position = position

    def _forget(self, turn: Round) -> None:
        """Let go of rows that the next round does not read again."""
        self._read_again = {
            Table.TASK: turn.moment.at - OVERLAP,
            Table.ATTEMPT: turn.moment.attempt - ID_OVERLAP,
        }
        for table, least in self._read_again.items():
            seen = self._seen[table].items()
            self._seen[table] = {id: stamp for id, stamp in seen if stamp > least}


def _whole(moment: Moment) -> Round:
    return Round(moment=moment, full=True, sweeps=True, tasks=Place(0, 0), attempts=0)


def _place(rows: Sequence[Row]) -> Place:
    """Return where a batch of tasks ends; of other rows only the id has a meaning."""
    return Place(rows[-1][TASK_UPDATED], rows[-1][0])


def read_position(text: str, place: str) -> Position:
    """Read what a copy keeps. Raises Refused where it cannot be read."""
    try:
        return Position.model_validate_json(text)
    except ValidationError:
        raise Refused(
            f"{place} was filled by another version of sync.",
            hint="Choose a new file or an empty database.",
        ) from None
