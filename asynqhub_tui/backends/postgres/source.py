"""Asynq-Hub's database as `sync` reads it: a batch at a time, by its indexes; see replication.

Every statement is a transaction of its own, so that no snapshot is held that would keep the server
from cleaning up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from asynqhub_tui.backends import Target
from asynqhub_tui.backends.postgres.connection import LONG_TIMEOUT, Database
from asynqhub_tui.backends.postgres.conninfo import parse
from asynqhub_tui.backends.postgres.rows import all_workers
from asynqhub_tui.backends.postgres.schema import check_schema
from asynqhub_tui.backends.postgres.statuses import task_statuses
from asynqhub_tui.models import WorkerConfig
from asynqhub_tui.replication import (
    ATTEMPT_FIELDS,
    TASK_FIELDS,
    Fingerprint,
    Group,
    Moment,
    Place,
    Row,
    Table,
    Tally,
)
from asynqhub_tui.repository import Refused

BATCH_BYTES = 8 * 1024 * 1024
"""Of payloads and errors after which a batch ends."""

_COMPRESSED = 10
"""How many times larger than it is stored a compressed value is taken to be."""


class PostgresSource:
    """One installation; the docstrings stand in `replication.Source`."""

    def __init__(self, database: Database, identity: str) -> None:
        self._database = database
        self.place = database.place
        self.identity = identity

    async def moment(self) -> Moment:
        [(at, task, attempt, xids, deleted)] = await self._fetch(_MOMENT)
        running: dict[str, int | None] = {f"xid {xid}": None for xid in xids}
        # What has begun and has written nothing yet may still write rows with the time of its
        # beginning. Sessions of other roles are only told to members of pg_read_all_stats.
        for pid, since in await self._fetch(_SESSIONS):
            running[f"pid {pid} since {since}"] = since
        return Moment(at=at, task=task, attempt=attempt, running=running, deleted=deleted)

    async def workers(self) -> Sequence[WorkerConfig]:
        return await all_workers(self._database)

    async def rows_by_id(self, table: Table, after: int, to: int, limit: int) -> Sequence[Row]:
        bound = {"after": after, "to": to, "limit": limit, "bytes": BATCH_BYTES}
        return await self._fetch(_BY_ID[table], bound)

    async def changed_tasks(self, after: Place, limit: int) -> Sequence[Row]:
        statuses = await task_statuses(self._database)
        bound = {"statuses": statuses, "at": after.at, "id": after.id, "limit": limit}
        return await self._fetch(_CHANGED, bound | {"bytes": BATCH_BYTES})

    async def rows_of(self, table: Table, ids: Sequence[int]) -> Sequence[Row]:
        bound = {"ids": list(ids), "limit": len(ids), "bytes": BATCH_BYTES}
        return await self._fetch(_BY_IDS[table], bound)

    async def stretches(self, table: Table, width: int, to: int) -> Sequence[int]:
        rows = await self._fetch(_STRETCHES[table], {"width": width, "to": to})
        return [row[0] for row in rows]

    async def tally(self, table: Table, after: int, to: int) -> Tally:
        [row] = await self._fetch(
            f"SELECT count(*), coalesce(sum(id), 0)::bigint FROM {table}{_STRETCH}",
            {"after": after, "to": to},
        )
        return Tally(*row)

    async def ids(self, table: Table, after: int, to: int) -> Sequence[int]:
        rows = await self._fetch(
            f"SELECT id FROM {table}{_STRETCH} ORDER BY id", {"after": after, "to": to}
        )
        return [row[0] for row in rows]

    async def groups(self, table: Table, after: int, to: int) -> Mapping[Group, Tally]:
        rows = await self._fetch(
            f"""SELECT day, status, count(*), sum(checksum)::bigint
            FROM ({_FINGERPRINTS[table]}) AS one GROUP BY day, status""",
            {"after": after, "to": to},
        )
        return {Group(day, status): Tally(*tally) for day, status, *tally in rows}

    async def fingerprints(self, table: Table, after: int, to: int) -> Mapping[int, Fingerprint]:
        rows = await self._fetch(_FINGERPRINTS[table], {"after": after, "to": to})
        return {id: Fingerprint(Group(day, status), checksum) for id, day, status, checksum in rows}

    async def close(self) -> None:
        await self._database.close()

    async def _fetch(self, query: str, bound: Mapping[str, Any] | None = None) -> list[Row]:
        return await self._database.fetch(query, bound, seconds=LONG_TIMEOUT)


async def open_source(target: Target) -> PostgresSource:
    """Connect, never to write, and check that these are the hub's tables.

    Raises as backends.open_hub, and Refused of a standby.
    """
    database = Database(parse(target.dsn), read_only=True)
    try:
        await database.open()
        await check_schema(database)
        [(standby, may_tell, identity)] = await database.fetch(_IDENTITY)
        if standby:
            raise Refused(
                f"{database.place} is a standby: it does not tell which transactions are under way"
                " at its primary, and their rows would be missed.",
                hint="Name the primary.",
            )
        if may_tell:  # two clusters that were made alike give out the same numbers
            [(cluster,)] = await database.fetch(_CLUSTER)
            identity = f"{cluster}.{identity}"
    except BaseException:
        await database.close()
        raise
    return PostgresSource(database, identity)


_TIMES = {"created_at", "updated_at", "started_at", "finished_at", "task_created_at"}

_OWNERS = {name: f"o.{name.removeprefix('task_')}" for name in ATTEMPT_FIELDS[-3:]}


def _bounded(time: str) -> str:
    """Write a time within the bounds of `replication`: PostgreSQL also knows infinity."""
    # Not `least` and `greatest` alone, which make a time of none.
    bounds = "'1900-01-01Z'), '2299-12-31 23:59:59.999999Z'"
    return f"CASE WHEN {time} IS NOT NULL THEN least(greatest({time}, {bounds}) END"


def _micros(time: str) -> str:
    """Write a time as microseconds since 1970."""
    return f"(extract(epoch FROM {_bounded(time)}) * 1000000)::bigint"


def _day(time: str) -> str:
    return f"to_char({_bounded(time)} AT TIME ZONE 'UTC', 'YYYY-MM-DD')"


def _columns(fields: Sequence[str]) -> str:
    def column(name: str) -> str:
        where = _OWNERS.get(name, f"r.{name}")
        if name in _TIMES:
            return _micros(where)
        return f"{where}::text" if name == "payload" else where

    return ", ".join(map(column, fields))


_IDENTITY = """
SELECT pg_is_in_recovery(), has_function_privilege('pg_control_system()', 'EXECUTE'),
    d.oid || '.' || 'task'::regclass::oid || '.' || 'task_attempt'::regclass::oid
