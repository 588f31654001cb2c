"""Which tasks are to be retried."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from asynqhub_tui.models import FAILED_STATUSES, TaskRef
from asynqhub_tui.repository import Hub, TaskFilter

MOST_TASKS = 1_000_000
"""How many tasks one retry may choose."""

FEW = 200
"""How many tasks are asked for by their ids at a time."""

GONE = ""
"""The status of a chosen task that the store no longer has."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The tasks to retry, in words, and how to read what identifies them as they are now.

    `filter` is set where they are all that match it: there can be more of them soon.
    """

    words: str
    refs: Callable[[Hub], AsyncIterable[Sequence[TaskRef]]]
    filter: TaskFilter | None = None


def failed_only(filter: TaskFilter) -> TaskFilter:
    """Return the filter of a retry of all: of failed tasks, where it names no status."""
    return filter if filter.statuses else replace(filter, statuses=FAILED_STATUSES)


async def refs_of(
    hub: Hub, task_ids: Sequence[str], now: datetime
) -> AsyncGenerator[Sequence[TaskRef], None]:
    """Yield what identifies these tasks, each once; also those that the store no longer has."""
    unique = list(dict.fromkeys(task_ids))
    for start in range(0, len(unique), FEW):
        found = await hub.tasks.changes(unique[start : start + FEW])
        gone = [
            TaskRef(
                task_id=task_id,
                worker_name="",
                queue="",
                status=GONE,
                last_attempt=0,
                updated_at=now,
            )
            for task_id in sorted(found.missing)
        ]
        yield [*(task.ref for task in found.tasks), *gone]
