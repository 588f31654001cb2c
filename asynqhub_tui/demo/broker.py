"""asynq's side of the sample: what its Redis holds, and what the workers' servers do with it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from random import Random

from asynqhub_tui import queue as asynq
from asynqhub_tui.demo.agenda import Agenda
from asynqhub_tui.demo.fleet import DAY, SECOND
from asynqhub_tui.demo.held import Held, at_present, fresh
from asynqhub_tui.demo.life import Actor, Ended, Life, Outlook, Present, Run, Started
from asynqhub_tui.demo.servers import AsynqServer


@dataclass(frozen=True, slots=True)
class _Poll:
    """A server looks for a task."""

    server: AsynqServer


@dataclass(frozen=True, slots=True)
class _Due:
    """A task's retry, or the time it was scheduled for, has come."""

    held: Held


@dataclass(frozen=True, slots=True)
class _End:
    """An attempt ends."""

    held: Held
    run: Run


class Broker:
    """The queues of the sample by name, each with its tasks by asynq's id.

    `now` is the time up to which it has come, in microseconds: there is no other clock. The
    simulator and the screens use it from two threads: whoever reads or writes holds `lock`, and
    not for long.
    """

    def __init__(
        self, actors: Mapping[str, Actor], now: int, present: Present, rng: Random
    ) -> None:
        self.lock = threading.Lock()
        self.now = now
        self.servers = [
            AsynqServer(actor, group)
            for actor in actors.values()
            if not actor.member.away
            for group in actor.member.config.queue_groups
        ]
        self.queues: dict[str, dict[str, Held]] = {
            queue: {} for actor in actors.values() for queue in actor.member.config.queues()
        }
        self._actors = actors
        self._rng = rng
        self._server_of = {queue: server for server in self.servers for queue in server.queues}
        self._ended = Counter(present.ended)
        self._agenda: Agenda[_Poll | _Due | _End] = Agenda()
        self._locks: dict[tuple[str, str], tuple[str, int]] = {}
        for life in present.unfinished:
            self._adopt(life)

    def create(self, life: Life) -> None:
        """Enqueue a new task, as Asynq-Hub does."""
        actor = self._actors[life.worker_name]
        held = fresh(life, actor)
        self.queues[held.queue][held.asynq_id] = held
        self._follow(held, life.created + actor.waits())

    def enqueue(self, held: Held, unique_until: int | None = None) -> None:
        """Enqueue a task, pending or scheduled, that somebody has made; its id is not there yet.

        With `unique_until` it takes the uniqueness lock on `held.unique` until then.
        """
        self.queues.setdefault(held.queue, {})[held.asynq_id] = held
        if held.unique is not None and unique_until is not None:
            self._locks[held.queue, held.unique] = held.asynq_id, unique_until
        self._mend(held)
        self._follow(held, self._next_poll())

    def run(self, held: Held) -> None:
        """Move a task to pending that is in retry, scheduled or archived."""
        held.wait(None)
        self._mend(held)
        self._line_up(held, self._next_poll())

    def lock_holder(self, queue: str, payload: str) -> str | None:
        """Return the asynq id that holds the uniqueness lock on a payload in a queue, or None."""
        holder, until = self._locks.get((queue, payload), ("", 0))
        return holder if until > self.now else None

    def ended_today(self, queue: str) -> tuple[int, int]:
        """Return how many attempts have ended since midnight UTC, and how many of them failed."""
        today = self.now // DAY
        failed = self._ended[queue, today, True]
        return self._ended[queue, today, False] + failed, failed

    def advance(self, until: int, takers: Collection[str]) -> Iterator[Started | Ended]:
        """Let time pass, and yield what the workers report to Asynq-Hub.

        Only the workers named in `takers` take a task from their queues.
        """
        for server in self.servers:
            took, server.takes = server.takes, server.actor.member.name in takers
            if server.takes and not took:
                for _ in range(server.waiting):
                    self._agenda.add(self.now, _Poll(server))
        while (due := self._agenda.pop(until)) is not None:
            self.now, event = due
            match event:
                case _Poll(server):
                    yield from self._poll(server)
                case _Due(held):
                    # It may have been run by hand before its time.
                    if held.next_at == self.now:
                        held.wait(self.now)
                        self._line_up(held, self.now + self._server_of[held.queue].actor.waits())
                case _End(held, run):
                    yield from self._end(held, run)
        self.now = max(self.now, until)  # the clock of the machine may be set back

    def _adopt(self, life: Life) -> None:
        """Take a task in as it stands at the beginning."""
        actor = self._actors[life.worker_name]
        held = at_present(life, actor, self.now)
        if held is None:
            return
        self.queues[held.queue][held.asynq_id] = held
        if held.run is not None:
            self._begin(held, held.run)
        else:
            self._follow(held, self.now + actor.waits())

    def _follow(self, held: Held, poll_at: int) -> None:
        """Let happen what follows from a task's state where no attempt is under way."""
        if held.state == asynq.PENDING:
            self._line_up(held, poll_at)
        elif held.next_at is not None and held.queue in self._server_of:
            # It is the servers of a queue that bring back what is due in it.
            self._agenda.add(held.next_at, _Due(held))

    def _line_up(self, held: Held, poll_at: int) -> None:
        server = self._server_of.get(held.queue)
        if server is not None:
            server.line_up(held)
            self._agenda.add(poll_at, _Poll(server))

    def _poll(self, server: AsynqServer) -> Iterator[Started]:
        held = server.take()
        if held is not None:
            run = server.actor.attempt(held.retried + 1, self.now, held.outlook)
            held.start(run)
            self._begin(held, run)
            yield Started(self.now, held.task_id, run.attempt)

    def _begin(self, held: Held, run: Run) -> None:
        self._server_of[held.queue].active[held.asynq_id] = held
        self._agenda.add(held.ends_at(run), _End(held, run))

    def _end(self, held: Held, run: Run) -> Iterator[Ended]:
        server = self._server_of[held.queue]
        del server.active[held.asynq_id]
        succeeded = run.finished is not None and run.error is None
        self._ended[held.queue, self.now // DAY, not succeeded] += 1
        if run.finished is not None:
            yield Ended(self.now, held.task_id, run.attempt, run.started, run.error)
        if succeeded:
            del self.queues[held.queue][held.asynq_id]
            self._unlock(held)
        else:
            held.fail(self.now, server.actor.backoff(held.retried))
            self._follow(held, self.now)
        self._agenda.add(self.now, _Poll(server))

    def _unlock(self, held: Held) -> None:
        if held.unique is not None:
            holder, _ = self._locks.get((held.queue, held.unique), ("", 0))
            if holder == held.asynq_id:
                del self._locks[held.queue, held.unique]

    def _mend(self, held: Held) -> None:
        """Decide whether what it has failed of was mended before somebody ran it again."""
        server = self._server_of.get(held.queue)
        mended = server is not None and self._rng.random() < server.actor.member.mended
        held.outlook = Outlook.MENDED if mended else Outlook.DOOMED

    def _next_poll(self) -> int:
        """Return when a server without work looks again: after half a second to one and a half."""
        return self.now + SECOND // 2 + int(self._rng.random() * SECOND)
