"""What the screens of one run of the program share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from asynqhub_tui.costs import Costs, metered
from asynqhub_tui.line import Traffic
from asynqhub_tui.overview import Overview
from asynqhub_tui.queue import TaskQueue
from asynqhub_tui.repository import Hub
from asynqhub_tui.view import View


@dataclass(slots=True)
class Session:
    """The open hub and how it is looked at.

    `hub` and `overview` are None until the connection stands. So is `queue`, and also where no
    address of a Redis is known, or none that can be used, as `queue_trouble` then says. `interval`
    is in seconds. `remapped` maps ids of keys to the user's own keys. `traffic` tells what went
    over the line to the terminal; `costs` are those of the queries, and `costs_shown` whether they
    are to be seen.
    """

    view: View
    interval: float = 2.0
    paused: bool = False
    profile: str | None = None
    remapped: Mapping[str, str] = field(default_factory=dict)
    hub: Hub | None = None
    queue: TaskQueue | None = None
    queue_trouble: str = ""
    overview: Overview | None = None
    traffic: Callable[[], Traffic] = lambda: Traffic(0, 0.0)
    costs: Costs = field(default_factory=Costs)
    costs_shown: bool = False

    def connect(self, hub: Hub, changed: Callable[[], None]) -> None:
        """Begin to work with an open hub; `changed` is called when the overview has news."""
        hub.tasks = metered(hub.tasks, self.costs)
        hub.workers = metered(hub.workers, self.costs, "workers ")
        self.hub = hub
        self.overview = Overview(hub, self.view, changed)

    def use_queue(self, queue: TaskQueue | None) -> None:
        """Work with an open queue; None where none is known."""
        self.queue = None if queue is None else metered(queue, self.costs, "asynq ")

    def lag(self) -> float:
        """Return how many seconds the line to the terminal takes for a frame."""
        return self.traffic().lag

    @property
    def connected_hub(self) -> Hub:
        """The hub, for what only runs once it is open."""
        assert self.hub is not None
        return self.hub
