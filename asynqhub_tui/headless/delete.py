"""The command `delete-worker`: preview, the worker's name typed, and only then the deed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from enum import StrEnum

from asynqhub_tui import figures
from asynqhub_tui.actions import delete_worker, enable_worker, restore
from asynqhub_tui.actions.delete_worker import DeletionPlan
from asynqhub_tui.actions.journal import Journal
from asynqhub_tui.actions.outcome import Offer, Outcome, Report
from asynqhub_tui.actions.writing import check_typed, check_writable
from asynqhub_tui.headless import UsageError, as_json, output
from asynqhub_tui.headless.asking import typed
from asynqhub_tui.models import PurgeProgress
from asynqhub_tui.queue import QueueReader
from asynqhub_tui.repository import Hub
from asynqhub_tui.text import one_line
from asynqhub_tui.view import View

EXIT_CODES = {Outcome.DONE: 0, Outcome.UNCHANGED: 0, Outcome.REFUSED: 4, Outcome.FAILED: 3}
"""The exit code of each outcome that a report can have."""

_OFFERS = {
    Offer.DISABLE: "With --disable it stays and takes no more tasks.",
    Offer.PURGE: "With --purge its tasks and attempts are deleted first, for good.",
}


class Deed(StrEnum):
    """What is to be done with the worker."""

    DELETE = "delete"
    PURGE = "purge"
    """Delete its tasks and attempts, then itself."""
    DISABLE = "disable"


def check_can_ask(*, yes: bool) -> None:
    """Raise UsageError where neither --yes is given nor anybody is there to be asked."""
    if not yes and not sys.stdin.isatty():
        raise UsageError("delete-worker cannot ask without a terminal. Add --yes to confirm.")


async def run(
    hub: Hub,
    queue: QueueReader | None,
    view: View,
    name: str,
    deed: Deed,
    *,
    yes: bool,
    json: bool,
) -> int:
    """Preview and confirm, then do it and write what came of it.

    Raises NotFound, and Refused where the store is read-only or another name was typed.
    """
    check_writable(hub)
    plan = await delete_worker.plan_deletion(hub, name, view.clock, queue)
    if not yes:
        _preview(view, plan, deed)
        if deed is Deed.DELETE and plan.offers:  # the store would refuse what was typed for
            kept = f"The worker {name} has tasks, so nothing was done."
            return _say(plan, deed, None, Report(Outcome.REFUSED, (kept,), plan.offers), json=json)
        check_typed(await typed(f"Type the worker's name to {deed} it: "), name)
    purged, report = await _do(hub, plan, deed)
    return _say(plan, deed, purged, report, json=json)


async def _do(hub: Hub, plan: DeletionPlan, deed: Deed) -> tuple[PurgeProgress | None, Report]:
    journal = Journal.of(hub.info)
    folder = restore.default_folder()
    purged = None
    if deed is Deed.DISABLE:
        return None, await enable_worker.disable(hub, plan.name, journal)
    if deed is Deed.PURGE:
        with output.ProgressLine() as line:
            async for purged in delete_worker.purge(hub, plan, plan.name, journal, folder):
                line.show(delete_worker.purged_words(purged))
    return purged, await delete_worker.delete(hub, plan, plan.name, journal, folder)


def _preview(view: View, plan: DeletionPlan, deed: Deed) -> None:
    usage = plan.usage
    lines = output.pairs(
        [
            (str(deed), one_line(plan.name)),
            ("tasks", figures.count(usage.tasks)),
            ("attempts", figures.count(usage.attempts)),
            ("unfinished", figures.count(usage.unfinished)),
            ("running now", figures.count(usage.running)),
            ("last attempt", view.full_moment(usage.last_attempt_at)),
            ("heartbeat", view.full_moment(plan.worker.last_heartbeat_at)),
        ]
    )
    sys.stderr.write("\n".join([*lines, *map(one_line, plan.warnings), ""]))


def _say(
    plan: DeletionPlan, deed: Deed, purged: PurgeProgress | None, report: Report, *, json: bool
) -> int:
    """Write what came of it, and return the exit code."""
    if json:
        as_json.write(_as_json(plan, deed, purged, report))
    else:
        _write(purged, report)
    return EXIT_CODES[report.outcome]


def _write(purged: PurgeProgress | None, report: Report) -> None:
    sentences: Sequence[str] = (
        *([delete_worker.purged_words(purged)] if purged else []),
        *report.sentences,
        *(_OFFERS[offer] for offer in report.offers),
    )
    if report.done:
        output.write(map(one_line, sentences))
        return
    for sentence in sentences:
        output.note(sentence)


def _as_json(
    plan: DeletionPlan, deed: Deed, purged: PurgeProgress | None, report: Report
) -> as_json.Fields:
    return {
        "worker_name": plan.name,
        "action": deed,
        "outcome": report.outcome,
        "messages": report.sentences,
        "purged": purged and {"tasks": purged.tasks, "attempt_rows": purged.attempts},
        "restore_file": str(report.restore_file) if report.restore_file else None,
    }
