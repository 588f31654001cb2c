"""The hub's database, asked also how it would answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from asynqhub_tui.backends.postgres.connection import READ_TIMEOUT, Database, Params, Row
from asynqhub_tui.backends.postgres.plans import Plan


class WouldReadTable(Exception):
    """A statement's plan reads a table from end to end; the statement was not run.

    `tables` are the tables' names.
    """

    def __init__(self, tables: Sequence[str]) -> None:
        super().__init__(*tables)
        self.tables = tables


class ExplainingDatabase(Database):
    """A Database that refuses to read some tables from end to end, once it is told which.

    `spared` are these tables. While there are any, every statement is planned before it is run,
    with the very values and settings that it has when the dashboard asks. `cost` is the dearest
    plan's since.
    """

    spared: frozenset[str] = frozenset()
    cost = 0.0

    async def fetch(
        self, query: str, params: Params | None = None, *, seconds: float = READ_TIMEOUT
    ) -> list[Row]:
        """Run one reading statement as Database.fetch. Raises WouldReadTable besides."""
        if self.spared:
            plan = await self.explain(query, params)
            self.cost = max(self.cost, float(plan["Total Cost"]))
            whole = {node["Relation Name"] for node in nodes(plan) if is_whole(node)}
            if found := sorted(whole & self.spared):
                raise WouldReadTable(found)
        return await super().fetch(query, params, seconds=seconds)


def nodes(plan: Plan) -> Iterator[Plan]:
    """Yield a plan's nodes, each before those below it."""
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


def is_whole(node: Plan) -> bool:
    """Whether a node reads a table from end to end."""
    return node["Node Type"] in ("Seq Scan", "Parallel Seq Scan")
