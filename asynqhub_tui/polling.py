"""The one way a screen gets fresh data.

A Poller runs Feeds, one request at a time, each on its own clock. It slows a feed whose query is
expensive, backs off while the store does not answer, and never delivers an answer to a question
that is no longer asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from asynqhub_tui import notices
from asynqhub_tui.repository import HubError

T = TypeVar("T")

SAMPLES = 5
"""Answers of which the median tells how expensive a feed is: one slow answer slows nothing."""

MAX_SHARE = 0.1
"""The share of time that may pass in queries, all feeds together."""

LONGEST_BACKOFF = 30.0
"""Seconds between two tries while the store does not answer, at most."""


INTERVALS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""The intervals that slower and faster step through, in seconds."""


REST_AFTER_SCAN = 60.0
"""Seconds, at least, until a question is asked again to which a whole table was read."""

FRAMES_APART = 4
"""How many times longer than the line takes for a frame it is until the next poll, at least."""


LONGEST_FOR_LINE = 10.0
"""Seconds between two polls that a slow line leads to at most."""


class Feed(Generic[T]):
    """One question that is asked again and again.

    `fetch` asks it, `deliver` takes the answer. An answer of None means that there was nothing to
    ask just now; it tells nothing of the store. `every` is the least number of seconds between two
    askings; None means the poller's interval. A feed may be shared by several pollers of which one
    runs at a time: it remembers when it was last asked.
    """

    def __init__(
        self,
        name: str,
        fetch: Callable[[], Awaitable[T]],
        deliver: Callable[[T], None],
        *,
        every: float | None = None,
    ) -> None:
        self.name = name
        self.fetch = fetch
        self.deliver = deliver
        self.every = every
        self.due = 0.0
        self.noticed: frozenset[str] = frozenset()
        self.fails = False
        self._took: deque[float] = deque(maxlen=SAMPLES)
        self._generation = 0

    def ask_again(self) -> None:
        """Make the feed due at once, and drop the answer that may be under way."""
        self.due = 0.0
        self._generation += 1

    @property
    def generation(self) -> int:
        """Which question is being asked; an answer to an earlier one is dropped."""
        return self._generation

    @property
    def seconds(self) -> float:
        """How long an answer takes: the median of the last ones.

        The first one alone tells nothing: it also waited for imports and for connections.
        """
        return statistics.median_low(self._took) if len(self._took) > 1 else 0.0

    def answered(self, seconds: float) -> None:
        """Take note of how long an answer took."""
        self._took.append(seconds)

    def wanted(self, interval: float) -> float:
        """Seconds between two askings, as long as they are cheap."""
        wanted = interval if self.every is None else max(self.every, interval)
        return max(wanted, REST_AFTER_SCAN) if self.noticed else wanted

    def trouble(self, interval: float) -> str:
        """Say that it is asked less often for what was noticed, or not answered; empty if not."""
        why = ", ".join(sorted(self.noticed))
        if why and self.fails:
            return f"{self.name} unanswered: {why}"
        rests = why and max(self.every or 0.0, interval) < REST_AFTER_SCAN
        return f"{self.name} slowed: {why}" if rests else ""


def period(feed: Feed[Any], feeds: Sequence[Feed[Any]], interval: float) -> float:
    """Return the seconds until `feed` is asked again.

    That is what it wants, unless all `feeds` together would take more than MAX_SHARE of the time:
    then those that take more than an equal part of it wait longer.
    """
    wanted = feed.wanted(interval)
    if sum(one.seconds / one.wanted(interval) for one in feeds) <= MAX_SHARE:
        return wanted
    return max(wanted, feed.seconds * len(feeds) / MAX_SHARE)


def for_line(interval: float, lag: float) -> float:
    """Return the interval where the line to the terminal takes `lag` seconds for a frame.

    It is the user's, or a longer one of INTERVALS, which is no longer than LONGEST_FOR_LINE: when
    the line is free again, that is how long it goes unnoticed.
    """
    least = min(lag * FRAMES_APART, LONGEST_FOR_LINE)
    return max(interval, next(one for one in INTERVALS if one >= least))


@dataclass(frozen=True, slots=True)
class PollState:
    """What the header and the banner say about the data.

    `fresh_at` and `next_try_at` are times of the poller's clock. `slowed` names the feed whose
    query is too expensive for the interval, and says why; `stretched` is the interval that a slow
    line leaves.
    """

    interval: float
    fresh_at: float | None = None
    error: HubError | None = None
    failing_since: float | None = None
    next_try_at: float | None = None
    paused: bool = False
    slowed: str | None = None
    stretched: float | None = None


@dataclass(slots=True)
class _Pace:
    tries: int = 0
    wake: asyncio.Event = field(default_factory=asyncio.Event)


