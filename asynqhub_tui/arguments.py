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
    "source",
    "profile",
    "config",
    "read_only",
    "interval",
    "theme",
    "times",
    "mouse",
    "full_frames",
)
"""The options that stand before or after any command, as `settings.load` names them."""

_EPILOG = """\
exit codes: 0 done, 1 no such task or worker, 2 wrong usage or configuration,
3 store or queue not reachable, 4 refused, not confirmed, or a problem found,
5 not Asynq-Hub's tables, 70 a fault of this program, 74 standard output cannot
be written, 129 the terminal has gone, 130 interrupted, 143 ended by SIGTERM.
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
Its tasks do not come back, and a worker of that name that is there is left
alone. With --json: outcome and messages.
"""

_DELETE_EPILOG = """\
Before anything is done, what hangs on the worker is shown and its name must be
typed. Its row is saved to a restore file. A worker with tasks is refused.

With --json: worker_name, action, outcome (done, unchanged, refused or failed),
messages, purged (tasks and attempts) and restore_file.
"""

_RETRY_EPILOG = """\
What is going to happen is shown first, and has to be confirmed. A task that
asynq still holds is resumed in place; one whose retries are exhausted is
enqueued again, under the same id. A task is run at most once, however often and
by however many operators it is asked for. A filter without a status means the
failed ones, fail and dead.

With --json: batch, outcome (done, cancelled or stopped), message, included,
under_way, and tasks: an array of task_id, outcome (resumed, enqueued, skipped or failed),
reason, detail and marked. With --dry-run: selection, total, included,
decisions, reasons, and tasks with task_id, decision, reason, asynq_id, state
and next_at.

exit codes: 1 none of the ids is a task's; 3 stopped, because the store or the
queue was away for too long or takes no writes; 4 not confirmed, or a task
failed to be retried; 130 stopped by ctrl+c. A batch that was stopped goes on by
journal resume.
"""

_REPLAY_EPILOG = """\
The copy gets an id of its own. Failed tasks are retried, not replayed.

With --json: task_id, copy, outcome (done or failed) and messages.
"""

_JOURNAL_EPILOG = """\
list shows what this user has changed, on this machine; show takes an ID of that
list; resume goes on with a batch of retries that was interrupted, stopped or
cancelled, without running a task twice, for six days after it was planned.

With --json: list writes an array of actions: id, began_at, ended_at, operator,
origin, action, target, backend, place, outcome and details. show writes one of
them, or what retry writes of a batch, whose outcome may also be running or
interrupted. resume writes what retry does.
"""

_SCHEMA_EPILOG = """\
Without --apply nothing is connected to: the statements are written, ready for
clickhouse-client. With it, the database of CLICKHOUSE_DSN or --dsn and its tables
are created where they are missing; what is there is never changed, and what
differs in it is named, with exit code 5.
"""

_SYNC_EPILOG = """\
The first run copies everything, later ones what has changed since; one that was
stopped or killed goes on where it was. Nothing is locked or written at the
source. What is deleted there goes from the copy too. A SQLite file and a
chdb:/// folder are made where they are missing; a server's tables are made by
schema --apply.

--verify brings the copy up to date, then compares counts and checksums by day
and status and names what differs, with exit code 4. With --json: for task and
task_attempt an array of day, status, source, copy (rows), differing (rows) and
task_ids of some of them.
"""

