"""How much lies in queues."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, timedelta

from asynqhub_tui.asynq import keys
from asynqhub_tui.asynq.connection import RedisConnection
from asynqhub_tui.asynq.inspector_lua import ATTEMPT
from asynqhub_tui.queue import (
    ACTIVE,
    ARCHIVED,
    COMPLETED,
    PENDING,
    RETRY,
    SCHEDULED,
    QueueDepth,
)

_DEPTHS = (
    ATTEMPT
    + """
local function number(command, ...)
  local reply = attempt(command, ...)
  return type(reply) ~= 'table' and tonumber(reply) or 0
end
local reply = {redis.call('TIME')}
for q = 1, #ARGV, 2 do
  local first = (q - 1) / 2 * 11
  local key = function(n) return KEYS[first + n] end
  local aggregating = 0
  for _, name in ipairs(attempt('SMEMBERS', key(7))) do
    aggregating = aggregating + number('ZCARD', ARGV[q + 1] .. name)
  end
  for _, set in ipairs(attempt('ZRANGE', key(8), 0, -1)) do
    aggregating = aggregating + number('ZCARD', set)
  end
  local oldest = attempt('LINDEX', key(2), -1)
  local since = type(oldest) == 'string' and attempt('HGET', ARGV[q] .. oldest, 'pending_since')
  table.insert(reply, {
    number('LLEN', key(1)), number('LLEN', key(2)), number('ZCARD', key(3)),
    number('ZCARD', key(4)), number('ZCARD', key(5)), number('ZCARD', key(6)), aggregating,
    number('EXISTS', key(9)), number('GET', key(10)), number('GET', key(11)),
    type(since) == 'string' and since})
end
return reply
"""
)

_AT_ONCE = 100
"""Queues in one call: a millisecond of the server's time."""


async def depths(redis: RedisConnection, queues: Collection[str]) -> Mapping[str, QueueDepth]:
    """Return the state of queues by name, as QueueReader.depths says.

    Ages are told by the server's clock. A key of another type than asynq's counts as none.
    """
    names = list(dict.fromkeys(queues))
    today = datetime.now(UTC).date()
    chunks = [names[start : start + _AT_ONCE] for start in range(0, len(names), _AT_ONCE)]
    replies = await redis.pipeline([_command(chunk, today) for chunk in chunks])
    found: dict[str, QueueDepth] = {}
    for chunk, ((seconds, microseconds), *rows) in zip(chunks, replies, strict=True):
        now = int(seconds) * 1_000_000 + int(microseconds)
        for queue, row in zip(chunk, rows, strict=True):
            found[queue] = _depth(queue, row, now)
    return found


def _command(queues: list[str], today: date) -> list[str | int]:
    states = (ACTIVE, PENDING, RETRY, SCHEDULED, ARCHIVED, COMPLETED)
    names: list[str] = []
    beginnings: list[str] = []
    for queue in queues:
        names += [keys.collection(queue, state) for state in states]
        names += [keys.groups(queue), keys.aggregation_sets(queue), keys.paused(queue)]
        names += [keys.processed(queue, today), keys.failed(queue, today)]
        beginnings += [keys.task(queue, ""), keys.group(queue, "")]
    return ["EVAL", _DEPTHS, len(names), *names, *beginnings]


def _depth(queue: str, row: list[int | bytes | None], now: int) -> QueueDepth:
    *counts, since = row
    active, pending, retry, scheduled, archived, completed, aggregating, paused, done, failed = (
        int(count or 0) for count in counts
    )
    return QueueDepth(
        queue=queue,
        pending=pending,
        active=active,
        scheduled=scheduled,
        retry=retry,
        archived=archived,
        completed=completed,
        aggregating=aggregating,
        paused=bool(paused),
        latency=_age(since, now),
        processed=done,
        failed=failed,
    )


def _age(since: int | bytes | None, now: int) -> timedelta | None:
    """Return how long ago it was, of nanoseconds; none where a clock was ahead."""
    try:
        return timedelta(microseconds=max(0, now - int(since or b"") // 1_000))
    except (ValueError, OverflowError):
        return None
