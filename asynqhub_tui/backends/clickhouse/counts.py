"""Counting tasks, never further than asked, and naming them for a bulk action."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from asynqhub_tui.backends.clickhouse.database import SMALL, Database
from asynqhub_tui.backends.clickhouse.filters import Where
from asynqhub_tui.backends.clickhouse.lists import Asked, asked, read_keys
from asynqhub_tui.backends.clickhouse.rows import REF_COLUMNS, ref_from
from asynqhub_tui.backends.clickhouse.states import read_now, state_parameters, with_states
from asynqhub_tui.backends.clickhouse.stretches import stretches
from asynqhub_tui.backends.clickhouse.workers import read_workers
from asynqhub_tui.models import OVERDUE, RUNNING, STATUSES, Count, StatusCounts, TaskRef
from asynqhub_tui.repository import Cursor, Order, TaskFilter

_BATCH = 1_000
"""How many tasks `stream_refs` names at a time."""


_STATES = (RUNNING, OVERDUE)


async def count_tasks(database: Database, filter: TaskFilter, cap: int) -> Count:
    """Count the tasks that match, up to `cap`."""
    return await count(database, await asked(database, filter), cap)


async def count(database: Database, asked: Asked, cap: int) -> Count:
    """Count the tasks that pass, up to `cap`."""
    number = 0
    end: datetime | None = None
    async for stretch in stretches(database, asked.found, Order.UPDATED):
        written, parameters = asked.select(("task_id",), stretch.found)
        rows = await database.fetch(
            f"SELECT count() FROM ({written} LIMIT {{limit:UInt64}})",
            parameters | {"limit": cap + 1 - number},
        )
        number += rows[0][0]
        end = stretch.end
        if number > cap:
            break
    far_enough = asked.now is None or asked.now.far_enough
    return _told(number, cap, whole=end is None and far_enough)


def _told(number: int, cap: int, *, whole: bool) -> Count:
    if not whole and number <= cap:
        return Count(value=number, kind="at_least")
    return Count.capped(number, cap)


async def count_by_status(database: Database, filter: TaskFilter, cap: int) -> StatusCounts:
    """Count the tasks that `filter` finds by status, and those that run or are overdue."""
    of_filter = await asked(database, filter)
    running, overdue = await count_states(database, of_filter.found, cap)
    by_status = await _all_statuses(database, of_filter, cap)
    if by_status is None:
        by_status = await _other_statuses(database, of_filter, cap)
        for status in STATUSES:
            one = of_filter.found.narrowed("t.status = {one:String}", one=status)
            by_status[status] = await count(database, replace(of_filter, found=one), cap)
    by_status = {status: number for status, number in by_status.items() if number.value}
    return StatusCounts(by_status=by_status, running=running, overdue=overdue)


async def _all_statuses(database: Database, asked: Asked, cap: int) -> dict[str, Count] | None:
    """Count all statuses in one go, where that is cheap."""
    found = asked.found
    if await database.estimate("task", found.sql(), found.parameters) > SMALL:
        return None
    written, parameters = asked.select(("status",), found)
    rows = await database.fetch(
        f"SELECT status, count() FROM ({written}) GROUP BY status", parameters
    )
    return {status: Count.capped(number, cap) for status, number in rows}


async def _other_statuses(database: Database, asked: Asked, cap: int) -> dict[str, Count]:
    """Count the statuses that Asynq-Hub does not know; the index of statuses finds them."""
    others = asked.found.narrowed("t.status NOT IN {known:Array(String)}", known=list(STATUSES))
    written, parameters = asked.select(("status",), others)
    rows = await database.fetch(
        f"SELECT status, count() FROM ({written} LIMIT {{limit:UInt64}}) GROUP BY status",
        parameters | {"limit": cap + 1},
    )
    whole = sum(number for _, number in rows) <= cap
    return {status: _told(number, cap, whole=whole) for status, number in rows}


async def count_states(database: Database, found: Where, cap: int) -> tuple[Count, Count]:
    """Count the tasks that run and those that are overdue, among the rows that match."""
    states = await group_by_state(database, replace(found, states=found.states or _STATES))
    running, overdue = (
        sum(number for (_, one), number in states.numbers.items() if one == state)
        for state in _STATES
    )
    return (
        _told(running, cap, whole=states.whole),
        _told(overdue, cap, whole=states.whole),
    )


@dataclass(frozen=True, slots=True)
class States:
    """How many tasks of each worker are in each state, by both; `whole` if these are all."""

    numbers: Mapping[tuple[str, str], int]
    whole: bool

    def of(self, worker_name: str) -> dict[str, int]:
        """Return how many tasks of one worker are in each state."""
        return {
            state: number
            for (worker, state), number in self.numbers.items()
            if worker == worker_name
        }


async def group_by_state(database: Database, found: Where) -> States:
    """Count the tasks in the states of `found`, by their worker and state."""
    now = await read_now(database, await read_workers(database))
    numbers: Counter[tuple[str, str]] = Counter()
    end = None
    async for stretch in stretches(database, found, Order.UPDATED):
        written = with_states("worker_name, state", stretch.found)
        rows = await database.fetch(
            f"SELECT worker_name, state, count() FROM ({written}) GROUP BY worker_name, state",
            state_parameters(stretch.found, now),
        )
        numbers.update({(worker, state): number for worker, state, number in rows})
        end = stretch.end
    return States(numbers, end is None and now.far_enough)


async def stream_refs(
    database: Database, filter: TaskFilter, limit: int
) -> AsyncGenerator[Sequence[TaskRef], None]:
    """Name every task that matches, newest first, a batch at a time.

    A task that changes meanwhile, in an order by update, moves above what is still to be read and
    is left out: it is no longer what was asked for.
    """
    of_filter = await asked(database, filter)
    order = filter.order
    columns = tuple(dict.fromkeys((f"{order}_at", *REF_COLUMNS)))
    places = [columns.index(name) for name in REF_COLUMNS]
    cursor: Cursor | None = None
    while limit > 0:
        batch = min(limit, _BATCH)
        keys = await read_keys(database, of_filter, columns, order, batch, cursor)
        if keys.rows:
            yield [ref_from(tuple(row[place] for place in places)) for row in keys.rows]
            cursor = Cursor(order, keys.rows[-1][0], keys.rows[-1][1])
        if len(keys.rows) < batch:
            if keys.end is None:
                return
            cursor = Cursor(order, keys.end, "")
        limit -= len(keys.rows)
