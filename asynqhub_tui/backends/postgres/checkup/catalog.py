"""The indexes that a database has, and those that it should have, compared by their columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from asynqhub_tui.backends.postgres.checkup.about import TABLES
from asynqhub_tui.backends.postgres.checkup.explaining import ExplainingDatabase


class Index(NamedTuple):
    """An index of one of the three tables, as the catalog has it.

    `name` is as a statement may write it. `keys` are the columns that it is sorted by, `others`
    those that it only carries (INCLUDE). `plain` tells that it is a btree of all rows, without
    expressions, `building` that it is being built at this moment, as far as this role sees.
    """

    table: str
    name: str
    keys: Sequence[str]
    others: Sequence[str]
    unique: bool
    valid: bool
    plain: bool
    building: bool
    definition: str


class Wanted(NamedTuple):
    """An index that is looked for: its columns in their order, each with its direction.

    `serves` says in words what needs it.
    """

    table: str
    columns: Sequence[str]
    serves: str
    unique: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns without their direction: an index is read either way."""
        return tuple(column.partition(" ")[0] for column in self.columns)

    @property
    def words(self) -> str:
        """It as an operator calls it: task (status, updated_at)."""
        return f"{self.table} ({', '.join(self.keys)})"

    def create(self, table: str) -> str:
        """Return the statement that creates it without blocking writers.

        `table` is the table's name as a statement may write it. The server chooses the name, so
        that it is free.
        """
        unique = "UNIQUE " if self.unique else ""
        return f"CREATE {unique}INDEX CONCURRENTLY ON {table} ({', '.join(self.columns)});"


def served(wanted: Wanted, among: Iterable[Index]) -> bool:
    """Whether an index that is there, whatever its name, does what the wanted one would.

    One that has further columns behind those does, save where rows have to be unique.
    """
    keys = wanted.keys
    return any(
        index.table == wanted.table
        and index.valid
        and index.plain
        and (
            index.unique and tuple(index.keys) == keys
            if wanted.unique
            else tuple(index.keys[: len(keys)]) == keys
        )
        for index in among
    )


async def indexes(database: ExplainingDatabase) -> Sequence[Index]:
    """Return the indexes of the three tables."""
    return [Index._make(row) for row in await database.fetch(_INDEXES, {"tables": list(TABLES)})]


# What is not visible of the progress of others' commands comes as no row.
_INDEXES = """
SELECT wanted.name, quote_ident(n.nspname) || '.' || quote_ident(i.relname),
    ARRAY(
        SELECT a.attname::text
        FROM unnest(x.indkey::int2[]) WITH ORDINALITY AS key(number, place)
        JOIN pg_attribute AS a ON a.attrelid = x.indrelid AND a.attnum = key.number
        WHERE key.place <= x.indnkeyatts
        ORDER BY key.place
    ),
    ARRAY(
        SELECT a.attname::text
        FROM unnest(x.indkey::int2[]) WITH ORDINALITY AS key(number, place)
        JOIN pg_attribute AS a ON a.attrelid = x.indrelid AND a.attnum = key.number
        WHERE key.place > x.indnkeyatts
    ),
    x.indisunique, x.indisvalid AND x.indisready,
    x.indpred IS NULL AND m.amname = 'btree' AND x.indexprs IS NULL,
    EXISTS (SELECT FROM pg_stat_progress_create_index AS p WHERE p.index_relid = i.oid),
    pg_get_indexdef(i.oid)
FROM unnest(%(tables)s::text[]) AS wanted(name)
JOIN pg_index AS x ON x.indrelid = to_regclass(wanted.name)
JOIN pg_class AS i ON i.oid = x.indexrelid
JOIN pg_namespace AS n ON n.oid = i.relnamespace
JOIN pg_am AS m ON m.oid = i.relam
ORDER BY wanted.name, i.relname
"""
