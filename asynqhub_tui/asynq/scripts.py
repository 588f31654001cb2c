"""What is done on the server, atomically for each task: two scripts.

A script looks at everything before it writes anything, and its first write is the one that can
fail (a server out of memory, a key of another type). So one that ends with an error has changed
nothing. Every key is declared, and all are in the slot of the queue.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from asynqhub_tui.asynq.connection import Argument, Command


@dataclass(frozen=True, slots=True)
class Call:
    """The keys and arguments of one run of a script."""

    keys: Sequence[bytes]
    arguments: Sequence[Argument]

    @property
    def size(self) -> int:
        """About how many bytes it is on the wire."""
        texts = (part for part in (*self.keys, *self.arguments) if isinstance(part, (bytes, str)))
        return sum(map(len, texts))


@dataclass(frozen=True)
class Script:
    """A Lua script, which the server knows by its digest once it has seen it."""

    text: str
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        digest = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()
        object.__setattr__(self, "digest", digest)

    def invoke(self, call: Call) -> Command:
        """Return the command that runs it on a server that knows it."""
        return ("EVALSHA", self.digest, len(call.keys), *call.keys, *call.arguments)

    def introduce(self, call: Call) -> Command:
        """Return the command that runs it on any server, which knows it from then on."""
        return ("EVAL", self.text, len(call.keys), *call.keys, *call.arguments)


RUN = Script(
    """\
-- KEYS: claim, task, pending, then the sorted set of each state in ARGV[4...]
-- ARGV: id, batch, seconds of the claim, then the states that may be left
local holder = redis.call('GET', KEYS[1])
if holder == ARGV[2] then return {'already'} end
if holder then return {'claimed', holder} end
local state = redis.call('HGET', KEYS[2], 'state')
if not state then return {'gone'} end
local source
for i = 4, #ARGV do
  if ARGV[i] == state then source = KEYS[i] end
end
if not source then return {'moved on', state} end
if not redis.call('ZSCORE', source, ARGV[1]) then
  return {'failed', 'asynq says it is in ' .. state .. ', but it is not there'}
end
redis.call('LPUSH', KEYS[3], ARGV[1])
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
redis.call('ZREM', source, ARGV[1])
redis.call('HSET', KEYS[2], 'state', 'pending')
return {'done'}
"""
)
"""What asynq's inspector does to run a task now, with our claim."""

ENQUEUE = Script(
    """\
-- KEYS: claim, task, pending or scheduled, and the lock if there is one
-- ARGV: id, batch, seconds of the claim, message, time of enqueuing in ns,
--       Unix time to process it at or '', seconds of the lock
local holder = redis.call('GET', KEYS[1])
if holder == ARGV[2] then return {'already'} end
if holder then return {'claimed', holder} end
if redis.call('EXISTS', KEYS[2]) == 1 then
  return {'conflict', redis.call('HGET', KEYS[2], 'state') or ''}
end
local lock = KEYS[4]
local owner = lock and redis.call('GET', lock)
if owner then return {'duplicate', owner} end
if ARGV[6] == '' then
  redis.call('LPUSH', KEYS[3], ARGV[1])
  redis.call('HSET', KEYS[2], 'msg', ARGV[4], 'state', 'pending', 'pending_since', ARGV[5])
else
  redis.call('ZADD', KEYS[3], ARGV[6], ARGV[1])
  redis.call('HSET', KEYS[2], 'msg', ARGV[4], 'state', 'scheduled')
end
if lock then
  redis.call('SET', lock, ARGV[1], 'EX', ARGV[7])
  redis.call('HSET', KEYS[2], 'unique_key', lock)
end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return {'done'}
"""
)
"""What asynq's client does to enqueue or schedule a task, with our claim.

Unlike asynq's, it takes the lock only if there is no conflict: a conflict leaves no lock behind.
"""
