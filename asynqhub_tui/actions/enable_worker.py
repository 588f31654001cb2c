"""Disable a worker, or enable it again: its row keeps everything else."""

from __future__ import annotations

from asynqhub_tui.actions.journal import Journal
from asynqhub_tui.actions.outcome import Outcome, Report
from asynqhub_tui.actions.writing import check_original, check_writable, concluded
from asynqhub_tui.repository import Hub, HubError


async def disable(hub: Hub, name: str, journal: Journal) -> Report:
    """Set `is_enabled` to false. Raises Refused where the action may not begin."""
    return await _set(hub, name, journal, enabled=False)


async def enable(hub: Hub, name: str, journal: Journal) -> Report:
    """Set `is_enabled` to true. Raises Refused where the action may not begin."""
    return await _set(hub, name, journal, enabled=True)


async def _set(hub: Hub, name: str, journal: Journal, *, enabled: bool) -> Report:
    check_writable(hub)
    check_original(hub)
    word = "enabled" if enabled else "disabled"
    action = "enable_worker" if enabled else "disable_worker"
    async with journal.action(action, name, {}) as record:
        try:
            # Read at the last moment: the store has no smaller update than the whole row.
            worker = await hub.workers.get(name)
            if worker.is_enabled is enabled:
                record.outcome = Outcome.UNCHANGED
                report = Report(record.outcome, (f"The worker {name} is {word} already.",))
            else:
                await hub.workers.upsert(worker.model_copy(update={"is_enabled": enabled}))
                report = Report(Outcome.DONE, (f"The worker {name} is {word}.",))
        except HubError as error:
            record.failed(error)
            report = Report(record.outcome, (str(error),))
    return concluded(report, record)
