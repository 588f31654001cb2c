"""Whether a worker is alive, as far as what is known of it tells.

The truth is in Redis, where every asynq server of a worker writes each 5 s that it lives. Where
that is not known, the store has to tell: most workers send one heartbeat, when they register, and
none after it, and show by their attempts that they live. Trouble is a worker that shows nothing
while tasks wait for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

FRESH = timedelta(seconds=90)
"""The age up to which a heartbeat is news: they come every 30 s, where they come at all."""

LATELY = timedelta(minutes=10)
"""How long after the end of an hour with attempts these still count as lately."""

HOUR = timedelta(hours=1)


class Liveness(StrEnum):
    """What can be said of a worker."""

    ALIVE = "alive"
    """asynq servers of it live; where that is not known, a heartbeat came lately."""
    PARTLY = "partly live"
    """asynq servers of it live, but some of its queues have none."""
    AT_WORK = "at work"
    """No heartbeat came lately, but attempts started lately, or one is running."""
    QUIET = "quiet"
    """Nothing shows that it lives, and nothing waits for it."""
    MISSING = "missing"
    """Nothing shows that it lives, and tasks wait for it."""
    DISABLED = "disabled"
    """It is to take no new tasks, so that its silence is nobody's trouble."""
    UNKNOWN = "…"
    """What would tell has not been read yet."""


@dataclass(frozen=True, slots=True)
class Signs:
    """What is known of a worker.

    `attempted` is the beginning of the newest hour in which one of its attempts started. `running`
    tells of an open attempt within its timeout, `waiting` of tasks that are pending or overdue.
    `read` is False until attempts and tasks have been looked at. `servers` is how many live asynq
    servers take from its queues, None where that is not known; `untaken` tells of queues that none
    of them takes from.
    """

    enabled: bool = True
    heartbeat: datetime | None = None
    attempted: datetime | None = None
    running: bool = False
    waiting: bool = False
    read: bool = True
    servers: int | None = None
    untaken: bool = False

    @property
    def seen(self) -> datetime | None:
        """The newest sign of life."""
        return max((at for at in (self.heartbeat, self.attempted) if at is not None), default=None)


def liveness(signs: Signs, now: datetime) -> Liveness:
    """Return what `signs` say of a worker."""
    if not signs.enabled:
        return Liveness.DISABLED
    if signs.servers:
        return Liveness.PARTLY if signs.untaken else Liveness.ALIVE
    if signs.servers is None and signs.heartbeat is not None and now - signs.heartbeat <= FRESH:
        return Liveness.ALIVE
    if not signs.read:
        return Liveness.UNKNOWN
    if signs.servers == 0:  # what the store says of it is the past
        return Liveness.MISSING if signs.waiting or signs.running else Liveness.QUIET
    attempted = signs.attempted
    if signs.running or (attempted is not None and now - attempted <= HOUR + LATELY):
        return Liveness.AT_WORK
    return Liveness.MISSING if signs.waiting else Liveness.QUIET
