"""The tasks that every sample holds, so that each state and each oddity can be seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from asynqhub_tui.demo import catalogue
from asynqhub_tui.demo.fleet import (
    AI_WORKER,
    HOUR,
    IMAGE_WORKER,
    MAIL_WORKER,
    MINUTE,
    SECOND,
    WORKER_1,
)
from asynqhub_tui.demo.life import Actor, Life, Run

_BACKLOG = 24


def staged(actors: Mapping[str, Actor], now: int) -> Iterator[Life]:
    """Yield them, as of `now`."""
    crawler, reader = actors[WORKER_1.name], actors[AI_WORKER.name]
    mailer = actors[MAIL_WORKER.name]
    yield from _running(crawler, now, (SECOND * 2 // 10, SECOND * 9 // 10, SECOND * 21 // 10))
    yield from _running(reader, now, (8 * SECOND, 31 * SECOND))
    yield _failed_once(crawler, now - 3 * SECOND)
    yield _failed_once(actors[IMAGE_WORKER.name], now - 9 * SECOND)
    for age in (38 * MINUTE, 5 * HOUR, 26 * HOUR):
        yield _silent(crawler, now - age)
    yield _silent(reader, now - 11 * HOUR)
    for age in (3 * HOUR, 9 * HOUR, 50 * HOUR):
        yield _exhausted(reader, now - age, ())
    yield _exhausted(reader, now - 7 * HOUR, (3,))
    yield _exhausted(reader, now - 8 * HOUR, (1,))
    yield _exhausted(reader, now - 30 * HOUR, (3, 1))
    yield _timed_out_once(reader, now - 2 * HOUR)
    yield reader.task(now - 4 * MINUTE)._replace(payload=catalogue.large(reader.rng))
    for number in range(_BACKLOG):
        yield mailer.task(now - number * 2 * MINUTE - 20 * SECOND)


def _running(actor: Actor, now: int, ages: tuple[int, ...]) -> Iterator[Life]:
    for age in ages:
        started = now - age
        left = SECOND // 2 + actor.took() // 4
        run = Run(1, started, started + age + left, None)
        yield actor.fresh(started - SECOND // 20)._replace(runs=[run])


def _failed_once(actor: Actor, started: int) -> Life:
    """A task that asynq is going to retry by itself."""
    run = Run(1, started, started + actor.took(), actor.error())
    return actor.fresh(started - SECOND // 10)._replace(runs=[run])


def _silent(actor: Actor, started: int) -> Life:
    """A task that timed out as often as it may: no attempt has reported."""
    runs: list[Run] = []
    at = started
    for number in range(1, actor.member.config.max_attempts + 1):
        runs.append(Run(number, at, None, None))
        at += actor.timeout + actor.backoff(number - 1)
    return actor.fresh(started - SECOND // 10)._replace(runs=runs)


def _timed_out_once(actor: Actor, started: int) -> Life:
    again = started + actor.timeout + 21 * SECOND
    runs = [Run(1, started, None, None), Run(2, again, again + actor.took(), None)]
    return actor.fresh(started - SECOND // 10)._replace(runs=runs)


def _exhausted(actor: Actor, started: int, then: tuple[int, ...]) -> Life:
    """A task that failed as often as it may, and was then run again by hand.

    `then` are the numbers of those attempts: the last one again where asynq's archived task was
    run, 1 where a fresh message was enqueued. The last of them succeeds.
    """
    numbers = [*range(1, actor.member.config.max_attempts + 1), *then]
    runs: list[Run] = []
    at = started
    for place, number in enumerate(numbers, 1):
        error = None if then and place == len(numbers) else actor.error()
        runs.append(Run(number, at, at + actor.took(), error))
        at += 4 * MINUTE
    return actor.fresh(started - SECOND // 10)._replace(runs=runs)
