"""The stores. `open_hub` imports the one that was chosen, and no other."""

from __future__ import annotations

import asyncio
import importlib
from dataclasses import dataclass

from pydantic import SecretStr

from asynqhub_tui.checkup import Checkup
from asynqhub_tui.replication import Copy, Source
from asynqhub_tui.repository import Hub

BACKENDS = {
    "demo": "asynqhub_tui.demo",
    "postgres": "asynqhub_tui.backends.postgres",
    "clickhouse": "asynqhub_tui.backends.clickhouse",
    "sqlite": "asynqhub_tui.backends.sqlite",
}
"""What may follow `--backend`, and the module whose `open_hub(target)` opens it."""

CHDB_DEMO = "chdb://demo"
"""The DSN of the sample installation in ClickHouse's embedded engine."""

SOURCES = {"postgres": "asynqhub_tui.backends.postgres.source"}
"""What sync can read, and the module whose `open_source(target)` opens it."""

COPIES = {
    "clickhouse": "asynqhub_tui.backends.clickhouse.replica",
    "sqlite": "asynqhub_tui.backends.sqlite.replica",
}
"""What sync can fill, and the module whose `open_copy(target)` opens it."""


CHECKUPS = {
    "demo": "asynqhub_tui.demo.checkup",
    "postgres": "asynqhub_tui.backends.postgres.checkup",
    "clickhouse": "asynqhub_tui.backends.clickhouse.checkup",
    "sqlite": "asynqhub_tui.backends.sqlite.checkup",
}
"""What doctor can look at, and the module whose `open_checkup(target)` does."""


@dataclass(frozen=True, slots=True)
class Target:
    """Which installation to open: a backend, its DSN, and whether writing is off."""

    backend: str
    dsn: SecretStr | None = None
    read_only: bool = False


async def open_hub(target: Target) -> Hub:
    """Connect to `target` and check that it is an Asynq-Hub installation.

    The driver is imported on a thread, as it takes longer than a frame. Raises Unavailable where
    nothing answers, Refused where the server turns us away (wrong password, no such database), and
    SchemaMismatch where the tables are not Asynq-Hub's.
    """
    name = "asynqhub_tui.demo.embedded" if _is_sample(target) else BACKENDS[target.backend]
    module = await asyncio.to_thread(importlib.import_module, name)
    hub: Hub = await module.open_hub(target)
    return hub


async def open_source(target: Target) -> Source:
    """Connect to `target`, to copy it. Raises as `open_hub`."""
    module = await asyncio.to_thread(importlib.import_module, SOURCES[target.backend])
    source: Source = await module.open_source(target)
    return source


async def open_copy(target: Target) -> Copy:
    """Open `target` to be filled; what is embedded is made where it is missing.

    Raises as `open_hub`.
    """
    module = await asyncio.to_thread(importlib.import_module, COPIES[target.backend])
    copy: Copy = await module.open_copy(target)
    return copy


async def open_checkup(target: Target) -> Checkup:
    """Return what looks `target` over; it connects once its findings are asked for."""
    name = CHECKUPS["demo" if _is_sample(target) else target.backend]
    module = await asyncio.to_thread(importlib.import_module, name)
    checkup: Checkup = module.open_checkup(target)
    return checkup


def _is_sample(target: Target) -> bool:
    return target.dsn is not None and target.dsn.get_secret_value().strip() == CHDB_DEMO
