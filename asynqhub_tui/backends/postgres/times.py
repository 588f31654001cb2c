"""Times that PostgreSQL can hold and Python cannot."""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg
from psycopg.abc import Buffer
from psycopg.types.datetime import TimestamptzLoader

_LATEST = datetime.max.replace(tzinfo=UTC)
_EARLIEST = datetime.min.replace(tzinfo=UTC)


class BoundedTimestamptzLoader(TimestamptzLoader):
    """Reads `infinity`, and years beyond 9999 or before Christ, as the last or first time there
    is: one such row must not make a list unreadable.
    """

    def load(self, data: Buffer) -> datetime:
        try:
            return super().load(data)
        except psycopg.DataError:
            text = bytes(data)
            return _EARLIEST if text.startswith(b"-") or text.endswith(b"BC") else _LATEST
