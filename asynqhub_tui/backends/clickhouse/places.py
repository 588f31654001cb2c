"""Where tasks lie: a task is found at once by its creation, and by its id alone at some cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from asynqhub_tui.backends.clickhouse.database import Database

REMEMBERED = 20_000
"""Tasks whose creation is remembered, those that were asked for last."""


class Places:
    """The creation of tasks by their id, as far as it was seen."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._seen: dict[str, datetime] = {}

    def remember(self, places: Iterable[tuple[str, datetime]]) -> None:
        """Take note of tasks with their creation."""
        for task_id, created_at in places:
            self._seen.pop(task_id, None)
            self._seen[task_id] = created_at
        while len(self._seen) > REMEMBERED:
            del self._seen[next(iter(self._seen))]

    def known(self, task_ids: Iterable[str]) -> dict[str, datetime]:
        """Return the creation of those that are remembered."""
        return {one: self._seen[one] for one in task_ids if one in self._seen}

    async def find(self, task_ids: Iterable[str]) -> Mapping[str, datetime]:
        """Return the creation of each task, remembered or looked up; an unknown id has none."""
        asked = list(dict.fromkeys(task_ids))
        found = self.known(asked)
        found |= await self.look_up([one for one in asked if one not in found])
        return found

    async def look_up(self, task_ids: list[str]) -> dict[str, datetime]:
        """Return the creation of each task as the table has it now.

        Where two first writes have left two rows, the earlier counts, as in writing.
        """
        if not task_ids:
            return {}
        rows = await self._database.fetch(
            """SELECT task_id, min(created_at) FROM task FINAL
            WHERE task_id IN {ids:Array(String)} GROUP BY task_id""",
            {"ids": task_ids},
        )
        found: dict[str, datetime] = dict(rows)
        self.remember(found.items())
        return found
