"""Figures of a span of time as they stand in the tables: tasks by status, attempts, durations.

They come as numbers by name for each of its buckets, equal parts of time that can be added up. A
bucket has the number of whole widths between 1970 and its beginning.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from asynqhub_tui.backends.postgres.connection import LONG_TIMEOUT, Database

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

MOST_BUCKETS = 24
"""Buckets that one statement should read: the rows of more take longer than a frame to arrive."""

TOTAL, SUCCEEDED, FAILED, TIMED, MILLISECONDS = "total", "success", "failed", "timed", "ms"
"""What is told of attempts: `timed` are successes whose duration is known, `ms` their sum."""


class Name(NamedTuple):
    """What a number is of: `what` is a status of tasks, or one of the above of attempts."""

    worker: str
    queue: str
    what: str


Tally = Mapping[Name, int]


@dataclass(frozen=True, slots=True)
class Scale:
    """How time is cut into buckets, each `width` long."""

    width: timedelta

    def bucket(self, at: datetime) -> int:
        """Return the bucket that a time lies in."""
        return (at - EPOCH) // self.width

    def start(self, bucket: int) -> datetime:
        """Return the time that a bucket begins at."""
        return EPOCH + bucket * self.width

    def ceiling(self, at: datetime) -> int:
        """Return the first bucket that does not begin before a time."""
        return -((EPOCH - at) // self.width)

    @property
    def microseconds(self) -> int:
        """The width."""
        return self.width // timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Span:
    """What is read: from `low`, and up to `high`, which does not belong to it, or without end."""

    low: datetime
    high: datetime | None = None

    def __contains__(self, at: datetime) -> bool:
        return self.low <= at and (self.high is None or at < self.high)


class Reader:
    """Reads tallies of all workers, or of one, by the buckets of a scale.

    A statement may take `seconds`.
    """

    def __init__(
        self,
        database: Database,
        scale: Scale,
        worker: str | None = None,
        *,
        seconds: float = LONG_TIMEOUT,
    ) -> None:
        self.scale = scale
        self._database = database
        self._worker = worker
        self._seconds = seconds

    async def tasks(self, span: Span) -> dict[int, Tally]:
        """Count the tasks that were created in a span of time.

        What was created beyond the year 9000 counts as of then.
        """
        found: dict[int, dict[Name, int]] = defaultdict(dict)
        for bucket, name, queue, status, number in await self._fetch(_TASKS, span):
            found[bucket][Name(name, queue, status)] = number
        return dict(found)

    async def attempts(self, statuses: Sequence[str], span: Span) -> dict[int, Tally]:
        """Count the attempts that began in a span of time, each once, however old its task is.

        `statuses` are all that attempts have. The span has to have an end.
        """
        assert span.high is not None
        # How long before its attempt a task was created, usually; older ones are looked up singly.
        longest = min(span.high - span.low, MOST_BUCKETS * self.scale.width)
        usually = max(longest / 4, self.scale.width)
        rows = await self._fetch(
            _ATTEMPTS, span, created=span.low - usually, statuses=list(statuses)
        )
        found: dict[int, dict[Name, int]] = defaultdict(dict)
        for bucket, name, queue, *numbers in rows:
            tally = found[bucket]
            for what, number in zip(_OF_ATTEMPTS, numbers, strict=True):
                if number:
                    tally[Name(name, queue, what)] = number
        return dict(found)

    async def _fetch(self, query: str, span: Span, **further: Any) -> list[tuple[Any, ...]]:
        params = {
            "low": span.low,
            "high": span.high,
            "worker": self._worker,
            "width": self.scale.microseconds,
        }
        return await self._database.fetch(query, params | further, seconds=self._seconds)


_OF_ATTEMPTS = (TOTAL, SUCCEEDED, FAILED, TIMED, MILLISECONDS)


def bucket_of(time: str) -> str:
    """Write the bucket of a time in SQL, where `width` is that of its Scale in microseconds."""
    return f"floor(extract(epoch FROM {time}) * 1000000)::bigint / %(width)s::bigint"


# By way of `worker`, the index on (worker_name, created_at) serves also before PostgreSQL 18.
_TASKS = f"""
SELECT {bucket_of("least(t.created_at, '9000-01-01Z')")}, t.worker_name, t.queue, t.status, count(*)
FROM worker AS w JOIN task AS t ON t.worker_name = w.worker_name AND t.created_at >= %(low)s
    AND (%(high)s::timestamptz IS NULL OR t.created_at < %(high)s)
WHERE %(worker)s::text IS NULL OR w.worker_name = %(worker)s
GROUP BY 1, 2, 3, 4
"""

# Each attempt once: its last-written final row, else its `running` row. Most belong to tasks that
# were created not long before; those come by the index on creation and are matched as a whole.
# LIMIT keeps the planner from reading all tasks for the few others.
_ATTEMPTS = f"""
WITH attempt AS MATERIALIZED (
    SELECT DISTINCT ON (a.task_id, a.attempt, a.started_at)
        a.task_id, a.status, a.started_at,
        CASE WHEN a.duration_ms IS NOT NULL THEN a.duration_ms
            WHEN isfinite(a.finished_at)
            THEN floor(extract(epoch FROM
                least(greatest(a.finished_at - a.started_at, '0'), '10000 days')) * 1000)
        END AS ms
    FROM task_attempt AS a
    WHERE a.status = ANY(%(statuses)s::text[])
      AND a.started_at >= %(low)s AND a.started_at < %(high)s
    ORDER BY a.task_id, a.attempt, a.started_at, a.status = 'running', a.id DESC
), near AS MATERIALIZED (
    SELECT t.task_id, t.worker_name, t.queue
    FROM worker AS w CROSS JOIN LATERAL (
        SELECT t.task_id, t.worker_name, t.queue FROM task AS t
        WHERE t.worker_name = w.worker_name
          AND t.created_at >= %(created)s AND t.created_at < %(high)s
    ) AS t
), owned AS (
    SELECT attempt.status, attempt.started_at, attempt.ms,
        coalesce(near.worker_name, far.worker_name) AS worker_name,
        coalesce(near.queue, far.queue) AS queue
    FROM attempt
    LEFT JOIN near USING (task_id)
    LEFT JOIN LATERAL (
        SELECT t.worker_name, t.queue FROM task AS t
        WHERE near.task_id IS NULL AND t.task_id = attempt.task_id
        LIMIT 1
    ) AS far ON true
)
SELECT {bucket_of("started_at")}, worker_name, queue, count(*),
    count(*) FILTER (WHERE status = 'success'),
    count(*) FILTER (WHERE status IN ('fail', 'dead')),
    count(ms) FILTER (WHERE status = 'success'),
    (sum(ms) FILTER (WHERE status = 'success'))::bigint
FROM owned
WHERE %(worker)s::text IS NULL OR worker_name = %(worker)s
GROUP BY 1, 2, 3
"""
