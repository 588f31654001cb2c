"""The command line: options, commands, and the exit code that each ending has.

| exit code | means |
| --- | --- |
| 0 | done |
| 1 | there is no such task, worker, action or batch |
| 2 | the command line or the configuration cannot be used; retry is off |
| 3 | the store or the queue cannot be reached, did not answer in time, or stopped a batch |
| 4 | refused, not confirmed, a task that could not be retried, a copy that differs, or a problem |
| 5 | the tables are not Asynq-Hub's |
| 70 | a fault of this program |
| 74 | standard output cannot be written |
| 130 | interrupted |
| 143 | asked to end by SIGTERM |

What is imported at the top is light, so that `--help` is quick.
"""

from __future__ import annotations

import argparse
import errno
import io
import os
import shutil
import sys
import traceback
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from asynqhub_tui import arguments

if TYPE_CHECKING:
    from asynqhub_tui.headless.retry import Request
    from asynqhub_tui.queue import TaskQueue
    from asynqhub_tui.repository import Hub, HubError, TaskFilter
    from asynqhub_tui.settings import Settings
    from asynqhub_tui.view import View

OK, NOT_FOUND, USAGE, UNAVAILABLE, REFUSED, SCHEMA = range(6)
FAULT, OUTPUT, INTERRUPTED = 70, 74, 130

_FINDS = {
    "task": "`asynqhub-tui tasks ID` finds tasks by the beginning of their id.",
    "worker": "`asynqhub-tui workers` names them.",
    "delete-worker": "`asynqhub-tui workers` names them.",
}
"""What to do where a command does not find what it was asked for."""

_CHANGING = ("delete-worker", "restore-worker", "retry", "replay", "journal")
"""The commands that change the store or the queue, once they have opened it."""


def run(argv: Sequence[str]) -> int:
    """Do what the command line says and return the exit code."""
    try:
        args = arguments.parser().parse_args(argv)
    except SystemExit as done:  # argparse has written help or a complaint
        return done.code if isinstance(done.code, int) else USAGE
    try:
        code = _run(args)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt as broken_off:
        return broken_off.args[0] if broken_off.args else INTERRUPTED
    except BrokenPipeError:  # `| head` has read enough; nothing is left to flush at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            return _complain(error, args.command)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        _say(f"Standard output cannot be written: {os.strerror(error.errno)}.")
        return OUTPUT
    except Exception as error:  # the last place that can say it in words
        return _complain(error, args.command)


def _run(args: argparse.Namespace) -> int:
    from asynqhub_tui import settings as sources

    options = {name: getattr(args, name) for name in arguments.SETTINGS if hasattr(args, name)}
    if args.command == "sync":
        return _sync(args, options)
    settings = sources.load(options, os.environ, Path.cwd())
    for warning in settings.warnings:
        _say(warning)
    # Textual draws on standard error: all three have to be the terminal.
    if args.command is None and all(one.isatty() for one in (sys.stdin, sys.stdout, sys.stderr)):
        if os.environ.get("TERM") != "dumb":
            return _dashboard(settings)
        _say("A terminal of the type “dumb” cannot show the dashboard: this is one frame of it.")
    _prepare_stdout(json=getattr(args, "json", False))
    if args.command == "schema":
        return _schema(args, settings)
    from asynqhub_tui.headless import signals

    if args.command == "doctor":
        from asynqhub_tui.headless import doctor

        return signals.run(doctor.run(settings, json=args.json))
    # Standard input is read ahead of the event loop, which would not hear ctrl+c meanwhile.
    request = _retry_request(args, settings) if args.command == "retry" else None
    return signals.run(_answer(args, settings, request))


def _dashboard(settings: Settings) -> int:
    from asynqhub_tui import terminal

    terminal.prepare(os.environ)
    from asynqhub_tui.app import AsynqHubApp
    from asynqhub_tui.headless import UsageError
    from asynqhub_tui.keys import known_ids

    if unknown := sorted(settings.keys.keys() - known_ids()):
        known = ", ".join(sorted(known_ids()))
        raise UsageError(f"config.toml: there is no key {unknown[0]}. Known: {known}.")
    app = AsynqHubApp(settings)
    app.run(mouse=terminal.mouse_wanted(os.environ, settings.mouse))
    if app.failure is not None:
        _tell_source(app.failure, settings)
        raise app.failure
    if app.defect is not None:
        raise app.defect
    return app.return_code or OK


