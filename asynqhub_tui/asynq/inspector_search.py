"""The search for the hub's tasks among asynq's, which has ids of its own for them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from asynqhub_tui.asynq import keys
from asynqhub_tui.asynq.connection import RedisConnection
from asynqhub_tui.asynq.inspector_lua import ATTEMPT
from asynqhub_tui.asynq.inspector_payloads import CUT
from asynqhub_tui.asynq.inspector_rows import queued_task
from asynqhub_tui.queue import (
    ACTIVE,
    ARCHIVED,
    COMPLETED,
    PENDING,
    RETRY,
    SCHEDULED,
    STATES,
    QueuedTask,
    Search,
)

_IDS = (
    ATTEMPT
    + """
local bound = tonumber(ARGV[1])
local function part(size, range, key, first, last)
  local total = attempt(size, key)
  if type(total) ~= 'number' then return {-1, {}} end
  return {total, attempt(range, key, first, last)}
end
local sets = {}
for _, name in ipairs(attempt('SMEMBERS', KEYS[7])) do table.insert(sets, ARGV[2] .. name) end
for _, key in ipairs(attempt('ZRANGE', KEYS[8], 0, -1)) do table.insert(sets, key) end
local waiting, total = {}, 0
for _, key in ipairs(sets) do
  local held = part('ZCARD', 'ZRANGE', key, 0, bound - 1)
  total = total + math.max(held[1], 0)
  for _, id in ipairs(held[2]) do
    if #waiting < bound then table.insert(waiting, id) end
  end
end
return {
  part('LLEN', 'LRANGE', KEYS[1], -bound, -1),
  part('LLEN', 'LRANGE', KEYS[2], -bound, -1),
  part('ZCARD', 'ZRANGE', KEYS[3], 0, bound - 1),
  part('ZCARD', 'ZRANGE', KEYS[4], 0, bound - 1),
  {total, waiting},
  part('ZCARD', 'ZREVRANGE', KEYS[5], 0, bound - 1),
  part('ZCARD', 'ZREVRANGE', KEYS[6], 0, bound - 1)}
"""
)
"""The ids in every state at one moment, with how many there are: in the order of STATES.

Of too many, the first that will run and the last that were archived or completed. A key of
another type than asynq's has -1.
"""

_TASKS = (
    ATTEMPT
    + CUT
    + """
local scores = {retry = KEYS[1], scheduled = KEYS[2], archived = KEYS[3], active = KEYS[4]}
local bytes, reply = 0, {}
for at = 3, #ARGV do
  local fields = attempt('HMGET', ARGV[2] .. ARGV[at], 'msg', 'state')
  local msg, state, score = fields[1] or false, fields[2] or false, false
  bytes = bytes + (msg and #msg or 0)
  if at > 3 and bytes > tonumber(ARGV[1]) then break end
  if scores[state] then score = attempt('ZSCORE', scores[state], ARGV[at]) end
  table.insert(reply, msg and cut(msg, 2 * 8 + 2))
  table.insert(reply, state)
  table.insert(reply, type(score) == 'string' and score)
end
return reply
"""
)
"""Message, state and score of tasks, as many of the first as fit into a number of bytes."""

_AT_ONCE = 250
"""Ids in one call: some milliseconds of work here, less on the server."""

_BYTES = 4 * 1024 * 1024
"""Messages that one call goes through; a single one may be larger."""


async def search(
    redis: RedisConnection, queue: str, task_ids: Collection[str] | None, bound: int
) -> Search:
    """Find tasks by the hub's ids, as QueueReader.search says.

    It ends as soon as nothing livelier than what it has found can come.
    """
    wanted = None if task_ids is None else set(task_ids)
    if wanted is not None and not wanted:
        return Search({})
    bound = max(1, bound)
    held = await _ids(redis, queue, bound)
    complete = all(total <= bound for total, _ in held.values())
    skipped = sum(total < 0 for total, _ in held.values())
    found: dict[str, QueuedTask] = {}
    for state, (_, ids) in held.items():
        while ids:
            tasks = await _first_tasks(redis, queue, ids)
            ids = ids[len(tasks) :]
            for task in tasks:
                if task is None or task.task_id is None:
                    skipped += 1
                elif wanted is None or task.task_id in wanted:
                    other = found.get(task.task_id)
                    if other is None or _rank(task.state) < _rank(other.state):
                        found[task.task_id] = task
            if wanted is not None and _settled(found, wanted, state):
                return Search(found, complete, skipped)
    return Search(found, complete, skipped)


async def look(redis: RedisConnection, queue: str, asynq_id: str) -> QueuedTask | None:
    """Return one task by asynq's id; None where the queue has no such task."""
    (task,) = await _first_tasks(redis, queue, [asynq_id.encode()])
    return task


def _settled(found: Mapping[str, QueuedTask], wanted: set[str], state: str) -> bool:
    """Whether all are found, and none could be livelier in what is left from `state` on.

    A task may have lost its place since the ids were read: then another under its id may count.
    """
    return len(found) == len(wanted) and all(
        _rank(task.state) <= _rank(state) for task in found.values()
    )


def _rank(state: str) -> int:
    return STATES.index(state) if state in STATES else len(STATES)


async def _ids(
    redis: RedisConnection, queue: str, bound: int
) -> Mapping[str, tuple[int, list[bytes]]]:
    states = (ACTIVE, PENDING, RETRY, SCHEDULED, ARCHIVED, COMPLETED)
    names = [keys.collection(queue, state) for state in states]
    names += [keys.groups(queue), keys.aggregation_sets(queue)]
    reply = await redis.call("EVAL", _IDS, len(names), *names, bound, keys.group(queue, ""))
    return {state: (total, ids) for state, (total, ids) in zip(STATES, reply, strict=True)}


async def _first_tasks(
    redis: RedisConnection, queue: str, ids: Sequence[bytes]
) -> list[QueuedTask | None]:
    """Return the tasks with the first of these ids of asynq; None for one that is not there."""
    names = [keys.collection(queue, state) for state in (RETRY, SCHEDULED, ARCHIVED)]
    names.append(keys.lease(queue))
    ids = ids[:_AT_ONCE]
    reply = await redis.call("EVAL", _TASKS, len(names), *names, _BYTES, keys.task(queue, ""), *ids)
    return [
        queued_task(queue, asynq_id.decode(errors="replace"), msg, state, score)
        for asynq_id, msg, state, score in zip(
            ids, reply[0::3], reply[1::3], reply[2::3], strict=False
        )
    ]
