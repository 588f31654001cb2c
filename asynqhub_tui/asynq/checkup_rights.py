"""Whether the user of Redis may do what a retry does, found out without doing it.

A script that is declared to write nothing (`no-writes`) is asked to run each command. The server
looks at the user's rights first, and refuses the write itself then in any case.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from redis.exceptions import NoPermissionError, ResponseError

from asynqhub_tui.asynq import keys
from asynqhub_tui.asynq.checkup_server import REDIS
from asynqhub_tui.asynq.connection import RedisConnection
from asynqhub_tui.checkup import Finding
from asynqhub_tui.models import TaskRef
from asynqhub_tui.queue import PENDING, SCHEDULED

_QUEUE = "asynqhub-tui-doctor:web:default"
"""Where no worker of this name is known."""

_SCRIPT = """\
#!lua flags=no-writes
-- KEYS: claim, task, pending, scheduled, the list of queues
local told = {}
local function ask(...)
  local reply = redis.pcall(...)
  table.insert(told, type(reply) == 'table' and reply.err or '')
end
ask('GET', KEYS[1])
ask('SET', KEYS[1], '', 'EX', 1)
ask('EXISTS', KEYS[2])
ask('HGET', KEYS[2], 'state')
ask('HSET', KEYS[2], 'state', '')
ask('LPUSH', KEYS[3], '')
ask('ZADD', KEYS[4], 0, '')
ask('ZREM', KEYS[4], '')
ask('ZSCORE', KEYS[4], '')
ask('SADD', KEYS[5], '')
return told
"""

_COMMANDS = ("GET", "SET", "EXISTS", "HGET", "HSET", "LPUSH", "ZADD", "ZREM", "ZSCORE", "SADD")
"""What the script asks for, in its order: what `scripts` and `client` send."""

_USER = "default"
"""asynq sends a password alone, which is this user's; see address."""

_OF_KEYS = re.compile(r"\bkeys?\b")
"""What a refusal speaks of that is not one of a command."""

_UNKNOWN_DIGEST = "0" * 40


async def rights(connection: RedisConnection, queue: str | None) -> Sequence[Finding]:
    """Find what a retry in a queue may not do."""
    name = queue or _QUEUE
    ref = TaskRef(
        task_id="doctor",
        worker_name="",
        queue=name,
        status="",
        last_attempt=0,
        updated_at=datetime.now(UTC),
    )
    names = (
        keys.claim(ref),
        keys.task(name, "doctor"),
        keys.collection(name, PENDING),
        keys.collection(name, SCHEDULED),
        keys.QUEUES,
    )
    told, by_digest, looked_up = await connection.attempt(
        [
            ("EVAL", _SCRIPT, len(names), *names),
            ("EVALSHA", _UNKNOWN_DIGEST, len(names), *names),
            ("MGET", keys.claim(ref)),
        ]
    )
    if isinstance(told, ResponseError) and not isinstance(told, NoPermissionError):
        return [
            REDIS.note(
                "rights",
                "Whether this user may write what a retry writes cannot be told before Redis 7.",
                "A retry that may not says so, and has then changed nothing.",
            )
        ]
    replies = {"EVAL": told, "EVALSHA": by_digest, "MGET": looked_up}
    said = {
        name: str(reply) for name, reply in replies.items() if isinstance(reply, NoPermissionError)
    }
    if isinstance(told, list):
        texts = (text.decode(errors="replace") for text in told)
        asked = zip(_COMMANDS, texts, strict=True)
        said |= {name: text for name, text in asked if "ACL failure" in text}
    if not said:
        return [REDIS.ok("rights", "This user may do what a retry does.")]
    commands = [name for name, text in said.items() if not _OF_KEYS.search(text)]
    found = [_commands_finding(commands)] if commands else []
    return [*found, _keys_finding()] if len(commands) < len(said) else found


def _commands_finding(commands: Sequence[str]) -> Finding:
    wanted = " ".join(f"+{command.lower()}" for command in commands)
    return REDIS.problem(
        "rights",
        f"This user of Redis may not do what a retry does: {', '.join(commands)}.",
        "A retry is refused, and says so.",
        f"ACL SETUSER {_USER} {wanted}",
    )


def _keys_finding() -> Finding:
    return REDIS.problem(
        "rights",
        "This user of Redis may not write the keys that a retry writes.",
        "Those of asynq begin with asynq:, the claims, which keep a task from being retried twice,"
        " with asynqhub-tui:.",
        f"ACL SETUSER {_USER} ~asynq:* ~asynqhub-tui:*",
    )
