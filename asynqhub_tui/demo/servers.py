"""The asynq servers of the simulated workers."""

from __future__ import annotations

from collections import deque

from asynqhub_tui.demo.held import Held
from asynqhub_tui.demo.life import Actor
from asynqhub_tui.models import QueueGroup


class AsynqServer:
    """A server that takes tasks from the queues of one group, so many at a time.

    `queues` maps full names to weights. `takes` is False while its worker is disabled.
    """

    def __init__(self, actor: Actor, group: QueueGroup) -> None:
        self.actor = actor
        self.concurrency = group.concurrency
        self.queues = {
            f"{actor.member.name}:{group.name}:{priority}": weight
            for priority, weight in group.priorities.items()
        }
        self.takes = False
        self.active: dict[str, Held] = {}
        by_weight = sorted(self.queues, key=lambda name: -self.queues[name])
        self._waiting: dict[str, deque[Held]] = {name: deque() for name in by_weight}

    @property
    def waiting(self) -> int:
        """How many tasks wait for it."""
        return sum(len(line) for line in self._waiting.values())

    def line_up(self, held: Held) -> None:
        """Let a pending task wait for it."""
        self._waiting[held.queue].append(held)

    def take(self) -> Held | None:
        """Take the next task, of the queue with the greatest weight; None where it takes no more.

        (asynq draws the queue by weight; a glance at the screen does not tell.)
        """
        if not self.takes or len(self.active) >= self.concurrency:
            return None
        for line in self._waiting.values():
            if line:
                return line.popleft()
        return None