FROM pg_database AS d WHERE d.datname = current_database()
"""

_CLUSTER = "SELECT system_identifier::text FROM pg_control_system()"

_MOMENT = f"""
SELECT {_micros("clock_timestamp()")},
    coalesce((SELECT max(id) FROM task), 0), coalesce((SELECT max(id) FROM task_attempt), 0),
    ARRAY(SELECT pg_snapshot_xip(pg_current_snapshot())::text),
    (SELECT sum(n_tup_del)::bigint FROM pg_stat_user_tables
        WHERE relid IN ('task'::regclass, 'task_attempt'::regclass)
        AND current_setting('track_counts') = 'on')
"""

_SESSIONS = f"""
SELECT pid, {_micros("xact_start")} FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
    AND backend_type = 'client backend'
"""

# From each stretch to the next that has a row: one step in the index each, however large the gaps.
_STRETCHES = {
    table: f"""
WITH RECURSIVE found AS (
    SELECT (min(r.id) - 1) / %(width)s AS stretch FROM {table} AS r WHERE r.id <= %(to)s
    UNION ALL
    SELECT (SELECT (min(r.id) - 1) / %(width)s FROM {table} AS r
        WHERE r.id > (found.stretch + 1) * %(width)s AND r.id <= %(to)s)
    FROM found WHERE found.stretch IS NOT NULL
)
SELECT stretch FROM found WHERE stretch IS NOT NULL
"""
    for table in Table
}

_STRETCH = " WHERE id > %(after)s AND id <= %(to)s"

_FROM = {
    Table.TASK: "task AS r",
    Table.ATTEMPT: "task_attempt AS r JOIN task AS o ON o.task_id = r.task_id",
}

_FIELDS = {Table.TASK: TASK_FIELDS, Table.ATTEMPT: ATTEMPT_FIELDS}


def _weight(*columns: str) -> str:
    """Write what makes a row large, by its size as it is stored: that is known without reading it.

    What is compressed may be much larger.
    """
    return " + ".join(
        f"coalesce(pg_column_size({column}), 0)"
        f" * CASE WHEN pg_column_compression({column}) IS NULL THEN 1 ELSE {_COMPRESSED} END"
        for column in columns
    )


_HEAVY = {
    Table.TASK: f"({_weight('r.payload', 'r.last_error')})",
    Table.ATTEMPT: f"({_weight('r.error')})",
}

# The rows before a row, added up: a batch has one at least.
_BATCHES = {
    table: f"""
