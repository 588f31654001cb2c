"""Whether asynq is at home in a Redis, and whether its queues are worked on."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping, Sequence

from asynqhub_tui import figures
from asynqhub_tui.asynq import keys
from asynqhub_tui.asynq.checkup_server import REDIS
from asynqhub_tui.asynq.connection import RedisConnection
from asynqhub_tui.asynq.redis_queue import RedisQueue
from asynqhub_tui.checkup import Finding
from asynqhub_tui.dsn import mask
from asynqhub_tui.models import WorkerConfig
from asynqhub_tui.queue import QueueDepth

_NAMED = 3
"""How many names are given; the rest is counted."""

_MOST = 2_000
"""Queues whose depth is asked for."""


async def queues(
    connection: RedisConnection, queue: RedisQueue, workers: Sequence[WorkerConfig]
) -> Sequence[Finding]:
    """Find queues that are paused or that nobody takes from, and whether there are any."""
    listed = await connection.call("SMEMBERS", keys.QUEUES)
    there = sorted(name.decode(errors="replace") for name in listed)
    found = list(_elsewhere(queue, workers))
    if not there:
        return [*found, _nothing_there(workers)]
    depths = await queue.depths(there[:_MOST])
    servers = await queue.servers()
    taken = {name for server in servers for name in server.queues}
    found += _paused(depths)
    found += _left(depths, taken)
    waiting = sum(depth.pending for depth in depths.values())
    found.append(
        REDIS.ok(
            "queues",
            f"asynq has {_count(len(there), 'queue')} here with {_count(waiting, 'waiting task')},"
            f" and {_count(len(servers), 'live server')}.",
        )
    )
    return found


def _nothing_there(workers: Sequence[WorkerConfig]) -> Finding:
    if not workers:
        return REDIS.note(
            "queues",
            "asynq has no queue in this Redis yet.",
            "It is so until the hub has enqueued its first task here.",
        )
    return REDIS.warning(
        "queues",
        "asynq has no queue in this Redis: it is probably not the hub's, or another database.",
        f"The store knows {_count(len(workers), 'worker')}. Compare the address with the hub's own"
        " REDIS_ADDR and REDIS_DB.",
    )


def _elsewhere(queue: RedisQueue, workers: Sequence[WorkerConfig]) -> Sequence[Finding]:
    """Find workers whose rows name another Redis, as the retry's preview does."""
    others = [one for one in workers if one.redis_addr and queue.differs(one.redis_addr)]
    if not others:
        return []
    named = [f"{one.worker_name} ({mask(one.redis_addr or '')})" for one in others]
    return [
        REDIS.warning(
            "elsewhere",
            f"The rows of {_count(len(others), 'worker')} name another Redis than {queue.place}.",
            f"{_listed(named)}. Only names are compared: two may lead to the same server. Where"
            " they do not, a retry does not find these workers' tasks.",
        )
    ]


def _paused(depths: Mapping[str, QueueDepth]) -> Sequence[Finding]:
    paused = [depth for depth in depths.values() if depth.paused]
    if not paused:
        return []
    waiting = sum(depth.pending for depth in paused)
    names = [depth.queue for depth in paused]
    words = f"{_count(len(paused), 'queue')} {'is' if len(paused) == 1 else 'are'} paused"
    return [
        REDIS.warning(
            "paused",
            f"{words}, with {_count(waiting, 'waiting task')}.",
            f"{_listed(names)}. What is retried waits there, too. With asynq's own tool:",
            f"asynq queue unpause {shlex.join(names)}",
        )
    ]


def _left(depths: Mapping[str, QueueDepth], taken: Collection[str]) -> Sequence[Finding]:
    left = [
        depth
        for name, depth in depths.items()
        if depth.pending and not depth.paused and name not in taken
    ]
    if not left:
        return []
    waiting = sum(depth.pending for depth in left)
    oldest = max((depth.latency for depth in left if depth.latency is not None), default=None)
    since = f", the oldest for {figures.span(oldest)}" if oldest is not None else ""
    return [
        REDIS.warning(
            "not-taken",
            f"{_count(waiting, 'task')} wait{'s' if waiting == 1 else ''} in"
            f" {_count(len(left), 'queue')} that no live server takes from{since}.",
            f"{_listed([depth.queue for depth in left])}. Is the worker running, and does it serve"
            " these queues?",
        )
    ]


def _listed(names: Sequence[str]) -> str:
    rest = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {rest:,} more" if rest > 0 else "")


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
