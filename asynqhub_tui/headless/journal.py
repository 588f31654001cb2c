"""The command `journal`: what was changed, by whom, and which batches can go on."""

from __future__ import annotations

import os
from pathlib import Path

from asynqhub_tui.actions import history
from asynqhub_tui.actions.history import Entry
from asynqhub_tui.actions.journal import Journal, journal_path
from asynqhub_tui.actions.retry import run as retrying
from asynqhub_tui.actions.retry.batch import folder_of
from asynqhub_tui.actions.retry.batches import find_batch, list_batches
from asynqhub_tui.actions.retry.records import Summary
from asynqhub_tui.headless import as_json, outcomes, output
from asynqhub_tui.headless.output import Column
from asynqhub_tui.headless.signals import stopping
from asynqhub_tui.queue import TaskQueue
from asynqhub_tui.repository import Hub, NotFound, Refused
from asynqhub_tui.text import one_line
from asynqhub_tui.view import View

_COLUMNS = (
    Column("WHEN"),
    Column("ID"),
    Column("OPERATOR"),
    Column("ACTION"),
    Column("TARGET"),
    Column("OUTCOME"),
)


async def show_list(view: View, *, limit: int, json: bool) -> int:
    """Write the newest actions, the newest first, and then the batches that can be resumed."""
    path = journal_path(os.environ)
    entries = await history.read(path, limit=limit)
    if json:
        as_json.write_array(entry.model_dump() for entry in entries)
        return outcomes.OK
    rows = [
        (
            view.moment(entry.began_at),
            _id(entry),
            one_line(entry.operator),
            entry.action,
            one_line(entry.target),
            entry.outcome or "not ended",
        )
        for entry in entries
    ]
    output.write(output.columns(_COLUMNS, rows) if rows else ["Nothing was changed so far."])
    for batch in await list_batches(folder_of(path.parent)):
        if batch.resumable(view.now()):
            output.note(
                f"Tasks are left: `asynqhub-tui journal resume {batch.head.batch}` goes on."
            )
    return outcomes.OK


async def show_one(view: View, id: str, *, json: bool) -> int:
    """Write one action, or a batch with the outcome of each task. Raises NotFound."""
    path = journal_path(os.environ)
    batches = folder_of(path.parent)
    batch = await find_batch(batches, id)
    if batch is not None:
        await _show_batch(view, batches / batch.head.batch, batch, json=json)
        return outcomes.OK
    for entry in await history.read(path):
        if entry.id == id:
            _show_entry(view, entry, json=json)
            return outcomes.OK
    raise NotFound(f"The journal has no action {id}.", hint="`journal list` names them.")


async def resume(hub: Hub, queue: TaskQueue, batch_id: str, *, json: bool) -> int:
    """Run what is left of a batch, and write the outcome of each task.

    Raises what taking up a batch raises, and Refused on the demo.
    """
    if hub.info.demo:
        raise Refused(
            "The embedded demo is another one in every run: no batch of it can go on.",
            hint="Start with the installation of the batch to resume it.",
        )
    journal = Journal.of(hub.info)
    with output.ProgressLine() as line, stopping(line.note) as stop:
        work = retrying.resume(hub, queue, batch_id, journal, stop=stop)
        folder = retrying.batches_of(journal) / batch_id
        return await outcomes.follow(work, folder, line, stop, json=json)


async def _show_batch(view: View, folder: Path, batch: Summary, *, json: bool) -> None:
    head = batch.head
    if not json:
        output.write(
            output.pairs(
                [
                    ("batch", head.batch),
                    ("tasks", one_line(head.selection)),
                    ("included", f"{head.included:,} of {head.total:,}"),
                    ("operator", one_line(head.operator)),
                    ("store", f"{head.backend} {one_line(head.place)}"),
                    ("queue", one_line(head.queue)),
                    ("confirmed", view.full_moment(head.confirmed_at)),
                    ("state", batch.state),
                ]
            )
        )
    await outcomes.write_batch(batch, folder, json=json)


def _show_entry(view: View, entry: Entry, *, json: bool) -> None:
    if json:
        as_json.write(entry.model_dump())
        return
    details = [(name, str(value)) for name, value in entry.details.items() if value is not None]
    output.write(
        output.pairs(
            [
                ("action", entry.action),
                ("target", one_line(entry.target)),
                ("operator", f"{one_line(entry.operator)} from {one_line(entry.origin)}"),
                ("store", f"{entry.backend} {one_line(entry.place)}"),
                ("began", view.full_moment(entry.began_at)),
                ("ended", view.full_moment(entry.ended_at)),
                ("outcome", entry.outcome or "not ended"),
                *((one_line(name), one_line(value)) for name, value in details),
            ]
        )
    )


def _id(entry: Entry) -> str:
    """Return what `journal show` takes: a retry is known by its batch."""
    batch = entry.details.get("batch")
    return one_line(str(batch)) if batch else entry.id
