"""How a task of the sample installation fares: its attempts, as asynq would run them.

Times are integers, microseconds since 1970.
"""

from __future__ import annotations

import math
from collections import Counter
from enum import Enum, auto
from random import Random
from typing import NamedTuple

from asynqhub_tui.demo.fleet import FLEET, PRIORITIES, SECOND, Member

_NEVER = 1 << 62

_COMMON = {"critical": 1, "default": 7, "low": 2}
_QUEUED = 0.15 * SECOND
_MOST_OF_TIMEOUT = 0.9
_TROUBLED = 0.92


class Outlook(Enum):
    """What is to be expected of a task's attempts."""

    USUAL = auto()
    """What is usual at its worker at the time."""
    DOOMED = auto()
    """Each fails."""
    MENDED = auto()
    """The next succeeds: what the task has failed of was mended."""


class Run(NamedTuple):
    """One attempt; `finished` is None where it never reports, `error` where it succeeds."""

    attempt: int
    started: int
    finished: int | None
    error: str | None


class Life(NamedTuple):
    """A task and its attempts; those of the past may reach into the future."""

    task_id: str
    worker_name: str
    queue: str
    priority: int
    created: int
    payload: str
    outlook: Outlook
    runs: list[Run]


class Present(NamedTuple):
    """What a sample's past leaves to go on with.

    `unfinished` are the tasks that have not succeeded. `ended` counts the attempts that have ended
    lately, by queue, day since 1970 and whether they failed.
    """

    unfinished: list[Life]
    ended: Counter[tuple[str, int, bool]]


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


class Actor:
    """A member of the fleet at the time at which the sample begins; makes its tasks."""

    def __init__(self, member: Member, now: int, rng: Random) -> None:
        self.member = member
        self.rng = rng
        self.timeout = member.config.default_timeout * SECOND
        self.delay = member.config.default_delay * SECOND
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
        """Return a task with the attempts that it has made, or will."""
        life = self.fresh(created)
        self._live(life)
        return life

    def fresh(self, created: int) -> Life:
        """Return a task without attempts."""
        rng = self.rng
        queue, priority, payload = self._queues[int(rng.random() * len(self._queues))]
        return Life(
            rng.randbytes(16).hex(),
            self.member.name,
            queue,
            priority,
            created,
            payload(rng),
            Outlook.DOOMED if rng.random() < self.member.doomed else Outlook.USUAL,
            [],
        )

    def attempt(self, number: int, at: int, outlook: Outlook) -> Run:
        """Return an attempt that starts at `at`."""
        member = self.member
        luck = self.rng.random()
        if outlook is Outlook.MENDED:
            return Run(number, at, at + self.took(), None)
        if luck < member.silent:
            return Run(number, at, None, None)
        bad = _TROUBLED if at >= self._troubled_from else member.unstable
        failed = outlook is Outlook.DOOMED or luck <= bad
        return Run(number, at, at + self.took(), self.error() if failed else None)

    def waits(self) -> int:
        """Return how long a task waits for a server that has nothing else to do."""
        return int(-math.log(1.0 - self.rng.random()) * _QUEUED)

    def error(self) -> str:
        """Return one of the member's errors."""
        return self._errors[int(self.rng.random() * len(self._errors))]

    def took(self) -> int:
        """Return how long an attempt takes."""
        member = self.member
        length = int(member.typical * math.exp(self.rng.gauss(0.0, member.spread)))
        return min(length, self._longest)

    def _live(self, life: Life) -> None:
        """Let a task make its attempts, one after the other."""
        at = life.created + self.delay + self.waits()
        for number in range(1, self.member.config.max_attempts + 1):
            if at >= self._gone_from:
                return
            run = self.attempt(number, at, life.outlook)
            life.runs.append(run)
            if run.finished is None:
                ended = at + self.timeout
            elif run.error is None:
                return
            else:
                ended = run.finished
            at = ended + self.backoff(number - 1)

    def backoff(self, retried: int) -> int:
        """Return how long asynq waits before a retry (its DefaultRetryDelayFunc)."""
        return (retried**4 + 15 + self.rng.randrange(30) * (retried + 1)) * SECOND


def cast(now: int, rng: Random) -> dict[str, Actor]:
    """Return the fleet as it is at `now`, by name."""
    return {member.name: Actor(member, now, rng) for member in FLEET}
