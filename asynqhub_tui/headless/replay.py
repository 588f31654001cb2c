"""The command `replay`: run succeeded tasks once more, as copies."""

from __future__ import annotations

import sys

from asynqhub_tui.actions import replay
from asynqhub_tui.actions.journal import Journal
from asynqhub_tui.headless import UsageError, as_json, output
from asynqhub_tui.headless.asking import typed
from asynqhub_tui.headless.delete import EXIT_CODES
from asynqhub_tui.queue import TaskQueue
from asynqhub_tui.repository import Hub, Refused
from asynqhub_tui.text import one_line


def check_can_ask(*, yes: bool) -> None:
    """Raise UsageError where neither --yes is given nor anybody is there to be asked."""
    if not yes and not sys.stdin.isatty():
        raise UsageError("replay cannot ask without a terminal. Add --yes to confirm.")


async def run(hub: Hub, queue: TaskQueue, task_id: str, *, yes: bool, json: bool) -> int:
    """Ask, replay the task, and write the id of its copy.

    Raises NotFound, and Refused where it was not confirmed or the task cannot be replayed.
    """
    plan = await replay.plan_replay(hub, task_id)
    if not yes:
        task = plan.task
        lines = output.pairs(
            [
                ("replay", one_line(task.task_id)),
                ("worker", one_line(task.worker_name)),
                ("queue", one_line(task.queue)),
            ]
        )
        sys.stderr.write("\n".join([*lines, "It has succeeded; a copy of it runs again.", ""]))
        if (await typed("Replay it? Type y: ")).strip() != "y":
            raise Refused("It was not confirmed, so nothing was replayed.")
    copy, report = await replay.replay(hub, queue, plan, Journal.of(hub.info))
    if json:
        as_json.write(
            {
                "task_id": task_id,
                "copy": copy,
                "outcome": report.outcome,
                "messages": report.sentences,
            }
        )
    elif report.done:
        output.write(map(one_line, report.sentences))
    else:
        for sentence in report.sentences:
            output.note(sentence)
    return EXIT_CODES[report.outcome]
