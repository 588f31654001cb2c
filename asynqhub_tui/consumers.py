"""Which live asynq servers take from a worker's queues."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from asynqhub_tui.models import WorkerConfig
from asynqhub_tui.queue import Server


@dataclass(frozen=True, slots=True)
class Consumers:
    """The live servers of a worker; `untaken` are queues of its row that none of them takes from.

    asynq itself names the worker only in the names of the queues.
    """

    servers: tuple[Server, ...] = ()
    untaken: tuple[str, ...] = ()


def consumers(worker: WorkerConfig, servers: Sequence[Server]) -> Consumers:
    """Return what `servers`, all that are live, do for a worker.

    A queue without weight is none: asynq leaves it out.
    """
    own = f"{worker.worker_name}:"
    taken = {name for server in servers for name in server.queues}
    wanted = (
        f"{own}{group.name}:{priority}"
        for group in worker.queue_groups
        for priority, weight in group.priorities.items()
        if weight > 0
    )
    return Consumers(
        servers=tuple(one for one in servers if any(name.startswith(own) for name in one.queues)),
        untaken=tuple(name for name in wanted if name not in taken),
    )
