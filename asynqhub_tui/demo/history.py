"""The past of the sample installation, written in one go."""

from __future__ import annotations

import math
import sqlite3
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path
from random import Random

from asynqhub_tui.backends.sqlite.rows import WORKER_COLUMNS, insert, micros, worker_values
from asynqhub_tui.backends.sqlite.schema import INDEXES, create_schema
from asynqhub_tui.demo.fleet import AI_WORKER, DAY, FLEET, HOUR, registered
from asynqhub_tui.demo.life import Actor, Life, Present, cast
from asynqhub_tui.demo.rows import (
    INSERT_ATTEMPT,
    INSERT_TASK,
    AttemptRow,
    TaskRow,
    outcome,
)
from asynqhub_tui.demo.staged import staged
from asynqhub_tui.models import DEAD, FAIL, PENDING, RUNNING, SUCCESS

TASKS = 20_000
SEED = 20_261_123

_HOURS = 7 * 24
_HALVED_IN = 60  # hours: the installation grows, and more of its tasks are recent
_DEAD = 9

# Not the hub but a script of the operators marks what asynq has given up, as in many installations.
_MARK_DEAD = """UPDATE task SET status = ?, last_worker_name = worker_name, last_error =
    (SELECT error FROM task_attempt a WHERE a.task_id = task.task_id ORDER BY a.id DESC LIMIT 1)
    WHERE id IN (SELECT id FROM task WHERE status = ? AND worker_name = ? AND last_attempt = ?
    ORDER BY created_at LIMIT ?)"""


def build(path: Path, *, now: datetime, seed: int = SEED, tasks: int = TASKS) -> Present:
    """Make the file `path`, which must not exist, hold the sample as it is at `now`.

    The same arguments give the same rows. Returns what is to go on. Raises sqlite3.Error where
    the file cannot be written.
    """
    present = micros(now)
    rng = Random(seed)
    actors = cast(present, rng)
    known = list(staged(actors, present))
    lives = [*known, *_past(actors, present, rng, max(tasks - len(known), 0))]
    lives.sort(key=lambda life: life.created)
    task_rows, attempt_rows, unfinished = _rows(lives, present)
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        _write(connection, now, task_rows, attempt_rows)
    finally:
        connection.close()
    return Present(unfinished, _ended(lives, present))


def _past(actors: dict[str, Actor], now: int, rng: Random, count: int) -> Iterable[Life]:
    weights = list(
        accumulate(_busyness(now, hour) * rng.uniform(0.8, 1.2) for hour in range(_HOURS))
    )
    latest = rng.choices(range(_HOURS), cum_weights=weights, k=count)
    shares = [actor.member.share for actor in actors.values()]
    chosen = rng.choices(list(actors.values()), weights=shares, k=count)
    for hour, actor in zip(latest, chosen, strict=True):
        age = int((hour + rng.random()) * HOUR)
        disabled_for = 0 if actor.member.config.is_enabled else actor.member.away
        yield actor.task(now - age - disabled_for)


def _busyness(now: int, hours_ago: int) -> float:
    """Return how much is asked for in an hour: most in the afternoon, and more every day."""
    hour = datetime.fromtimestamp((now - hours_ago * HOUR) / 1_000_000, UTC).hour
    by_day = 0.6 - 0.4 * math.cos((hour - 3) / 24 * math.tau)
    return by_day * float(0.5 ** (hours_ago / _HALVED_IN))


def _rows(lives: Iterable[Life], now: int) -> tuple[list[TaskRow], list[AttemptRow], list[Life]]:
    tasks: list[TaskRow] = []
    attempts: list[AttemptRow] = []
    unfinished: list[Life] = []
    for life in lives:
        task_id, worker, queue, priority, created, payload, _, runs = life
        status, last_attempt, updated = PENDING, 0, created
        # Written out, as it runs 20,000 times: the same as attempt_row of each report.
        for attempt, started, finished, error in runs:
            if started <= now:
                attempts.append((task_id, attempt, RUNNING, started, None, None))
            if finished is not None and finished <= now:
                status, last_attempt, updated = outcome(error), attempt, finished
                attempts.append((task_id, attempt, status, started, finished, error))
        if status != SUCCESS:
            unfinished.append(life)
        tasks.append(
            (task_id, worker, queue, priority, status, last_attempt, created, updated, payload)
        )
    return tasks, attempts, unfinished


def _ended(lives: Iterable[Life], now: int) -> Counter[tuple[str, int, bool]]:
    """Count the attempts that have ended since midnight; see Present."""
    midnight = now - now % DAY
    return Counter(
        (life.queue, run.finished // DAY, run.error is not None)
        for life in lives
        for run in life.runs
        if run.finished is not None and midnight <= run.finished <= now
    )


def _write(
    connection: sqlite3.Connection, now: datetime, tasks: list[TaskRow], attempts: list[AttemptRow]
) -> None:
    # A file that is lost with the process needs no safety, and sorting an index once is cheaper
    # than growing it.
    connection.execute("PRAGMA journal_mode = OFF")
    connection.execute("PRAGMA synchronous = OFF")
    create_schema(connection)
    for name in INDEXES:
        connection.execute(f"DROP INDEX {name}")
    connection.execute("BEGIN")
    workers = [worker_values(registered(member, now), now) for member in FLEET]
    connection.executemany(insert("worker", WORKER_COLUMNS), workers)
    connection.executemany(INSERT_TASK, tasks)
    connection.executemany(INSERT_ATTEMPT, attempts)
    connection.execute("COMMIT")
    create_schema(connection)
    last = AI_WORKER.config.max_attempts
    connection.execute(_MARK_DEAD, (DEAD, FAIL, AI_WORKER.name, last, _DEAD))
    connection.execute("PRAGMA journal_mode = WAL")
