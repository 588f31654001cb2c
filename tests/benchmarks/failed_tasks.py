"""An installation with many tasks that failed for good, and asynq's copies of them."""

from __future__ import annotations

import json

import psycopg
from redis import Redis

from asynqhub_tui.asynq import keys
from asynqhub_tui.asynq.messages import TaskMessage, encode
from asynqhub_tui.queue import ARCHIVED, envelope

WORKER = "crawler"

QUEUES = [f"{WORKER}:main:{name}" for name in ("critical", "default", "low", "bulk")]
"""asynq archives 10,000 tasks of one queue at most."""

PAYLOAD = json.dumps({"url": "https://example.com/" + "a/" * 40, "depth": 3, "tags": ["x"] * 8})

_AT_ONCE = 1_000


def fill(dsn: str, tasks: int, *, succeeded: int = 0) -> None:
    """Write tasks, task-1 onward, whose retries are exhausted, evenly over the queues.

    So many more have `succeeded`.
    """
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO worker (worker_name, queue_groups) VALUES (%s, '[]')", [WORKER]
        )
        values = {"worker": WORKER, "queues": QUEUES, "failed": tasks, "tasks": tasks + succeeded}
        connection.execute(_TASKS, values | {"payload": PAYLOAD})
        connection.execute("VACUUM (ANALYZE)")
        connection.execute("CHECKPOINT")


def archive(redis: Redis, tasks: int) -> None:
    """Let asynq hold the first so many of them in its archive."""
    redis.sadd(keys.QUEUES, *QUEUES)
    for first in range(1, tasks + 1, _AT_ONCE):
        with redis.pipeline(transaction=False) as pipeline:
            for number in range(first, min(first + _AT_ONCE, tasks + 1)):
                queue = QUEUES[number % len(QUEUES)]
                message = TaskMessage(
                    type=queue,
                    queue=queue,
                    id=f"asynq-{number}",
                    payload=envelope(f"task-{number}", PAYLOAD).encode(),
                    retry=3,
                    retried=3,
                    timeout=30,
                    error_msg="the site does not answer",
                )
                pipeline.hset(
                    keys.task(queue, message.id),
                    mapping={"msg": encode(message), "state": ARCHIVED},
                )
                pipeline.zadd(keys.collection(queue, ARCHIVED), {message.id: 1_767_225_600})
            pipeline.execute()


_TASKS = """
INSERT INTO task (task_id, worker_name, queue, payload, status, last_attempt, last_error,
    created_at, updated_at)
SELECT 'task-' || n, %(worker)s,
    (%(queues)s::text[])[1 + n %% cardinality(%(queues)s::text[])], %(payload)s::jsonb,
    CASE WHEN n <= %(failed)s THEN 'fail' ELSE 'success' END, 4,
    CASE WHEN n <= %(failed)s THEN 'the site does not answer' END, at, at
FROM generate_series(1, %(tasks)s) AS n,
    LATERAL (SELECT timestamptz '2026-01-01 00:00:00Z' + n * interval '1 millisecond') AS t(at)
"""
