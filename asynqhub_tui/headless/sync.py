"""`sync`: fills a copy, keeps it up to date, and compares it with its source."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from asynqhub_tui import figures
from asynqhub_tui.backends import COPIES, SOURCES, Target, open_copy, open_source
from asynqhub_tui.headless import UsageError, as_json, output
from asynqhub_tui.headless.signals import stopping
from asynqhub_tui.headless.sync_progress import Progress
from asynqhub_tui.replication import Copy, Moment, Source, Table
from asynqhub_tui.repository import Unavailable
from asynqhub_tui.settings import Settings
from asynqhub_tui.sync.copying import Copying
from asynqhub_tui.sync.pace import Pace
from asynqhub_tui.sync.verifying import Comparison, compare
from asynqhub_tui.text import one_line

OK, DIFFERS = 0, 4

LONGEST_WAIT = 30.0
"""Seconds between two attempts to go on, where one of the two stores is away."""

NAMED = 5
"""How many of the rows that differ are named."""

NAMES = {Table.TASK: "tasks", Table.ATTEMPT: "attempt rows"}


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for.

    `share` is the part of the time that reads of the source may take, `interval` seconds between
    two rounds.
    """

    source: Target
    copy: Target
    share: float
    interval: float
    follow: bool = False
    verify: bool = False
    json: bool = False


def request_of(source: Settings, copy: Settings, **options: Any) -> Request:
    """Check what was asked for. Raises UsageError."""
    if source.backend not in SOURCES:
        raise UsageError(
            f"sync reads Asynq-Hub's own database, PostgreSQL, and no {source.backend} store."
            " Set POSTGRES_DSN, or give --from."
        )
    if copy.backend not in COPIES:
        raise UsageError(
            "sync fills ClickHouse or a SQLite file, and never the hub's own database."
            " Set CLICKHOUSE_DSN, or give --to."
        )
    return Request(source.target, copy.target, interval=source.interval, **options)


