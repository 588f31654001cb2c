"""The command `restore-worker`: put the row of a deleted worker back."""

from __future__ import annotations

from pathlib import Path

from asynqhub_tui.actions import restore
from asynqhub_tui.actions.journal import Journal
from asynqhub_tui.headless import as_json, output
from asynqhub_tui.headless.delete import EXIT_CODES
from asynqhub_tui.repository import Hub
from asynqhub_tui.text import one_line


async def run(hub: Hub, path: Path, *, json: bool) -> int:
    """Restore the worker of a file and write what came of it.

    Raises NotFound and Refused where the file cannot be used, or the store is read-only.
    """
    report = await restore.restore_worker(hub, path, Journal.of(hub.info))
    if json:
        as_json.write({"outcome": report.outcome, "messages": report.sentences})
    elif report.done:
        output.write(map(one_line, report.sentences))
    else:
        for sentence in report.sentences:
            output.note(sentence)
    return EXIT_CODES[report.outcome]
