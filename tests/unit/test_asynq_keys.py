"""The names of keys, as asynq's own code makes them, and our own."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from asynqhub_tui.asynq import keys
from asynqhub_tui.models import TaskRef
from tests.unit.asynq_vectors import VECTORS

_NAMES = VECTORS["key_names"]
_QUEUE = _NAMES["queue"]
_DAY = date(2026, 1, 1)


def _ref(**changes: Any) -> TaskRef:
    values: dict[str, Any] = {
        "task_id": "t-1",
        "worker_name": "w",
        "queue": "w:q:low",
        "status": "fail",
        "last_attempt": 3,
        "updated_at": datetime(2026, 1, 1, 0, 0, 0, 123456, tzinfo=UTC),
    }
    return TaskRef(**values | changes)


def test_every_key_has_asynqs_name() -> None:
    ours = {state: keys.collection(_QUEUE, state) for state in _STATES} | {
        "aggregation_set": keys.aggregation_set(_QUEUE, _NAMES["group"], _NAMES["set_id"]),
        "aggregation_sets": keys.aggregation_sets(_QUEUE),
        "all_queues": keys.QUEUES,
        "all_schedulers": keys.SCHEDULERS,
        "all_servers": keys.SERVERS,
        "all_workers": keys.WORKERS,
        "cancel_channel": keys.CANCEL,
        "failed_day": keys.failed(_QUEUE, _DAY),
        "failed_total": keys.failed(_QUEUE),
        "group": keys.group(_QUEUE, _NAMES["group"]),
        "groups": keys.groups(_QUEUE),
        "lease": keys.lease(_QUEUE),
        "paused": keys.paused(_QUEUE),
        "processed_day": keys.processed(_QUEUE, _DAY),
        "processed_total": keys.processed(_QUEUE),
        "scheduler_entries": keys.scheduler(_NAMES["scheduler_id"]),
        "scheduler_history": keys.scheduler_history("ENTRYID"),
        "server_info": keys.server(*_NAMES["server"]),
        "task": keys.task(_QUEUE, _NAMES["task_id"]),
        "workers": keys.workers(*_NAMES["server"]),
    }
    assert ours == _NAMES["keys"]


_STATES = ("active", "archived", "completed", "pending", "retry", "scheduled")


@pytest.mark.parametrize("vector", VECTORS["unique_keys"], ids=lambda vector: vector["key"])
def test_the_uniqueness_lock_has_asynqs_name(vector: dict[str, Any]) -> None:
    said = vector["payload_hex"]
    payload = None if said is None else bytes.fromhex(said)
    assert keys.unique(vector["queue"], vector["type"], payload) == vector["key"]


def test_a_claim_names_one_version_of_a_task_in_the_slot_of_its_queue() -> None:
    assert keys.claim(_ref()) == "asynqhub-tui:{w:q:low}:claim:3:1767225600123456:t-1"


def test_a_claim_is_the_same_in_every_zone() -> None:
    nepal = timezone(timedelta(hours=5, minutes=45))
    local = _ref().updated_at.astimezone(nepal)
    assert keys.claim(_ref(updated_at=local)) == keys.claim(_ref())


def test_claims_on_different_versions_differ() -> None:
    refs = [
        _ref(),
        _ref(task_id="3:t-1"),
        _ref(task_id="t-1 "),
        _ref(last_attempt=4),
        _ref(updated_at=_ref().updated_at + timedelta(microseconds=1)),
        _ref(queue="w:q:default"),
    ]
    assert len({keys.claim(ref) for ref in refs}) == len(refs)


def test_a_claim_does_not_depend_on_the_status() -> None:
    assert keys.claim(_ref(status="dead")) == keys.claim(_ref())
