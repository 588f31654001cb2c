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

from collections.abc import Sequence
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
"""Ids of attempts by which it goes back, for those who take a number and write it a little later."""

SWEEP_EVERY = 3_600_000_000
"""Microseconds between two sweeps of a copy that follows its source, whatever else is known."""


class Copying:
    """Fills one copy from one source."""

    def __init__(self, source: Source, copy: Copy, pace: Pace, watcher: Watcher) -> None:
        self._source = source
        self._copy = copy
        self._pace = pace
        self._watcher = watcher
        self._position = Position(place=source.place, identity=source.identity)
        self._tasks_seen: dict[int, int] = {}
        self._attempts_seen: set[int] = set()

    @property
    def position(self) -> Position:
        """Where the copy stands."""
        return self._position

    async def open(self) -> Position:
        """Read where the copy stands. Raises Refused for a store that is no copy of this source."""
        text = await self._copy.position()
        if text is None:
            if not await self._copy.is_empty():
                raise Refused(
                    f"{self._copy.place} is not empty, and no copy that sync has made.",
                    hint="Choose a new file or an empty database.",
                )
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
        begun = self._position.round
        round = begun if begun is not None else await self._begin(sweeps=sweeps)
        gone = await self._copy_workers()
        if round.stage == "tasks":
            await self._copy_tasks(round)
            round = await self._reach(round, stage="attempts")
        if round.stage == "attempts":
            await self._copy_attempts(round)
            round = await self._reach(round, stage="sweep")
        if round.sweeps or gone:
            await self._sweep(round)
        if gone:
            await self._copy.write_workers([], gone)
        await self._finish(round)

    async def _begin(self, *, sweeps: bool) -> Round:
        position = self._position
        moment = await self._pace.read(self._source.moment())
        done = position.done
        if done is None:
            first = await self._pace.read(self._source.first_id(Table.TASK))
            attempts = await self._pace.read(self._source.first_id(Table.ATTEMPT))
            begun = Round(
                moment=moment,
                full=True,
                sweeps=True,
                tasks=Place(0, (first or 1) - 1),
                attempts=(attempts or 1) - 1,
            )
        else:
            ended = [span for name, span in position.open.items() if name not in moment.running]
            at = min([done.at, *(span.at for span in ended)]) - OVERLAP
            numbers = [span.attempt for span in ended if span.attempt is not None]
            begun = Round(
                moment=moment,
                full=False,
                sweeps=sweeps
                or any(span.attempt is None for span in ended)
                or moment.deleted != done.deleted
                or moment.at - position.swept_at > SWEEP_EVERY,
                tasks=Place(at, 0),
                attempts=max(min([done.attempt, *numbers]) - ID_OVERLAP, 0),
            )
        self._forget(begun)
        self._position = position.model_copy(update={"round": begun})
        return begun

    async def _copy_workers(self) -> list[str]:
        """Write the workers that differ, and return the names of those that are gone."""
        wanted = {one.worker_name: one for one in await self._pace.read(self._source.workers())}
        there = {one.worker_name: one for one in await self._copy.workers()}
        changed = [one for name, one in wanted.items() if there.get(name) != one]
        if changed:
            await self._copy.write_workers(changed)
        return sorted(there.keys() - wanted.keys())

    async def _copy_tasks(self, round: Round) -> None:
        at, to = round.tasks, round.moment.task
        if round.full:
            self._watcher.stage("tasks", to, at.id)
        while True:
            if round.full:
                reading = self._source.rows_by_id(Table.TASK, at.id, to, BATCH)
            else:
                reading = self._source.changed_tasks(at, BATCH)
            rows = await self._pace.read(reading)
            if not rows:
                return
            last = rows[-1]
            at = Place(0 if round.full else last[TASK_UPDATED], last[0])
            new = [row for row in rows if self._tasks_seen.get(row[0]) != row[TASK_UPDATED]]
            if new:
                await self._write(Table.TASK, new, round.model_copy(update={"tasks": at}))
            if not round.full:
                self._tasks_seen.update((row[0], row[TASK_UPDATED]) for row in rows)
            self._watcher.advanced(at.id if round.full else 0, len(new))
            if not round.full and at.at > round.moment.at:
                return

    async def _copy_attempts(self, round: Round) -> None:
        at, to = round.attempts, round.moment.attempt
        if round.full:
            self._watcher.stage("attempts", to, at)
        while True:
            rows = await self._pace.read(self._source.rows_by_id(Table.ATTEMPT, at, to, BATCH))
            if not rows:
                return
            at = rows[-1][0]
            new = [row for row in rows if row[0] not in self._attempts_seen]
            if new:
                await self._write(Table.ATTEMPT, new, round.model_copy(update={"attempts": at}))
            if not round.full:
                self._attempts_seen.update(row[0] for row in rows)
            self._watcher.advanced(at, len(new))

    async def _sweep(self, round: Round) -> None:
        async def write(table: Table, rows: Sequence[Row]) -> None:
            await self._write(table, rows, round)

        moment = round.moment
        # The attempts of a deleted task first: the source deletes in this order, too.
        for table, to in ((Table.ATTEMPT, moment.attempt), (Table.TASK, moment.task)):
            await sweep(self._source, self._copy, self._pace, self._watcher, table, to, write)

    async def _finish(self, round: Round) -> None:
        position = self._position
        moment, done = round.moment, position.done
        open = {}
        for name, since in moment.running.items():
            known = position.open.get(name)
            if known is None:
                start = moment.at if done is None else done.at
                at = start if since is None else min(start, since)
                known = Span(at, None if done is None else done.attempt)
            open[name] = known
        await self._save(
            position.model_copy(
                update={
                    "done": moment,
                    "open": open,
                    "swept_at": moment.at if round.sweeps else position.swept_at,
                    "round": None,
                }
            )
        )

    async def _reach(self, round: Round, stage: Literal["attempts", "sweep"]) -> Round:
        reached = round.model_copy(update={"stage": stage})
        await self._save(self._position.model_copy(update={"round": reached}))
        return reached

    async def _write(self, table: Table, rows: Sequence[Row], round: Round) -> None:
        position = self._position.model_copy(update={"round": round})
        await self._copy.write(table, rows, position.model_dump_json())
        self._position = position

    async def _save(self, position: Position) -> None:
        await self._copy.write(Table.TASK, [], position.model_dump_json())
        self._position = position

    def _forget(self, round: Round) -> None:
        """Let go of what lies before the stretch that is read again."""
        if not round.full:
            seen = self._tasks_seen.items()
            self._tasks_seen = {id: at for id, at in seen if at >= round.tasks.at}
            self._attempts_seen = {id for id in self._attempts_seen if id > round.attempts}


def read_position(text: str, place: str) -> Position:
    """Read what a copy keeps. Raises Refused where it cannot be read."""
    try:
        return Position.model_validate_json(text)
    except ValidationError:
        raise Refused(
            f"{place} was filled by another version of sync.",
            hint="Choose a new file or an empty database.",
        ) from None
