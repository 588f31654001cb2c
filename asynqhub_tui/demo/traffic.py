"""What goes on in the sample installation after it has been opened: a simulator."""

from __future__ import annotations

import heapq
import itertools
import math
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random

from asynqhub_tui.backends.sqlite.rows import micros
from asynqhub_tui.demo.fleet import MINUTE, SECOND, Member
from asynqhub_tui.demo.life import Actor, Ended, Life, Started, cast, reports
from asynqhub_tui.demo.rows import ATTEMPT_COLUMNS, INSERT_TASK, attempt_row, outcome
from asynqhub_tui.models import PENDING

_GAP = 0.8 * SECOND
"""Between two new tasks, on average."""

_MOST_MISSED = MINUTE
"""What a program that was suspended makes up for; of a longer time no task is created."""

# The task may have been purged in the meantime: its worker's report is then lost.
_INSERT_ATTEMPT = f"""INSERT INTO task_attempt ({", ".join(ATTEMPT_COLUMNS)})
    SELECT {", ".join("?" * len(ATTEMPT_COLUMNS))}
    WHERE EXISTS (SELECT 1 FROM task WHERE task_id = ?)"""

_UPDATE_TASK = "UPDATE task SET status = ?, last_attempt = ?, updated_at = ? WHERE task_id = ?"

_HEARTBEAT = "UPDATE worker SET last_heartbeat_at = ?, updated_at = ? WHERE worker_name = ?"


@dataclass(frozen=True, slots=True)
class _Arrival:
    """The hub is asked for a new task."""

    at: int


@dataclass(frozen=True, slots=True)
class _Heartbeat:
    """A worker says that it is alive."""

    at: int
    member: Member


_Event = Started | Ended | _Arrival | _Heartbeat


class Traffic:
    """The hub and the workers of a sample: `step` makes happen what is due.

    Writes through a connection of its own. A worker whose row was deleted or disabled gets no new
    task (the real hub would register a deleted one again). Use it from one thread at a time.
    """

    def __init__(
        self, path: Path, now: datetime, future: Iterable[Started | Ended], rng: Random
    ) -> None:
        """`path` is what `history.build` has made at `now`, `future` what it has returned.

        Raises sqlite3.Error where the file cannot be opened.
        """
        self._rng = rng
        start = micros(now)
        self._actors = cast(start, rng)
        self._numbers = itertools.count()
        self._due: list[tuple[int, int, _Event]] = []
        self._add(future)
        self._add([_Arrival(start + self._gap())])
        for actor in self._actors.values():
            member = actor.member
            if member.beats is not None:
                self._add([_Heartbeat(start - member.beat_age + member.beats, member)])
        self._connection = sqlite3.connect(
            path, timeout=1.0, isolation_level=None, check_same_thread=False
        )
        self._connection.execute("PRAGMA foreign_keys = ON")
        self._connection.execute("PRAGMA synchronous = OFF")

    def step(self, now: datetime) -> None:
        """Write what has happened up to `now`, in one transaction.

        Where the file cannot be written at the moment, it happens at the next step.
        """
        until = micros(now)
        if not self._is_due(until):
            return
        before = list(self._due)
        try:
            with self._connection:
                self._connection.execute("BEGIN IMMEDIATE")
                takers = self._takers()
                while self._is_due(until):
                    _, _, event = heapq.heappop(self._due)
                    self._add(self._happens(event, until, takers))
        except sqlite3.OperationalError:  # locked by a purge, or no space
            self._due = before

    def close(self) -> None:
        """Stop for good."""
        self._connection.close()

    def _is_due(self, until: int) -> bool:
        return bool(self._due) and self._due[0][0] <= until

    def _add(self, events: Iterable[_Event]) -> None:
        for event in events:
            heapq.heappush(self._due, (event.at, next(self._numbers), event))

    def _happens(self, event: _Event, until: int, takers: list[Actor]) -> Iterator[_Event]:
        """Write one event, and return what follows from it."""
        match event:
            case _Arrival(at):
                yield _Arrival(max(at + self._gap(), until - _MOST_MISSED))
                if takers:
                    shares = [actor.member.share for actor in takers]
                    (actor,) = self._rng.choices(takers, weights=shares)
                    yield from self._create(actor.task(at))
            case _Heartbeat(at, member):
                self._connection.execute(_HEARTBEAT, (at, at, member.name))
                if member.beats is not None:
                    yield _Heartbeat(max(at + member.beats, until - member.beats), member)
            case Started():
                self._report(event)
            case Ended():
                self._report(event)
                self._connection.execute(
                    _UPDATE_TASK, (outcome(event.error), event.attempt, event.at, event.task_id)
                )

    def _create(self, life: Life) -> Iterator[_Event]:
        row = (
            life.task_id,
            life.worker_name,
            life.queue,
            life.priority,
            PENDING,
            0,
            life.created,
            life.created,
            life.payload,
        )
        self._connection.execute(INSERT_TASK, row)
        return reports(life)

    def _report(self, report: Started | Ended) -> None:
        self._connection.execute(_INSERT_ATTEMPT, (*attempt_row(report), report.task_id))

    def _takers(self) -> list[Actor]:
        rows = self._connection.execute("SELECT worker_name FROM worker WHERE is_enabled")
        return [self._actors[name] for (name,) in rows if name in self._actors]

    def _gap(self) -> int:
        return int(-math.log(1.0 - self._rng.random()) * _GAP) + 1