async def run(request: Request) -> int:
    """Fill the copy, once or until it is stopped, and return the exit code.

    Raises Refused where the copy is none of this source, and what opening raises.
    """
    async with AsyncExitStack() as stack:
        source = await open_source(request.source)
        stack.push_async_callback(source.close)
        copy = await open_copy(request.copy)
        stack.push_async_callback(copy.close)
        line = stack.enter_context(output.ProgressLine())
        work = _Work(request, source, copy, line)
        await work.open()
        stop = stack.enter_context(stopping(line.note, _STOPPING))
        running = asyncio.ensure_future(work.run())
        asked = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait({running, asked}, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                return running.result()
        finally:
            # What was being written is written again: no point of it is unsafe to stop at.
            for one in (running, asked):
                one.cancel()
            await asyncio.gather(running, asked, return_exceptions=True)
        line.note("Stopped. The same command goes on from here.")
        return stop.exit_code


_STOPPING = "Stopping; what is there by now stays."


class _Work:
    """One run of the command."""

    def __init__(
        self, request: Request, source: Source, copy: Copy, line: output.ProgressLine
    ) -> None:
        self._request = request
        self._source = source
        self._copy = copy
        self._line = line
        self._progress = Progress(line)
        self._pace = Pace(request.share)
        self._copying = Copying(source, copy, self._pace, self._progress)

    async def open(self) -> None:
        """Find out where the copy stands, and say so. Raises Refused."""
        position = await self._copying.open()
        if position.round is not None:
            what = "going on where the last run has stopped"
        elif position.done is not None:
            at = figures.ago(_time(position.done), datetime.now(UTC))
            what = f"the copy is of {at}"
        else:
            what = "a first copy"
        self._line.note(f"{self._source.place} to {self._copy.place}: {what}.")

    async def run(self) -> int:
        """Bring the copy up to date; compare it, or go on, where that was asked for."""
        if self._request.verify:
            return await self._verify()
        began = time.monotonic()
        if self._copying.position.round is not None:
            await self._round()
        # Who copies once may never come back: all is looked through.
        moment = await self._round(sweeps=not self._request.follow)
        self._tell(moment, time.monotonic() - began)
        while self._request.follow:
            await asyncio.sleep(self._request.interval)
            moment = await self._round()
            self._follow_line(moment)
        return OK

    async def _round(self, *, sweeps: bool = False) -> Moment:
        """Do one round; one that follows waits where a store is away."""
        wait = 1.0
        while True:
            try:
                await self._copying.round(sweeps=sweeps)
            except Unavailable as error:
                if not self._request.follow:
                    raise
                self._line.note(f"{error} Next try in {wait:g} s.")
                await asyncio.sleep(wait)
                wait = min(wait * 2, LONGEST_WAIT)
                continue
            done = self._copying.position.done
            assert done is not None
            return done

    async def _verify(self) -> int:
        async def catch_up() -> Moment:
            return await self._round(sweeps=True)

        found = await compare(self._source, self._copy, self._pace, self._progress, catch_up)
        names = await self._names(found)
        if self._request.json:
            as_json.write(_as_json(found, names))
        else:
            output.write(_report(found, names))
        return DIFFERS if any(one.differing for one in found.values()) else OK

    async def _names(self, found: Mapping[Table, Comparison]) -> dict[tuple[Table, int], str]:
        """Look up which tasks some of the rows that differ belong to."""
        names = {}
        for table, comparison in found.items():
            for ids in comparison.differing.values():
                rows = await self._source.rows_of(table, ids[:NAMED])
                names.update({(table, row[0]): one_line(row[1]) for row in rows})
        return names

    def _tell(self, moment: Moment, seconds: float) -> None:
        rows = self._progress.rows
        rate = f", {rows / seconds:,.0f} rows/s" if rows and seconds >= 1 else ""
        self._line.note(
            f"The copy is of {_time(moment):%Y-%m-%d %H:%M:%S} UTC:"
            f" {rows:,} rows written in {seconds:.1f} s{rate}."
        )

    def _follow_line(self, moment: Moment) -> None:
        self._line.show(
            f"following; the copy is of {_time(moment):%H:%M:%S} UTC,"
            f" {self._progress.rows:,} rows written; ctrl+c stops"
        )


def _time(moment: Moment) -> datetime:
    return datetime.fromtimestamp(moment.at / 1_000_000, UTC)


def _report(found: Mapping[Table, Comparison], names: Mapping[tuple[Table, int], str]) -> list[str]:
    lines = []
    for table, comparison in found.items():
        rows = comparison.copy.total()
        days = len({group.day for group in comparison.source | comparison.copy})
        differing = sum(map(len, comparison.differing.values()))
        said = f"{differing:,} differ" if differing else "all the same"
        lines.append(
            f"{NAMES[table]}: {comparison.source.total():,} at the source, {rows:,} in the copy,"
            f" of {days:,} {'day' if days == 1 else 'days'}: {said}"
        )
        for group, ids in sorted(comparison.differing.items()):
            some = ", ".join(names.get((table, id), f"row {id}") for id in ids[:NAMED])
            more = f" and {len(ids) - NAMED:,} more" if len(ids) > NAMED else ""
            lines.append(
                f"  {group.day} {one_line(group.status)}: {comparison.source[group]:,} at the"
                f" source, {comparison.copy[group]:,} in the copy; differing: {some}{more}"
            )
    return lines


def _as_json(
    found: Mapping[Table, Comparison], names: Mapping[tuple[Table, int], str]
) -> dict[str, Any]:
    return {
        table.value: [
            {
                "day": group.day,
                "status": group.status,
                "source": comparison.source[group],
                "copy": comparison.copy[group],
                "differing": len(comparison.differing.get(group, ())),
                "task_ids": [
                    names[table, id]
                    for id in comparison.differing.get(group, ())[:NAMED]
                    if (table, id) in names
                ],
            }
            for group in sorted(comparison.source | comparison.copy)
        ]
        for table, comparison in found.items()
    }
