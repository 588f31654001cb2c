"""The hub's task id inside the payload of a message: all that is read of a payload.

Payloads can be megabytes. Where one begins as the hub and the SDK write it, and nothing after that
can name the id once more, the rest is neither parsed here nor even sent by Redis.
"""

from __future__ import annotations

import json
import re

CUT = r"""
local function varint(msg, at)
  local value, unit, byte = 0, 1
  repeat
    byte = string.byte(msg, at) or 0
    value, unit, at = value + byte % 128 * unit, unit * 128, at + 1
  until byte < 128
  return value, at
end
local function cut(msg, payload)
  if #msg < 1024 then return msg end
  local at = 1
  local tag, size, first
  while tag ~= payload do
    tag = string.byte(msg, at)
    if not tag or tag >= 128 then return msg end
    size, first = varint(msg, at + 1)
    if tag ~= payload then
      if tag % 8 == 2 then at = first + size elseif tag % 8 == 0 then at = first else return msg end
    end
  end
  local _, last = string.find(msg, '^{"id":"[^"\\%c]*","task_id":"[^"\\%c]+","payload":', first)
  if not last or last - first > 512 or last >= first + size or #msg + 1 < first + size then
    return msg
  end
  for _, name in ipairs({'"task_id"', '\\u005', '\\u006', '\\u007'}) do
    if string.find(msg, name, last, true) then return msg end
  end
  local short = string.sub(msg, first, last) .. 'null}'
  local length = string.char(#short % 128 + 128, math.floor(#short / 128))
  return string.sub(msg, 1, at) .. length .. short .. string.sub(msg, first + size)
end
"""
"""A function for scripts: `cut(message, tag)` puts null in the place of what follows the ids.

`tag` is that of the field with the payload: its number times 8, plus 2. Short messages, and those
in which the rest may matter, come back as they are.
"""

_BEGINNING = re.compile(
    rb'\{(?:"id":"[^"\\\x00-\x1f]*",)?"task_id":"([^"\\\x00-\x1f]+)","payload":'
)

_NAMES = (b'"task_id"', rb"\u005", rb"\u006", rb"\u007")
"""What the key begins with wherever it stands: one of its letters may be escaped."""


def task_id_of(payload: bytes) -> str | None:
    """Return the hub's task id in a payload; None in one that is not the hub's.

    What follows the ids in a payload of the hub's form is taken to be JSON.
    """
    beginning = _BEGINNING.match(payload)
    if beginning and not any(payload.find(name, beginning.end()) >= 0 for name in _NAMES):
        return beginning[1].decode(errors="replace")
    try:
        # Numbers are dropped: Python refuses some that are valid. Go takes any bytes in a text.
        text = payload.decode(errors="replace")
        outer = json.loads(text, parse_int=_drop, parse_float=_drop)
    except (ValueError, RecursionError):
        return None
    task_id = outer.get("task_id") if isinstance(outer, dict) else None
    return task_id if isinstance(task_id, str) and task_id else None


def _drop(number: str) -> None:
    """Stand in the place of a number."""
