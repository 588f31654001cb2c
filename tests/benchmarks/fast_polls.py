"""The dashboard on PostgreSQL, with polls as fast as the store answers.

`python -m tests.benchmarks.fast_polls FILE` asks every question a hundred times as often as the
dashboard does. Every hundredth poll adds a line to the file: how many polls were answered, and the
resident memory in bytes.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import psutil

from asynqhub_tui import cli, polling
from asynqhub_tui.polling import Feed, Poller
from asynqhub_tui.screens import base

SPEED = 100

EVERY = 100
"""Polls from one line of the file to the next."""


class FastPoller(Poller):
    """A Poller without patience."""

    file: Path
    polls = 0

    def __init__(self, feeds: Any, on_state: Any, **options: Any) -> None:
        for feed in feeds:
            if feed.every is not None:
                feed.every /= SPEED
        super().__init__(feeds, on_state, **{**options, "interval": options["interval"] / SPEED})

    def set_interval(self, seconds: float) -> None:
        """Stay fast."""

    async def _ask(self, feed: Feed[Any]) -> None:
        await super()._ask(feed)
        if feed.name == "tasks":
            FastPoller.polls += 1
            if self.polls % EVERY == 0:
                memory = psutil.Process().memory_info().rss
                with self.file.open("a") as file:
                    file.write(f"{self.polls} {memory}\n")


if __name__ == "__main__":
    FastPoller.file = Path(sys.argv[1])
    polling.MAX_SHARE = math.inf
    polling.for_line = lambda interval, lag: interval  # it knows no interval below half a second
    base.Poller = FastPoller  # type: ignore[attr-defined]
    sys.exit(cli.run(["--backend", "postgres"]))
