"""The workers of the sample installation, and how each of them fares."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from asynqhub_tui.demo import catalogue
from asynqhub_tui.models import QueueGroup, WorkerConfig

SECOND = 1_000_000
"""In microseconds, the unit of every time in this package."""

MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

UP_FOR = 26 * HOUR
"""How long the processes of the workers have been running that are at work."""

REDIS_ADDR = "10.0.0.5:6379"
"""The Redis that the rows of all workers name."""

PRIORITIES = (("critical", 3), ("default", 2), ("low", 1))
"""The name of a priority and its number in a task's row."""

_WEIGHTS = {"critical": 6, "default": 3, "low": 1}


@dataclass(frozen=True, slots=True)
class Member:
    """A worker and its habits.

    `share` is its part of all tasks. `typical` is how long an attempt takes in the middle, in
    microseconds, and `spread` how far they differ. `unstable` is the share of attempts that fail,
    `doomed` that of tasks that fail every time, and `silent` that of attempts that never report
    their end. `trouble_for` is how long it has been failing nearly always. `beats` is the time
    between heartbeats, None where it sends none, and `beat_age` how old the last one is in the
    beginning. `away` is how long it has taken no task from its queues, 0 where it is at work.
    `mended` is the share of tasks that succeed once somebody runs them again.
    """

    config: WorkerConfig
    payloads: tuple[catalogue.Payload, ...]
    errors: tuple[tuple[str, int], ...]
    share: int
    typical: int
    spread: float = 0.5
    unstable: float = 0.02
    doomed: float = 0.005
    silent: float = 0.0004
    trouble_for: int = 0
    beats: int | None = 30 * SECOND
    beat_age: int = 4 * SECOND
    away: int = 0
    mended: float = 0.8

    @property
    def name(self) -> str:
        """The worker's name."""
        return self.config.worker_name


def _config(
    name: str,
    groups: tuple[str, ...],
    concurrency: int,
    *,
    retries: int = 3,
    timeout: int = 30,
    delay: int = 0,
) -> WorkerConfig:
    return WorkerConfig(
        worker_name=name,
        base_url=f"http://{name}.internal:8080",
        redis_addr=REDIS_ADDR,
        queue_groups=tuple(
            QueueGroup(name=group, concurrency=concurrency, priorities=_WEIGHTS) for group in groups
        ),
        default_retry_count=retries,
        default_timeout=timeout,
        default_delay=delay,
    )


WORKER_1 = Member(
    config=_config("worker-1", ("web_crawl", "image_crawl", "search_index"), 8),
    payloads=(catalogue.crawl, catalogue.crawl, catalogue.search),
    errors=catalogue.CRAWL_ERRORS,
    share=62,
    typical=410_000,
)
AI_WORKER = Member(
    config=_config("ai-worker", ("text_analyze", "embedding"), 2, timeout=300, retries=2),
    payloads=(catalogue.analyze, catalogue.analyze),
    errors=catalogue.AI_ERRORS,
    share=9,
    typical=9 * SECOND,
    spread=0.8,
    unstable=0.07,
    doomed=0.03,
    beats=None,  # as many workers: that it lives, only its servers and its attempts show
    beat_age=UP_FOR,
)
MAIL_WORKER = Member(
    config=_config("mail-worker", ("notify", "newsletter"), 4, retries=5),
    payloads=(catalogue.mail, catalogue.mail),
    errors=catalogue.MAIL_ERRORS,
    share=10,
    typical=850_000,
    beats=None,
    beat_age=HOUR,
    away=HOUR,
)
IMAGE_WORKER = Member(
    config=_config("image-worker", ("thumbnail", "watermark"), 4, retries=1),
    payloads=(catalogue.image, catalogue.image),
    errors=catalogue.IMAGE_ERRORS,
    share=14,
    typical=1_400_000,
    trouble_for=3 * HOUR,
    mended=0.5,
    beat_age=12 * SECOND,
)
BILLING_WORKER = Member(
    config=_config("billing-worker", ("invoice",), 2, delay=30),
    payloads=(catalogue.bill,),
    errors=catalogue.BILLING_ERRORS,
    share=4,
    typical=220_000,
    spread=0.3,
    unstable=0.004,
    doomed=0.001,
    beat_age=21 * SECOND,
)
OLD_WORKER = Member(
    config=_config("old-worker", ("legacy_import",), 1).model_copy(update={"is_enabled": False}),
    payloads=(catalogue.legacy,),
    errors=catalogue.IMPORT_ERRORS,
    share=1,
    typical=120_000,
    unstable=0.03,
    beats=None,
    beat_age=41 * DAY,
    away=41 * DAY,
)

FLEET = (WORKER_1, AI_WORKER, MAIL_WORKER, IMAGE_WORKER, BILLING_WORKER, OLD_WORKER)


def registered(member: Member, now: datetime) -> WorkerConfig:
    """Return the worker's row as it stands at `now`."""
    beat = now - timedelta(microseconds=member.beat_age)
    return member.config.model_copy(
        update={
            "last_heartbeat_at": beat,
            "created_at": now - timedelta(days=120),
            "updated_at": beat,
        }
    )