def _schema(args: argparse.Namespace, settings: Settings) -> int:
    from asynqhub_tui.headless import schema, signals
    from asynqhub_tui.repository import HubError

    if not args.apply:
        return schema.show(args.cluster)
    try:
        return signals.run(schema.create(settings, args.cluster))
    except HubError as error:
        _tell_source(error, settings)
        raise


def _sync(args: argparse.Namespace, options: dict[str, str | bool]) -> int:
    from asynqhub_tui import settings as sources
    from asynqhub_tui.headless import UsageError, signals, sync

    for name in ("backend", "dsn", "redis", "source"):
        if name in options:
            raise UsageError(f"sync takes no --{name}, but --from and --to.")

    def load(
        dsn: str | None, backend: str, options: Mapping[str, str | bool] = options
    ) -> Settings:
        said = {"dsn": dsn} if dsn is not None else {"backend": backend}
        return sources.load({**options, **said}, os.environ, Path.cwd())

    source = load(args.origin, "postgres")
    # A profile is the source's: that one may be read-only.
    of_copy = {name: said for name, said in options.items() if name != "profile"}
    for warning in source.warnings:
        _say(warning)
    request = sync.request_of(
        source,
        load(args.copy, "clickhouse", of_copy),
        share=args.budget / 100,
        follow=args.follow,
        verify=args.verify,
        json=args.json,
    )
    _prepare_stdout(json=args.json)
    return signals.run(sync.run(request))


async def _answer(args: argparse.Namespace, settings: Settings, request: Request | None) -> int:
    from asynqhub_tui.backends import open_hub
    from asynqhub_tui.headless import (
        delete,
        frame,
        journal,
        replay,
        restoring,
        retry,
        tasks,
        workers,
    )
    from asynqhub_tui.models import Window
    from asynqhub_tui.opening import set_original
    from asynqhub_tui.repository import HubError, Order
    from asynqhub_tui.view import View

    view = View(times=settings.times)
    filter = _filter(args, view) if args.command == "tasks" else None
    if args.command == "delete-worker":
        delete.check_can_ask(yes=args.yes)
    if args.command == "replay":
        replay.check_can_ask(yes=args.yes)
    if args.command == "journal":
        _check_journal(args)
        if args.verb == "list":
            return await journal.show_list(view, limit=args.limit, json=args.json)
        if args.verb == "show":
            return await journal.show_one(view, args.id, json=args.json)
    try:
        opened = await open_hub(settings.target)
    except HubError as error:
        _tell_source(error, settings)
        raise
    async with opened as hub:
        set_original(hub, settings)
        if hub.info.demo and args.command in _CHANGING:
            _say("This is the embedded demo: what is done in it goes when the command ends.")
        if filter is not None:
            order = Order(args.order) if args.order else None
            return await tasks.list_tasks(
                hub, view, filter, limit=args.limit, order=order, json=args.json
            )
        if args.command == "task":
            return await tasks.show_task(hub, view, args.id, json=args.json)
        if args.command == "workers":
            return await workers.list_workers(hub, view, window=Window(args.window), json=args.json)
        if args.command == "worker":
            return await workers.show_worker(
                hub, view, args.name, window=Window(args.window), hours=args.hours, json=args.json
            )
        if args.command == "delete-worker":
            deed = delete.Deed(args.deed)
            async with AsyncExitStack() as stack:
                queue = await _queue_if_any(hub, settings)
                if queue is not None:
                    await stack.enter_async_context(queue)
                return await delete.run(
                    hub, queue, view, args.name, deed, yes=args.yes, json=args.json
                )
        if args.command == "restore-worker":
            return await restoring.run(hub, Path(args.file), json=args.json)
        if args.command in ("retry", "replay", "journal"):
            async with await _queue(hub, settings) as queue:
                if request is not None:
                    return await retry.run(hub, queue, view, request)
                if args.command == "replay":
                    return await replay.run(hub, queue, args.id, yes=args.yes, json=args.json)
                return await journal.resume(hub, queue, args.id, json=args.json)
        width = shutil.get_terminal_size((80, 24)).columns
        return await frame.show_overview(hub, view, profile=settings.profile, width=width)


