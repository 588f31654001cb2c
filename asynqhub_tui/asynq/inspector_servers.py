"""The live asynq servers, and what they work on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from google.protobuf.message import Message

from asynqhub_tui.asynq import keys
from asynqhub_tui.asynq.connection import RedisConnection
from asynqhub_tui.asynq.inspector_lua import ATTEMPT
from asynqhub_tui.asynq.inspector_payloads import CUT, task_id_of
from asynqhub_tui.asynq.messages import ServerInfo, Undecodable, WorkerInfo, decode, moment
from asynqhub_tui.queue import Execution, Server

_SERVERS = (
    ATTEMPT
    + CUT
    + """
local now, infos, work = redis.call('TIME')[1], {}, {}
local function live(index)
  return redis.call('ZREVRANGEBYSCORE', index, '+inf', now, 'LIMIT', 0, ARGV[1])
end
for _, key in ipairs(live(KEYS[1])) do
  local info = attempt('GET', key)
  if type(info) == 'string' then table.insert(infos, info) end
end
for _, key in ipairs(live(KEYS[2])) do
  for _, one in ipairs(attempt('HVALS', key)) do
    table.insert(work, cut(one, 6 * 8 + 2))
  end
end
return {infos, work}
"""
)

_MOST = 10_000

_M = TypeVar("_M", bound=Message)


async def servers(redis: RedisConnection) -> list[Server]:
    """Return the live servers, by host, pid and queues; by the server's clock, as all ages."""
    infos, work = await redis.call("EVAL", _SERVERS, 2, keys.SERVERS, keys.WORKERS, _MOST)
    executions: dict[str, list[Execution]] = {}
    for one in _decoded(WorkerInfo, work):
        executions.setdefault(one.server_id, []).append(_execution(one))
    found = [
        _server(info, executions.get(info.server_id, ())) for info in _decoded(ServerInfo, infos)
    ]
    return sorted(found, key=lambda one: (one.host, one.pid, sorted(one.queues), one.server_id))


def _decoded(kind: type[_M], replies: Iterable[bytes]) -> Iterator[_M]:
    """Read what can be read: another program's bytes are no server."""
    for data in replies:
        try:
            yield decode(kind, data)
        except Undecodable:
            continue


def _server(info: ServerInfo, executions: Iterable[Execution]) -> Server:
    return Server(
        host=info.host,
        pid=info.pid,
        server_id=info.server_id,
        queues=dict(info.queues),
        concurrency=info.concurrency,
        status=info.status,
        started_at=moment(info.start_time),
        executions=tuple(sorted(executions, key=lambda one: (one.queue, one.asynq_id))),
    )


def _execution(one: WorkerInfo) -> Execution:
    return Execution(
        queue=one.queue,
        asynq_id=one.task_id,
        task_id=task_id_of(one.task_payload),
        started_at=moment(one.start_time),
        deadline=moment(one.deadline),
    )
