"""A hub's database that is written to while it is copied."""

from __future__ import annotations

import random

from pydantic import SecretStr

from asynqhub_tui.replication import Copy, Source, Table
from tests.e2e.hub import Hub


class SourceHub(Hub):
    """An installation with the workers `images` and `mailer`."""

    def __init__(self, dsn: str) -> None:
        super().__init__(dsn)
        for worker in ("images", "mailer"):
            self.register(worker, ago=5)

    @property
    def secret(self) -> SecretStr:
        """The DSN, as a Target has it."""
        return SecretStr(self.dsn)

    def fill(self, tasks: int, *, name: str = "task", days: float = 3) -> None:
        """Write tasks over some days, in all statuses, each with two rows of an attempt."""
        self.sql(
            "INSERT INTO task (task_id, worker_name, queue, priority, payload, status,"
            "  last_attempt, last_error, trace_id, created_at, updated_at)"
            " SELECT %s || '-' || n, w, w || ':main:default', n %% 3 + 1,"
            "  jsonb_build_object('n', n, 'text', E'\\u4f60\\u597d [b] \\x1b[31m'),"
            "  (ARRAY['success', 'fail', 'pending', 'dead'])[n %% 4 + 1], n %% 5,"
            "  CASE WHEN n %% 4 = 1 THEN E'refused:\\nn|' || n ELSE NULL END, NULL, at,"
            "  at + interval '1.5 s'"
            " FROM (SELECT n, (ARRAY['images', 'mailer'])[n %% 2 + 1] AS w,"
            "   now() - make_interval(secs => %s * 86400.0 * (1 - n::float / %s)) AS at"
            "  FROM generate_series(1, %s) AS n) AS one",
            name,
            days,
            tasks,
            tasks,
        )
        self.sql(
            "INSERT INTO task_attempt (task_id, attempt, status, started_at, finished_at,"
            "  duration_ms, error)"
            " SELECT task_id, 1, s, created_at,"
            "  CASE WHEN s <> 'running' THEN created_at + interval '1 s' END,"
            "  CASE WHEN s = 'success' THEN 1000 END, CASE WHEN s = 'fail' THEN 'refused' END"
            " FROM task, unnest(ARRAY['running', CASE WHEN status = 'success' THEN status"
            "  ELSE 'fail' END]) AS s"
            " WHERE task_id LIKE %s || '-%%' ORDER BY task.id",
            name,
        )

    def change(self, chance: random.Random, name: str) -> None:
        """Let some things happen as they do: tasks come, are tried, fail, and are purged."""
        self.fill(chance.randint(1, 20), name=name, days=0.001)
        step = chance.randint(2, 9)
        self.sql(
            "UPDATE task SET status = (ARRAY['success', 'fail', 'dead'])[id %% 3 + 1],"
            " last_attempt = last_attempt + 1, updated_at = now() WHERE id %% %s = 0",
            step,
        )
        self.sql(
            "INSERT INTO task_attempt (task_id, attempt, status, started_at)"
            " SELECT task_id, last_attempt, 'running', now() FROM task WHERE id %% %s = 0",
            step,
        )
        if chance.random() < 0.5:
            gone = (chance.randint(5, 30), chance.randint(0, 4))
            self.sql(
                "DELETE FROM task_attempt WHERE task_id IN"
                " (SELECT task_id FROM task WHERE id %% %s = %s)",
                *gone,
            )
            self.sql("DELETE FROM task WHERE id %% %s = %s", *gone)
        self.beat(chance.choice(["images", "mailer"]))


async def differences(source: Source, copy: Copy) -> list[object]:
    """Compare every row, and every worker; return what is not the same."""
    found: list[object] = []
    for table in Table:
        there = await source.fingerprints(table, 0, 2**62)
        here = await copy.fingerprints(table, 0, 2**62)
        found += [
            (table.value, id, there.get(id), here.get(id))
            for id in sorted(there.keys() | here.keys())
            if there.get(id) != here.get(id)
        ]
    theirs = {one.worker_name: one for one in await source.workers()}
    ours = {one.worker_name: one for one in await copy.workers()}
    found += [
        (theirs.get(name), ours.get(name))
        for name in sorted(theirs.keys() | ours.keys())
        if theirs.get(name) != ours.get(name)
    ]
    return found