async def _queue_if_any(hub: Hub, settings: Settings) -> TaskQueue | None:
    from asynqhub_tui.headless import UsageError
    from asynqhub_tui.opening import open_queue
    from asynqhub_tui.repository import Refused

    try:
        return await open_queue(hub, settings)
    except Refused as error:  # of an address that is none
        raise UsageError(f"{error} It is from {settings.redis_source}.") from error


async def _queue(hub: Hub, settings: Settings) -> TaskQueue:
    from asynqhub_tui.headless import UsageError
    from asynqhub_tui.opening import RETRY_OFF

    queue = await _queue_if_any(hub, settings)
    if queue is None:
        raise UsageError(RETRY_OFF)
    return queue


def _tell_source(error: HubError, settings: Settings) -> None:
    """Add where the DSN came from that could not be opened: there may be several."""
    if settings.dsn_source:
        error.hint = f"{error.hint} The DSN is from {settings.dsn_source}.".strip()


def _retry_request(args: argparse.Namespace, settings: Settings) -> Request:
    from asynqhub_tui.headless import retry
    from asynqhub_tui.view import View

    filter = _filter(argparse.Namespace(**{**vars(args), "filter": []}), View(times=settings.times))
    retry.check(args.ids, filter, asks=not (args.yes or args.dry_run))
    return retry.Request(
        task_ids=retry.ids(args.ids) if args.ids else None,
        filter=filter,
        dry_run=args.dry_run,
        yes=args.yes,
        force=args.force,
        rate=args.rate,
        json=args.json,
    )


def _check_journal(args: argparse.Namespace) -> None:
    from asynqhub_tui.headless import UsageError

    if (args.verb == "list") == (args.id is not None):
        raise UsageError(f"journal {args.verb} takes {'no' if args.verb == 'list' else 'an'} ID.")


def _filter(args: argparse.Namespace, view: View) -> TaskFilter:
    """Join the filter line and the options; what both say must not differ."""
    from asynqhub_tui import query
    from asynqhub_tui.headless import UsageError
    from asynqhub_tui.repository import TaskFilter

    line = query.parse(" ".join(args.filter), view.now())
    for option, said in (
        ("worker", line.worker_name),
        ("queue", line.queue),
        ("since", line.since),
    ):
        if said and getattr(args, option):
            raise UsageError(f"--{option} and “{option}:” are both there. Leave one of them out.")
    statuses = [status for value in args.status for status in query.parse_statuses(value)]
    return TaskFilter(
        worker_name=args.worker or line.worker_name,
        statuses=tuple(dict.fromkeys([*line.statuses, *statuses])),
        queue=args.queue or line.queue,
        task_id=line.task_id,
        since=query.parse_since(args.since, view.now()) if args.since else line.since,
    )


def _prepare_stdout(*, json: bool) -> None:
    """Make every text printable: JSON is always UTF-8; elsewhere `?` stands in."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8" if json else None, errors="replace")


def _complain(error: Exception, command: str | None) -> int:
    """Say what ended the program, and return its exit code."""
    from asynqhub_tui.dsn import mask
    from asynqhub_tui.headless import UsageError
    from asynqhub_tui.query import QueryError
    from asynqhub_tui.repository import HubError, NotFound, Refused, SchemaMismatch, Unavailable
    from asynqhub_tui.settings import SettingsError

    if os.environ.get("ASYNQHUB_TUI_DEBUG"):
        traceback.print_exception(error)
    codes = {
        NotFound: NOT_FOUND,
        Unavailable: UNAVAILABLE,
        Refused: REFUSED,
        SchemaMismatch: SCHEMA,
    }
    if isinstance(error, HubError):
        _say(error.what, error.hint or _FINDS.get(command or "", ""))
        return next((code for kind, code in codes.items() if isinstance(error, kind)), FAULT)
    if isinstance(error, (SettingsError, UsageError, QueryError)):
        _say(str(error))
        return USAGE
    _say(
        mask(f"a fault of this program: {type(error).__name__}: {error}"),
        "Set ASYNQHUB_TUI_DEBUG=1 for the traceback, and report it.",
    )
    return FAULT


def _say(*sentences: str) -> None:
    from asynqhub_tui.headless.output import note

    for sentence in sentences:
        if sentence:
            note(sentence)