_DOCTOR_EPILOG = """\
Looks the store and the queue over and changes nothing: no statement is run that
writes, locks or analyses. What is advised is yours to run.

With --json: an array of findings, the worst first: about (the store or redis),
check, level (problem, warning, note or ok), title, detail and commands.

exit codes: 0 no problem; 3 the store or the queue cannot be reached; 5 the
tables are not Asynq-Hub's; 4 another problem. Of several the first of these.
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
    _add_filter(tasks)
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
    retry = _command(commands, "retry", "run failed tasks again", _RETRY_EPILOG)
    retry.add_argument("ids", nargs="*", metavar="ID", help="whole ids; - reads them, one a line")
    _add_filter(retry)
    retry.add_argument("--dry-run", action="store_true", help="only show what would happen")
    retry.add_argument("--rate", type=_rate, metavar="N", help="at most N tasks per second")
    retry.add_argument(
        "--force",
        action="store_true",
        help="also enqueue what asynq is likely to run by itself; it may then run twice",
    )
    replay = _command(commands, "replay", "run a succeeded task again, as a copy", _REPLAY_EPILOG)
    replay.add_argument("id", metavar="ID", help="the whole id")
    for one in (retry, replay):
        one.add_argument("--yes", action="store_true", help="do not ask")

    journal = _command(commands, "journal", "what was changed, and what can go on", _JOURNAL_EPILOG)
    journal.add_argument("verb", choices=("list", "show", "resume"), nargs="?", default="list")
    journal.add_argument("id", metavar="ID", nargs="?", help="of an action or a batch")
    journal.add_argument(
        "--limit", type=_positive, default=50, metavar="N", help="how many; 50 unless given"
    )
    schema = _command(commands, "schema", "ClickHouse's tables, as SQL", _SCHEMA_EPILOG)
    schema.add_argument("--apply", action="store_true", help="create what is missing")
    schema.add_argument(
        "--cluster", metavar="NAME", help="replicated and distributed, on a cluster"
    )
    sync = _command(commands, "sync", "copy the hub's database to another store", _SYNC_EPILOG)
    sync.add_argument(
        "--from", dest="origin", metavar="DSN", help="PostgreSQL; POSTGRES_DSN unless given"
    )
    sync.add_argument(
        "--to",
        dest="copy",
        metavar="DSN",
        help="clickhouse://, chdb:/// or a .db file; CLICKHOUSE_DSN unless given",
    )
    kinds = sync.add_mutually_exclusive_group()
    kinds.add_argument(
        "--follow", action="store_true", help="go on, a round every --interval seconds"
    )
    kinds.add_argument("--verify", action="store_true", help="compare the copy with its source")
    sync.add_argument(
        "--budget",
        type=_percent,
        default=50,
        metavar="PERCENT",
        help="share of the time that reading the source may take, 1 to 100; 50 unless given",
    )
    doctor = _command(commands, "doctor", "what is wrong, or could be cheaper", _DOCTOR_EPILOG)
    for one in (tasks, task, workers, worker, delete, back, retry, replay, journal, sync, doctor):
        one.add_argument("--json", action="store_true", help="write JSON")
    return top


def _command(commands: Any, name: str, does: str, epilog: str) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = commands.add_parser(
        name, help=does, description=f"{does[0].upper()}{does[1:]}.", epilog=epilog
    )
    _add_settings(made)
    return made


def _add_filter(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--status",
        action="append",
        default=[],
        help="pending, running, overdue, failed ...; again for more",
    )
    parser.add_argument("--worker", help="tasks of this worker")
    parser.add_argument("--queue", help="tasks of this queue (full name) or queue group")
    parser.add_argument("--since", help="created since: 30m, 1h, 7d, 2026-11-23T14:00 (UTC)")


def _add_settings(parser: argparse.ArgumentParser) -> None:
    """Add the options that stand before and after a command; one that is absent sets nothing."""
    group = parser.add_argument_group("settings")
    add = functools.partial(group.add_argument, default=argparse.SUPPRESS)
    switch = argparse.BooleanOptionalAction
    add(
        "--backend",
        metavar="NAME",
        help="demo, postgres, clickhouse or sqlite; told by the DSN unless given",
    )
    add("--dsn", help="which store to open; shows in ps: POSTGRES_DSN or a profile does not")
    add("--redis", metavar="ADDRESS", help="the hub's Redis, which retry needs; or REDIS_ADDR")
    add("--source", metavar="DSN", help="of a copy: where it comes from; or POSTGRES_DSN")
    add("--profile", metavar="NAME", help="a profile of config.toml")
    add("--config", metavar="FILE", help="another config.toml")
    add("--read-only", action=switch, help="open no connection that could write")
    add("--interval", metavar="SECONDS", help="time between polls, 0.5 to 60; 2 unless given")
    add("--theme", metavar="NAME", help="dark or light")
    add("--times", metavar="HOW", help="relative, local or utc")
    add("--mouse", action=switch, help="take the mouse; off over SSH unless given")
    add(
        "--full-frames",
        action=switch,
        help="send what the terminal shows already, too, if remains are left on the screen",
    )


def _positive(text: str, most: int | None = None) -> int:
    if not text.isdecimal() or int(text) < 1 or (most is not None and int(text) > most):
        span = "a number above 0" if most is None else f"a number from 1 to {most}"
        raise argparse.ArgumentTypeError(f"{text} is not {span}")
    return int(text)


def _percent(text: str) -> int:
    return _positive(text.removesuffix("%"), 100)


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0.01 <= rate <= 1_000_000:
        raise argparse.ArgumentTypeError(f"{text} is not a number of tasks per second")
    return rate


def _hours(text: str) -> int:
    return _positive(text, 168)
