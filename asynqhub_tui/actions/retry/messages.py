"""The fresh message of a task, as Asynq-Hub itself would write it."""

from __future__ import annotations

import json
import uuid
from typing import NoReturn

from asynqhub_tui.actions.retry.decision import Reason
from asynqhub_tui.models import MAX_PAYLOAD_BYTES, TaskRef, WorkerConfig
from asynqhub_tui.queue import Message, envelope

_ASYNQ_RETRIES = 25
_ASYNQ_TIMEOUT = 1_800
"""What asynq takes where Asynq-Hub passes nothing, as for a worker whose default is not positive
(`defaultMaxRetry` and `defaultTimeout` in seconds, asynq v0.25).
"""

_NAMESPACE = uuid.UUID("5f0c1f0e-53c5-4e0a-9d4a-6c1d7f6a5b11")


def fresh_message(ref: TaskRef, payload: str, worker: WorkerConfig) -> Message | Reason:
    """Return the message that runs this version of a task again, or why there can be none.

    asynq's id is made from the version, so that the queue itself refuses a second one as long as
    the first is in it.
    """
    if len(payload.encode()) > MAX_PAYLOAD_BYTES:
        return Reason.TOO_LARGE
    if not _is_json(payload):
        return Reason.NO_JSON
    version = f"{ref.task_id}\n{ref.last_attempt}\n{ref.updated_at.timestamp():.6f}"
    retries, timeout = worker.default_retry_count, worker.default_timeout
    return Message(
        ref=ref,
        payload=envelope(ref.task_id, payload),
        asynq_id=str(uuid.uuid5(_NAMESPACE, version)),
        max_retry=retries if retries > 0 else _ASYNQ_RETRIES,
        timeout=timeout if timeout > 0 else _ASYNQ_TIMEOUT,
    )


def _is_json(text: str) -> bool:
    """Return whether it is JSON as a worker reads it; the numbers in it may be of any size."""
    try:
        json.loads(text, parse_int=len, parse_float=len, parse_constant=_reject)
    except RecursionError:  # deeper than we can follow, not than a worker can
        return True
    except ValueError:
        return False
    return True


def _reject(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
