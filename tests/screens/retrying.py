"""A dashboard with a real Redis behind it, and failed tasks to retry."""

from __future__ import annotations

import json
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from redis import Redis

from asynqhub_tui.asynq import keys
from asynqhub_tui.asynq.messages import TaskMessage, decode
from asynqhub_tui.models import FAIL, WorkerConfig
from asynqhub_tui.queue import ARCHIVED
from tests.contract.builders import both_rows, make_task
from tests.queue.rows import Rows as QueueRows
from tests.screens import sample
from tests.screens.sample import ERRORS, NOW, Rows, before, task_id
from tests.screens.stage import Desk, Stage

CRAWL = "worker-1:web_crawl:default"
IMAGES = "worker-1:image_crawl:low"
EMBED = "ai-worker:embedding:low"


def _at_home(worker: WorkerConfig) -> WorkerConfig:
    address = "redis://:hunter2@10.0.0.9:6379/0" if worker.worker_name == "mail-worker" else None
    return worker.model_copy(update={"redis_addr": address})


class Retrying:
    """The stage with the sample's fleet, and asynq's queues in a Redis.

    A worker-1 gives up after 2 attempts, ai-worker after 4. mail-worker's row names another Redis.
    """

    def __init__(self, stage: Stage, uri: str, redis: Redis) -> None:
        self.stage = stage
        self.uri = uri
        self.redis = redis
        self.queues = QueueRows(redis)
        self._failed = 0
        stage.load(Rows([_at_home(worker) for worker in sample.fleet()]))

    @property
    def state(self) -> Path:
        """The folder in which batches and journal lie."""
        return self.stage.path.parent / "state"

    def batches(self) -> list[Path]:
        """The folders of the batches that are on the disk."""
        folder = self.state / "batches"
        return sorted(folder.iterdir()) if folder.is_dir() else []

    def open(
        self, size: tuple[int, int] = (120, 40), **settings: Any
    ) -> AbstractAsyncContextManager[Desk]:
        """Run a dashboard that knows the queue's address."""
        return self.stage.open(size, redis=SecretStr(self.uri), **settings)

    def failed(
        self,
        number: int = 1,
        *,
        state: str | None = ARCHIVED,
        queue: str = CRAWL,
        error: str = ERRORS[0],
        next_in: float = 41,
        **fields: Any,
    ) -> list[str]:
        """Let tasks fail; asynq holds them in `state`, due in `next_in` seconds, or no longer."""
        ids = [task_id(self._failed + index) for index in range(number)]
        tasks, attempts = [], []
        for index, name in enumerate(ids):
            at = before(minutes=10, milliseconds=self._failed + index)
            worker = queue.partition(":")[0]
            values = {
                "worker_name": worker,
                "queue": queue,
                "status": FAIL,
                "last_attempt": 2 if worker == "worker-1" else 4,
                "updated_at": at + timedelta(minutes=7),
            } | fields
            tasks.append(make_task(name, at=at, **values))
            attempts += both_rows(
                name,
                values["last_attempt"],
                FAIL,
                at=at + timedelta(minutes=6),
                took=timedelta(milliseconds=412),
                error=error,
            )
        self._failed += number
        self.stage.load(Rows(tasks=tasks, attempts=attempts))
        if state is not None:
            for name in ids:
                score = NOW.timestamp() + next_in
                self.queues.put(name, state, queue=queue, asynq_id=f"asynq-{name}", score=score)
        return ids

    def pending(self, queue: str = CRAWL) -> list[str]:
        """The hub's ids of what waits in a queue."""
        ids: Any = self.redis.lrange(keys.collection(queue, "pending"), 0, -1)
        return [self._id_in(one.decode(), queue) for one in ids]

    def _id_in(self, asynq_id: str, queue: str) -> str:
        message: Any = self.redis.hget(keys.task(queue, asynq_id), "msg")
        return str(json.loads(decode(TaskMessage, message).payload)["task_id"])


async def preview(desk: Desk, key: str = "R", asked: str = "esc") -> None:
    """Open the preview of a retry, and wait until it asks."""
    await desk.press(key)
    await desk.see("Retry ", asked)
    await desk.until(lambda: "looking at the tasks" not in desk.text)
    await desk.pilot.pause()
