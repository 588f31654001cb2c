"""What the command line takes: the options, the commands, and their help."""

from __future__ import annotations

import argparse
import functools
from typing import Any, NoReturn

from asynqhub_tui import __version__

SETTINGS = (
    "backend",
    "dsn",
    "redis",
    "profile",
    "config",
    "read_only",
    "interval",
    "theme",
    "times",
    "mouse",
)
"""The options that stand before or after any command, as `settings.load` names them."""

_EPILOG = """\
exit codes: 0 done, 1 no such task or worker, 2 wrong usage or configuration,
3 store not reachable, 4 refused, 5 not Asynq-Hub's tables, 130 interrupted.
Without a terminal and without a command, one frame of the overview is printed.
"""

_TASKS_EPILOG = """\
FILTER is what the dashboard's filter line takes: words such as status:failed,
worker:NAME, queue:NAME, since:1h, and a task id or the beginning of one.

With --json: an array of tasks, with the names of Asynq-Hub's columns, times as
ISO 8601 in UTC, and state (what the task does now), error and duration_ms of
its newest attempt.
"""

_TASK_EPILOG = """\
With --json: the task as `tasks --json` has it, its payload as the store holds
it, and attempts, newest first, an attempt's two rows folded into one.
"""

_RESTORE_EPILOG = """\
Its tasks do not come back, and a worker of that name that is there is left alone. --json writes
outcome and messages.
"""

_DELETE_EPILOG = """\
Before anything is done, what hangs on the worker is shown and its name must be
typed. Its row is saved to a restore file. A worker with tasks is refused.

With --json: worker_name, action, outcome (done, unchanged, refused or failed),
messages, purged (tasks and attempts) and restore_file.
"""

_WORKER_EPILOG = """\
With --json: the worker's configuration, stats (its figures over the window,
and per queue) and time_series (attempts by the hour of their start, in UTC).
"""


class _Parser(argparse.ArgumentParser):
    """Complains as the rest of the program does, and takes no abbreviations."""

    def __init__(self, **options: Any) -> None:
        layout = argparse.RawDescriptionHelpFormatter
        super().__init__(**options, formatter_class=layout, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"asynqhub-tui: {message}.\nasynqhub-tui: See {self.prog} --help.\n")


def parser() -> argparse.ArgumentParser:
    """Return the parser; it exits with code 2 where it has to complain."""
    top = _Parser(
        prog="asynqhub-tui",
        description="A live dashboard for Asynq-Hub. Without a command it opens the dashboard.",
        epilog=_EPILOG,
    )
    top.add_argument("--version", action="version", version=f"asynqhub-tui {__version__}")
    _add_settings(top)
    commands = top.add_subparsers(dest="command", metavar="COMMAND", title="commands")

    tasks = _command(commands, "tasks", "list tasks, newest first", _TASKS_EPILOG)
    tasks.add_argument("filter", nargs="*", metavar="FILTER", help="words of a filter, or an id")
    tasks.add_argument(
        "--status",
        action="append",
        default=[],
        help="pending, running, overdue, failed ...; again for more",
    )
    tasks.add_argument("--worker", help="tasks of this worker")
    tasks.add_argument("--queue", help="tasks of this queue (full name) or queue group")
    tasks.add_argument("--since", help="created since: 30m, 1h, 7d, 2026-11-23T14:00 (UTC)")
    tasks.add_argument("--limit", type=_positive, metavar="N", help="how many; 50 unless given")
    tasks.add_argument(
        "--order", choices=("created", "updated"), help="by what; the cheaper one unless given"
    )

    task = _command(commands, "task", "show a task, its attempts and its payload", _TASK_EPILOG)
    task.add_argument("id", metavar="ID", help="the whole id")

    workers = _command(commands, "workers", "list workers with their figures", _WORKER_EPILOG)
    worker = _command(commands, "worker", "show a worker, its queues and its hours", _WORKER_EPILOG)
    worker.add_argument("name", metavar="NAME")
    worker.add_argument(
        "--hours", type=_hours, default=24, metavar="N", help="hours of the time series, 1 to 168"
    )
    for one in (workers, worker):
        one.add_argument(
            "--window",
            choices=("1h", "24h", "7d", "all"),
            default="24h",
            help="count the tasks created in it; 24h unless given",
        )

    delete = _command(commands, "delete-worker", "delete a worker", _DELETE_EPILOG)
    delete.add_argument("name", metavar="NAME")
    delete.add_argument("--yes", action="store_true", help="do not ask")
    deeds = delete.add_mutually_exclusive_group()
    deeds.add_argument(
        "--purge",
        dest="deed",
        action="store_const",
        const="purge",
        default="delete",
        help="delete its tasks and attempts first; they cannot be restored",
    )
    deeds.add_argument(
        "--disable",
        dest="deed",
        action="store_const",
        const="disable",
        help="disable it instead; its row and its tasks stay",
    )
    back = _command(commands, "restore-worker", "put a deleted worker's row back", _RESTORE_EPILOG)
    back.add_argument("file", metavar="FILE", help="the restore file that the deletion named")
    for one in (tasks, task, workers, worker, delete, back):
        one.add_argument("--json", action="store_true", help="write JSON")
    return top


def _command(commands: Any, name: str, does: str, epilog: str) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = commands.add_parser(
        name, help=does, description=f"{does[0].upper()}{does[1:]}.", epilog=epilog
    )
    _add_settings(made)
    return made


def _add_settings(parser: argparse.ArgumentParser) -> None:
    """Add the options that stand before and after a command; one that is absent sets nothing."""
    group = parser.add_argument_group("settings")
    add = functools.partial(group.add_argument, default=argparse.SUPPRESS)
    switch = argparse.BooleanOptionalAction
    add("--backend", metavar="NAME", help="demo, postgres or sqlite; told by the DSN unless given")
    add("--dsn", help="which store to open; shows in ps: POSTGRES_DSN or a profile does not")
    add("--redis", metavar="ADDRESS", help="the hub's Redis, which retry needs; or REDIS_ADDR")
    add("--profile", metavar="NAME", help="a profile of config.toml")
    add("--config", metavar="FILE", help="another config.toml")
    add("--read-only", action=switch, help="open no connection that could write")
    add("--interval", metavar="SECONDS", help="time between polls, 0.5 to 60; 2 unless given")
    add("--theme", metavar="NAME", help="dark or light")
    add("--times", metavar="HOW", help="relative, local or utc")
    add("--mouse", action=switch, help="take the mouse; off over SSH unless given")


def _positive(text: str, most: int | None = None) -> int:
    if not text.isdecimal() or int(text) < 1 or (most is not None and int(text) > most):
        span = "a number above 0" if most is None else f"a number from 1 to {most}"
        raise argparse.ArgumentTypeError(f"{text} is not {span}")
    return int(text)


def _hours(text: str) -> int:
    return _positive(text, 168)
