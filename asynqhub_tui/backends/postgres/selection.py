"""A filter made ready for SQL: words looked up, queue groups expanded, the index chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from asynqhub_tui.backends.postgres.connection import Database
from asynqhub_tui.backends.postgres.rows import TaskRow, all_workers
from asynqhub_tui.backends.postgres.statuses import task_statuses
from asynqhub_tui.models import OVERDUE, RUNNING, SUCCESS, WorkerConfig
from asynqhub_tui.repository import Order, TaskFilter

CLOCK_SLACK = timedelta(seconds=5)
"""How far a new row's `created_at` may lie after its `updated_at`: the hub sets the two one after
the other."""

MATCHES = """(%(worker)s::text IS NULL OR t.worker_name = %(worker)s)
AND (%(statuses)s::text[] IS NULL OR t.status = ANY(%(statuses)s::text[]))
AND (%(queues)s::text[] IS NULL OR t.queue = ANY(%(queues)s::text[]))
AND (%(since)s::timestamptz IS NULL OR t.created_at >= %(since)s)
AND (%(prefix)s::text IS NULL OR starts_with(t.task_id, %(prefix)s))"""
"""Whether the row `t` is among those of a Selection, given its `params`."""


class Key(StrEnum):
    """A column of `task` with an index of rows by time: of creation for workers, else of update."""

    WORKER = "worker_name"
    STATUS = "status"
    QUEUE = "queue"

    @property
    def order(self) -> Order:
        """The order in which its index gives rows."""
        return Order.CREATED if self is Key.WORKER else Order.UPDATED


@dataclass(frozen=True, slots=True)
class Index:
    """Which part of which index holds a selection's rows, in the order that was asked for.

    `exact` tells whether all of them belong to the selection; `whole` that it is all of the table.
    """

    key: Key
    values: Sequence[str]
    exact: bool
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows a filter means.

    `statuses` are those that rows are matched by, None for any; `words` what else was asked for:
    `running` and `overdue`, which no column tells. `workers` are all there are.
    """

    worker: str | None
    statuses: tuple[str, ...] | None
    words: frozenset[str]
    queues: tuple[str, ...] | None
    since: datetime | None
    prefix: str | None
    workers: Sequence[WorkerConfig]

    @property
    def params(self) -> dict[str, Any]:
        """The parameters of MATCHES."""
        return {
            "worker": self.worker,
            "statuses": None if self.statuses is None else list(self.statuses),
            "queues": None if self.queues is None else list(self.queues),
            "since": self.since,
            "prefix": self.prefix,
        }

    @property
    def order(self) -> Order:
        """The order in which an index gives most of what it means; see TaskFilter.order."""
        by_update = self.statuses is not None or self.queues is not None
        plain = self.worker is None and self.prefix is None
        return Order.UPDATED if by_update and plain else Order.CREATED

    @property
    def everything(self) -> bool:
        """Whether it means all tasks."""
        return not self.words and all(value is None for value in self.params.values())

    def any_status(self) -> Selection:
        """Return it without its statuses and words."""
        return replace(self, statuses=None, words=frozenset())

    def with_statuses(self, statuses: Sequence[str]) -> Selection:
        """Return it for rows of these statuses."""
        return replace(self, statuses=tuple(statuses), words=frozenset())

    def matches(self, row: TaskRow) -> bool:
        """Whether a row is among them, whatever its status."""
        return (
            (self.worker is None or row.worker_name == self.worker)
            and (self.queues is None or row.queue in self.queues)
            and (self.since is None or row.created_at >= self.since)
            and (self.prefix is None or row.task_id.startswith(self.prefix))
        )


async def select(database: Database, filter: TaskFilter) -> Selection:
    """Look up what a filter means at present."""
    workers = await all_workers(database)
    worker, queue = filter.worker_name or None, filter.queue
    words = frozenset(filter.statuses) & {RUNNING, OVERDUE}
    statuses = tuple(dict.fromkeys(status for status in filter.statuses if status not in words))
    return Selection(
        worker=worker,
        statuses=statuses if filter.statuses else None,
        words=words,
        queues=_queues(queue, worker, workers) if queue else None,
        since=filter.since,
        prefix=filter.task_id or None,
        workers=workers,
    )


def _queues(queue: str, worker: str | None, workers: Sequence[WorkerConfig]) -> tuple[str, ...]:
    if ":" in queue:
        return (queue,)
    among = (one for one in workers if worker is None or one.worker_name == worker)
    found = dict.fromkeys(name for one in among for name in one.queues(queue))
    return tuple(found) or (queue,)


async def choose_index(database: Database, selection: Selection, order: Order) -> Index:
    """Choose the index that gives the selection's rows in this order."""
    one = selection
    if order is Order.CREATED:
        exact = one.statuses is None and one.queues is None and one.prefix is None
        if one.worker is not None:
            return Index(Key.WORKER, (one.worker,), exact)
        return Index(Key.WORKER, [w.worker_name for w in one.workers], exact, whole=True)
    plain = one.worker is None and one.since is None and one.prefix is None
    if one.queues is not None and (one.statuses is None or SUCCESS in one.statuses):
        return Index(Key.QUEUE, one.queues, plain and one.statuses is None)
    statuses = await task_statuses(database) if one.statuses is None else one.statuses
    return Index(Key.STATUS, statuses, plain and one.queues is None, whole=one.statuses is None)
