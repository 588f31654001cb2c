"""How a task of the sample installation fares: its attempts, as asynq would run them.

Times are integers, microseconds since 1970.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from random import Random
from typing import NamedTuple

from asynqhub_tui.demo.fleet import FLEET, PRIORITIES, SECOND, Member

_NEVER = 1 << 62

_COMMON = {"critical": 1, "default": 7, "low": 2}
_QUEUED = 0.15 * SECOND
_MOST_OF_TIMEOUT = 0.9
_TROUBLED = 0.92


class Run(NamedTuple):
    """One attempt; `finished` is None where it never reports, `error` where it succeeds."""

    attempt: int
    started: int
    finished: int | None
    error: str | None


class Life(NamedTuple):
    """A task and all its attempts, those of the future too."""

    task_id: str
    worker_name: str
    queue: str
    priority: int
    created: int
    payload: str
    runs: list[Run]


class Started(NamedTuple):
    """An attempt begins."""

    at: int
    task_id: str
    attempt: int


class Ended(NamedTuple):
    """An attempt reports its end."""

    at: int
    task_id: str
    attempt: int
    started: int
    error: str | None


def reports(life: Life) -> Iterator[Started | Ended]:
    """Return what the worker reports of a task, in order."""
    for run in life.runs:
        yield Started(run.started, life.task_id, run.attempt)
        if run.finished is not None:
            yield Ended(run.finished, life.task_id, run.attempt, run.started, run.error)


class Actor:
    """A member of the fleet at the time at which the sample begins; makes its tasks."""

    def __init__(self, member: Member, now: int, rng: Random) -> None:
        self.member = member
        self.rng = rng
        self.timeout = member.config.default_timeout * SECOND
        self._longest = int(self.timeout * _MOST_OF_TIMEOUT)
        self._troubled_from = now - member.trouble_for if member.trouble_for else _NEVER
        self._gone_from = now - member.away if member.away else _NEVER
        # Each stands there as often as it shall come: picking one by index is the cheapest.
        self._errors = [text for text, weight in member.errors for _ in range(weight)]
        self._queues = [
            (f"{member.name}:{group.name}:{priority}", number, payload)
            for group, payload in zip(member.config.queue_groups, member.payloads, strict=True)
            for priority, number in PRIORITIES
            for _ in range(_COMMON[priority])
        ]

    def task(self, created: int) -> Life:
        """Return a new task."""
        rng = self.rng
        queue, priority, payload = self._queues[int(rng.random() * len(self._queues))]
        return Life(
            rng.randbytes(16).hex(),
            self.member.name,
            queue,
            priority,
            created,
            payload(rng),
            self._runs(created),
        )

    def error(self) -> str:
        """Return one of the member's errors."""
        return self._errors[int(self.rng.random() * len(self._errors))]

    def took(self) -> int:
        """Return how long an attempt takes."""
        member = self.member
        length = int(member.typical * math.exp(self.rng.gauss(0.0, member.spread)))
        return min(length, self._longest)

    def _runs(self, created: int) -> list[Run]:
        random, member = self.rng.random, self.member
        doomed = random() < member.doomed
        at = created + int(-math.log(1.0 - random()) * _QUEUED)
        runs: list[Run] = []
        for attempt in range(1, member.config.max_attempts + 1):
            if at >= self._gone_from:
                break
            luck = random()
            if luck < member.silent:
                runs.append(Run(attempt, at, None, None))
                ended = at + self.timeout
            else:
                ended = at + self.took()
                bad = _TROUBLED if at >= self._troubled_from else member.unstable
                if not doomed and luck > bad:
                    runs.append(Run(attempt, at, ended, None))
                    break
                runs.append(Run(attempt, at, ended, self.error()))
            at = ended + self._backoff(attempt - 1)
        return runs

    def _backoff(self, retried: int) -> int:
        """Return how long asynq waits before a retry (its DefaultRetryDelayFunc)."""
        return (retried**4 + 15 + self.rng.randrange(30) * (retried + 1)) * SECOND


def cast(now: int, rng: Random) -> dict[str, Actor]:
    """Return the fleet as it is at `now`, by name."""
    return {member.name: Actor(member, now, rng) for member in FLEET}
