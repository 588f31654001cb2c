"""What the scripts of the inspector share."""

from __future__ import annotations

ATTEMPT = """
local function attempt(...)
  local reply = redis.pcall(...)
  if type(reply) ~= 'table' or not reply.err then return reply end
  if string.find(reply.err, 'WRONGTYPE', 1, true) then return {} end
  error(reply.err, 0)
end
"""
"""A function that calls Redis: a key of another type than asynq's is empty to it.

Any other error ends the script. What may not be read must never look as if it were not there.
"""
