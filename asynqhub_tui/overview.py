"""What every screen knows of the installation: counts, workers, the last hours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from asynqhub_tui import figures
from asynqhub_tui.models import StatusCounts, TimeSeriesStats, WorkerConfig
from asynqhub_tui.polling import Feed
from asynqhub_tui.repository import Freshness, Hub
from asynqhub_tui.view import View

COUNTS_EVERY = 10.0
WORKERS_EVERY = 20.0
RECENT_EVERY = 30.0
HISTORY_EVERY = 900.0
FRESHNESS_EVERY = 5.0
"""Seconds between two askings. The figures of closed hours hardly change."""

HOURS = 24
RECENT_HOURS = 2
"""Hours that the whole history and its fresh end reach back."""

Series = Mapping[str, Sequence[TimeSeriesStats]]


class Overview:
    """The data that the screens share, and the feeds that keep it fresh.

    The poller of the screen that is shown runs the feeds; to change screens asks nothing anew.
    `changed` is called after each answer.
    """

    def __init__(self, hub: Hub, view: View, changed: Callable[[], None]) -> None:
        self._hub = hub
        self._view = view
        self._changed = changed
        self._hours: dict[str, dict[datetime, TimeSeriesStats]] = {}
        self.counts: StatusCounts | None = None
        self.counts_at: datetime | None = None
        self.freshness: Freshness | None = None
        self.has_history = False
        """Whether the whole 24 hours have been read once."""
        self.feeds: tuple[Feed[Any], ...] = (
            Feed("workers", hub.workers.list, self._take_workers, every=WORKERS_EVERY),
            Feed("counts", hub.tasks.status_counts, self._take_counts, every=COUNTS_EVERY),
            Feed("recent hours", self._recent, self._take_series, every=RECENT_EVERY),
            Feed("24 hours", self._history, self._take_history, every=HISTORY_EVERY),
        )
        if hub.info.copy_of is not None:
            freshness = hub.tasks.freshness
            feed = Feed("copy", freshness, self._take_freshness, every=FRESHNESS_EVERY)
            self.feeds = (*self.feeds, feed)

    @property
    def workers_feed(self) -> Feed[Sequence[WorkerConfig]]:
        """The feed of the workers' rows, for those who change one."""
        return self.feeds[0]

    def copied_words(self) -> str:
        """Say how old a copy is, empty where the store is none or that is not known yet."""
        if self.freshness is None:
            return ""
        return freshness_words(self.freshness, self._view.now())

    def hours(self, worker_name: str | None = None) -> list[TimeSeriesStats]:
        """Return the last 24 hours of one worker, or of all together, oldest first."""
        now = self._view.now().replace(minute=0, second=0, microsecond=0)
        wanted = [now - timedelta(hours=back) for back in range(HOURS - 1, -1, -1)]
        if worker_name is not None:
            known = self._hours.get(worker_name, {})
            return [known.get(hour) or TimeSeriesStats(hour=hour) for hour in wanted]
        return [_sum(hour, (one.get(hour) for one in self._hours.values())) for hour in wanted]

    @property
    def has_hours(self) -> bool:
        """Whether any hour is known yet."""
        return bool(self._hours)

    async def _recent(self) -> Series:
        return await self._hub.tasks.fleet_series(RECENT_HOURS)

    async def _history(self) -> Series:
        return await self._hub.tasks.fleet_series(HOURS)

    def _take_workers(self, workers: Sequence[WorkerConfig]) -> None:
        self._view.workers = {worker.worker_name: worker for worker in workers}
        self._changed()

    def _take_freshness(self, freshness: Freshness | None) -> None:
        self.freshness = freshness
        self._changed()

    def _take_counts(self, counts: StatusCounts) -> None:
        self.counts = counts
        self.counts_at = self._view.now()
        self._changed()

    def _take_history(self, series: Series) -> None:
        self.has_history = True
        self._take_series(series)

    def _take_series(self, series: Series) -> None:
        oldest = self._view.now() - timedelta(hours=HOURS + 1)
        for name, hours in series.items():
            known = self._hours.setdefault(name, {})
            known.update((one.hour, one) for one in hours)
            for hour in [hour for hour in known if hour < oldest]:
                del known[hour]
        self._changed()


def freshness_words(freshness: Freshness, now: datetime) -> str:
    """Say how old a copy is: `3h old`."""
    if freshness.as_of is None:
        return "incomplete"
    age = figures.age(freshness.as_of, now)
    return "up to date" if age == "now" else f"{age} old"


def _sum(hour: datetime, parts: Any) -> TimeSeriesStats:
    found = [part for part in parts if part is not None]
    return TimeSeriesStats(
        hour=hour,
        total=sum(part.total for part in found),
        success=sum(part.success for part in found),
        failed=sum(part.failed for part in found),
    )