WITH batch AS MATERIALIZED (
    SELECT id FROM (
        SELECT r.id, sum({heavy}) OVER (ORDER BY r.id) - {heavy} AS before
        FROM {table} AS r WHERE %s ORDER BY r.id LIMIT %%(limit)s
    ) AS sized WHERE before < %%(bytes)s
)
SELECT {_columns(_FIELDS[table])} FROM {_FROM[table]}
WHERE %s AND r.id <= (SELECT max(id) FROM batch) ORDER BY r.id
"""
    for table, heavy in _HEAVY.items()
}


def _batches(where: str) -> dict[Table, str]:
    return {table: batch % (where, where) for table, batch in _BATCHES.items()}


_BY_ID = _batches("r.id > %(after)s AND r.id <= %(to)s")

_BY_IDS = _batches("r.id = ANY(%(ids)s::bigint[])")

_AFTER = "(timestamptz 'epoch' + %(at)s * interval '1 microsecond')"

# The index has the order of updates within each status. The first condition is the one that it
# begins at.
_CHANGED = f"""
WITH found AS MATERIALIZED (
    SELECT one.id, one.updated_at FROM unnest(%(statuses)s::text[]) AS s(status)
    CROSS JOIN LATERAL (
        SELECT t.id, t.updated_at FROM task AS t
        WHERE t.status = s.status AND t.updated_at >= {_AFTER}
            AND (t.updated_at, t.id) > ({_AFTER}, %(id)s)
        ORDER BY t.updated_at, t.id LIMIT %(limit)s
    ) AS one ORDER BY one.updated_at, one.id LIMIT %(limit)s
), batch AS MATERIALIZED (
    SELECT id FROM (
        SELECT r.id, sum({_HEAVY[Table.TASK]}) OVER (ORDER BY r.updated_at, r.id)
            - {_HEAVY[Table.TASK]} AS before
        FROM task AS r WHERE r.id IN (SELECT id FROM found)
    ) AS sized WHERE before < %(bytes)s
)
SELECT {_columns(TASK_FIELDS)} FROM task AS r
WHERE r.id IN (SELECT id FROM batch) ORDER BY r.updated_at, r.id
"""


def _checksum(*values: str) -> str:
    text = " || '|' || ".join(values)
    return f"('x' || left(md5({text}), 8))::bit(32)::bigint"


def _text(column: str) -> str:
    return f"coalesce(r.{column}, '')"


_FINGERPRINTS = {
    Table.TASK: f"""
SELECT r.id, {_day("r.created_at")} AS day, r.status, {
        _checksum(
            "r.task_id",
            "r.worker_name",
            "r.queue",
            "r.priority",
            "r.status",
            "r.last_attempt",
            _text("last_error"),
            _text("last_worker_name"),
            _text("trace_id"),
            _micros("r.created_at"),
            _micros("r.updated_at"),
            "r.payload::text",
        )
    } AS checksum
FROM task AS r WHERE r.id > %(after)s AND r.id <= %(to)s
""",
    Table.ATTEMPT: f"""
SELECT r.id, {_day("r.started_at")} AS day, r.status, {
        _checksum(
            "r.task_id",
            _text("asynq_task_id"),
            "r.attempt",
            "r.status",
            _micros("r.started_at"),
            f"coalesce({_micros('r.finished_at')}::text, '')",
            "coalesce(r.duration_ms::text, '')",
            _text("error"),
            _text("worker_name"),
            _text("trace_id"),
            _text("span_id"),
        )
    } AS checksum
FROM task_attempt AS r WHERE r.id > %(after)s AND r.id <= %(to)s
""",
}
