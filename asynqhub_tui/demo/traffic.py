"""What goes on in the sample installation after it has been opened: a simulator."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

from asynqhub_tui.backends.sqlite.rows import micros
from asynqhub_tui.demo.agenda import Agenda
from asynqhub_tui.demo.broker import Broker
from asynqhub_tui.demo.fleet import MINUTE, SECOND, Member
from asynqhub_tui.demo.life import Actor, Ended, Present, cast
from asynqhub_tui.demo.rows import ATTEMPT_COLUMNS, TASK_COLUMNS, attempt_row, outcome, task_row

_GAP = 0.8 * SECOND
"""Between two new tasks, on average."""

_MOST_MISSED = MINUTE
"""What a program that was suspended makes up for; of a longer time no task is created."""


def _insert_where(table: str, columns: tuple[str, ...], condition: str) -> str:
    marks = ", ".join("?" * len(columns))
    return f"INSERT INTO {table} ({', '.join(columns)}) SELECT {marks} WHERE EXISTS ({condition})"


# The worker may have been deleted in the meantime, or the task purged: its worker's report is then
# lost.
_INSERT_TASK = _insert_where("task", TASK_COLUMNS, "SELECT 1 FROM worker WHERE worker_name = ?")
_INSERT_ATTEMPT = _insert_where(
    "task_attempt", ATTEMPT_COLUMNS, "SELECT 1 FROM task WHERE task_id = ?"
)

_UPDATE_TASK = "UPDATE task SET status = ?, last_attempt = ?, updated_at = ? WHERE task_id = ?"

_HEARTBEAT = "UPDATE worker SET last_heartbeat_at = ?, updated_at = ? WHERE worker_name = ?"

_Statement = tuple[str, tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class _Arrival:
    """The hub is asked for a new task."""


@dataclass(frozen=True, slots=True)
class _Heartbeat:
    """A worker says that it is alive."""

    member: Member
    every: int


class Traffic:
    """The hub and the workers of a sample: `step` makes happen what is due.

    Writes through a connection of its own. A worker whose row was deleted or disabled gets no new
    task and takes none from its queues (the real hub would register a deleted one again). Use it
    from one thread at a time; `broker` is shared with others.
    """

    def __init__(self, path: Path, now: datetime, present: Present, rng: Random) -> None:
        """`path` is what `history.build` has made at `now`, `present` what it has returned.

        Raises sqlite3.Error where the file cannot be opened.
        """
        self._rng = rng
        start = micros(now)
        self._actors = cast(start, rng)
        self.broker = Broker(self._actors, start, present, rng)
        self._agenda: Agenda[_Arrival | _Heartbeat] = Agenda()
        self._agenda.add(start + self._gap(), _Arrival())
        for actor in self._actors.values():
            member = actor.member
            if member.beats is not None:
                first = start - member.beat_age + member.beats
                self._agenda.add(first, _Heartbeat(member, member.beats))
        self._unwritten: list[_Statement] = []
        self._connection = sqlite3.connect(
            path, timeout=1.0, isolation_level=None, check_same_thread=False
        )
        self._connection.execute("PRAGMA foreign_keys = ON")
        self._connection.execute("PRAGMA synchronous = OFF")

    def step(self, now: datetime) -> None:
        """Let happen what is due up to `now`, and write it in one transaction.

        Where the file cannot be written at the moment, it is written at the next step.
        """
        try:
            takers = self._takers()
            with self.broker.lock:
                self._unwritten += self._happens(micros(now), takers)
            self._write()
        except sqlite3.OperationalError:  # locked by a purge, or no space
            return

    def close(self) -> None:
        """Stop for good."""
        self._connection.close()

    def _write(self) -> None:
        if self._unwritten:
            with self._connection:
                self._connection.execute("BEGIN IMMEDIATE")
                for sql, values in self._unwritten:
                    self._connection.execute(sql, values)
            self._unwritten.clear()

    def _happens(self, until: int, takers: dict[str, Actor]) -> Iterator[_Statement]:
        """Let time pass, and yield what it changes in the rows."""
        while (due := self._agenda.pop(until)) is not None:
            at, event = due
            yield from self._reports(at, takers)
            match event:
                case _Arrival():
                    self._agenda.add(max(at + self._gap(), until - _MOST_MISSED), event)
                    if takers:
                        yield self._create(at, list(takers.values()))
                case _Heartbeat(member, every):
                    self._agenda.add(max(at + every, until - every), event)
                    yield _HEARTBEAT, (at, at, member.name)
        yield from self._reports(until, takers)

    def _create(self, at: int, takers: list[Actor]) -> _Statement:
        (actor,) = self._rng.choices(takers, weights=[actor.member.share for actor in takers])
        life = actor.fresh(at)
        self.broker.create(life)
        return _INSERT_TASK, (*task_row(life), life.worker_name)

    def _reports(self, until: int, takers: dict[str, Actor]) -> Iterator[_Statement]:
        for report in self.broker.advance(until, takers):
            yield _INSERT_ATTEMPT, (*attempt_row(report), report.task_id)
            if isinstance(report, Ended):
                status = outcome(report.error)
                yield _UPDATE_TASK, (status, report.attempt, report.at, report.task_id)

    def _takers(self) -> dict[str, Actor]:
        rows = self._connection.execute("SELECT worker_name FROM worker WHERE is_enabled")
        return {name: self._actors[name] for (name,) in rows if name in self._actors}

    def _gap(self) -> int:
        return int(-math.log(1.0 - self._rng.random()) * _GAP) + 1
