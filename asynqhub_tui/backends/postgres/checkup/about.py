"""What the checks of PostgreSQL share."""

from __future__ import annotations

from asynqhub_tui.backends.postgres.schema import COLUMNS
from asynqhub_tui.checkup import Subject

POSTGRES = Subject("postgres")

TABLES = tuple(COLUMNS)

LARGE = 5_000
"""Pages of a table that no poll may read as a whole: the budget of a poll, in buffers."""
