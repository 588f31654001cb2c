"""A copy has what its source has, after every round."""

from __future__ import annotations

import psycopg

from asynqhub_tui.replication import Copy, Source, Table
from asynqhub_tui.sync.copying import Copying
from asynqhub_tui.sync.pace import Pace
from asynqhub_tui.sync.verifying import Comparison, compare
from tests.sync.conftest import Quiet
from tests.sync.hub import SourceHub


async def test_all_is_copied(origin: SourceHub, copying: Copying, source: Source, copy: Copy) -> None:
    origin.fill(300)
    await copying.round()
    assert await origin.differences(source, copy) == []