class Poller:
    """Keeps a screen's feeds fresh while the screen is shown.

    `on_state` is called with every change of the state. `lag` tells how many seconds the line to
    the terminal takes for a frame: what cannot be shown in time need not be asked. HubErrors never
    leave the poller; any other exception of a feed does, through `failed`.
    """

    def __init__(
        self,
        feeds: Sequence[Feed[Any]],
        on_state: Callable[[PollState], None],
        *,
        interval: float = 2.0,
        clock: Callable[[], float] = time.monotonic,
        failed: Callable[[BaseException], None] | None = None,
        lag: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._feeds = list(feeds)
        self._on_state = on_state
        self._clock = clock
        self._failed = failed
        self._lag = lag
        self._state = PollState(interval=interval)
        self._pace = _Pace()
        self._loop: asyncio.Task[None] | None = None
        self._request: asyncio.Task[Any] | None = None
        self._asked: Feed[Any] | None = None

    @property
    def state(self) -> PollState:
        """The present state."""
        return self._state

    @property
    def running(self) -> bool:
        """Whether the loop runs (it may be paused)."""
        return self._loop is not None

    @property
    def rests(self) -> bool:
        """Whether every feed has been answered and none is being asked."""
        return self._request is None and all(feed.due > 0.0 for feed in self._feeds)

    def start(self) -> None:
        """Begin to poll; what is due is asked at once."""
        if self._loop is None:
            self._loop = asyncio.create_task(self._run(), name="poller")

    def stop(self) -> None:
        """Stop polling and cancel the request under way."""
        if self._loop is not None:
            self._loop.cancel()
            self._loop = None

    def pause(self, paused: bool) -> None:
        """Stop or resume asking; the data on the screen stays."""
        self._set(paused=paused)
        self._pace.wake.set()

    def set_interval(self, seconds: float) -> None:
        """Change the interval."""
        self._set(interval=seconds)
        self._pace.wake.set()

    def step_interval(self, steps: int) -> float:
        """Move to a slower (positive) or faster interval, and return it."""
        nearest = min(
            range(len(INTERVALS)), key=lambda at: abs(INTERVALS[at] - self._state.interval)
        )
        chosen = INTERVALS[max(0, min(len(INTERVALS) - 1, nearest + steps))]
        self.set_interval(chosen)
        return chosen

    def refresh(self, *feeds: Feed[Any]) -> None:
        """Ask `feeds` (all, if none is named) at once, also while paused or backing off."""
        for feed in feeds or self._feeds:
            feed.ask_again()
            if feed is self._asked and self._request is not None:
                self._request.cancel()
        self._set(next_try_at=None)
        self._pace.wake.set()

    def report(self, error: HubError) -> None:
        """Take note of an error that another request of the screen met."""
        self._failing(error)
        self._pace.wake.set()

    async def _run(self) -> None:
        try:
            while True:
                feed = self._next_due()
                if feed is None:
                    await self._rest()
                else:
                    await self._ask(feed)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # a defect, not a HubError: the application must end
            if self._failed is None:
                raise
            self._failed(error)

    def _next_due(self) -> Feed[Any] | None:
        now = self._clock()
        state = self._state
        if state.next_try_at is not None and now < state.next_try_at:
            return None
        due = [feed for feed in self._feeds if feed.due <= now]
        if state.paused:
            due = [feed for feed in due if feed.due == 0.0]
        return min(due, key=lambda feed: feed.due, default=None)

    async def _rest(self) -> None:
        self._pace.wake.clear()
        times = [feed.due for feed in self._feeds]
        if self._state.next_try_at is not None:
            times = [self._state.next_try_at]
        wait = None if self._state.paused or not times else max(min(times) - self._clock(), 0.01)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._pace.wake.wait(), wait)

    async def _ask(self, feed: Feed[Any]) -> None:
        generation = feed.generation
        started = self._clock()
        self._asked = feed
        with notices.collecting(feed.name) as noticed:
            self._request = asyncio.ensure_future(feed.fetch())
        try:
            answer = await self._request
        except HubError as error:
            if feed.generation == generation:
                feed.noticed, feed.fails = frozenset(noticed), True
                # What takes too long, and why, is not asked again at once.
                feed.due = self._clock() + (REST_AFTER_SCAN if noticed else 0.0)
                self._failing(error)
            return
        except asyncio.CancelledError:
            if _being_cancelled():
                raise
            return  # only the request was cancelled: its question is no longer asked
        finally:
            self._asked = self._request = None
        if feed.generation != generation:
            return
        now = self._clock()
        if answer is not None:
            feed.answered(now - started)
            feed.noticed, feed.fails = frozenset(noticed), False
        feed.due = now + period(feed, self._feeds, for_line(self._state.interval, self._lag()))
        feed.deliver(answer)
        if answer is not None or self._state.error is None:
            self._fresh(now)

    def _fresh(self, now: float) -> None:
        self._pace.tries = 0
        interval = for_line(self._state.interval, self._lag())
        slowed = next(
            (
                words
                for feed in self._feeds
                if (words := feed.trouble(interval) or self._costly(feed, interval))
            ),
            None,
        )
        self._set(
            fresh_at=now,
            error=None,
            failing_since=None,
            next_try_at=None,
            slowed=slowed,
            stretched=interval if interval != self._state.interval else None,
        )

    def _costly(self, feed: Feed[Any], interval: float) -> str:
        slower = period(feed, self._feeds, interval) > feed.wanted(interval) * 1.5
        return f"{feed.name} slowed: costly" if slower else ""

    def _failing(self, error: HubError) -> None:
        now = self._clock()
        wait = min(2.0**self._pace.tries, LONGEST_BACKOFF)
        self._pace.tries += 1
        self._set(
            error=error,
            failing_since=self._state.failing_since or now,
            # Not sooner than anything is due: what read a whole table rests for longer.
            next_try_at=max(now + wait, min(feed.due for feed in self._feeds)),
        )

    def _set(self, **changes: Any) -> None:
        state = replace(self._state, **changes)
        if state != self._state:
            self._state = state
            self._on_state(state)


def _being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
