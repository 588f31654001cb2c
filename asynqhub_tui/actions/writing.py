"""What every action that writes begins and ends with."""

from __future__ import annotations

from dataclasses import replace

from asynqhub_tui.actions.journal import Record
from asynqhub_tui.actions.outcome import Report
from asynqhub_tui.repository import Hub, Refused


def check_writable(hub: Hub) -> None:
    """Raise Refused where the installation is open read-only."""
    if hub.info.read_only:
        raise Refused(
            f"{hub.info.place} is open read-only.", hint="Start without read-only to change it."
        )


def check_original(hub: Hub) -> None:
    """Raise Refused where the installation is a copy: what is changed there does not last."""
    if hub.info.copy_of is not None:
        raise Refused(
            "This is a copy: its source would bring back what is changed here.",
            hint=f"Change it at {hub.info.copy_of}.",
        )


def check_typed(typed_name: str, worker_name: str) -> None:
    """Raise Refused unless the operator has typed the worker's name, exactly."""
    if typed_name != worker_name:
        raise Refused(
            f"What was typed is not the name of the worker {worker_name}, so nothing was done.",
            hint="Type the name exactly as it is.",
        )


def concluded(report: Report, record: Record) -> Report:
    """Return the report, with a sentence where its outcome is not in the journal."""
    if record.unwritten is None:
        return report
    return replace(report, sentences=(*report.sentences, record.unwritten))
