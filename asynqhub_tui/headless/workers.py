"""The commands `workers` and `worker`."""

from __future__ import annotations

from asynqhub_tui.dsn import mask
from asynqhub_tui.figures import NONE, duration, number, percent
from asynqhub_tui.headless import as_json, output
from asynqhub_tui.headless.output import Column
from asynqhub_tui.models import (
    QueueStats,
    TimeSeriesStats,
    Window,
    WorkerConfig,
    WorkerStats,
)
from asynqhub_tui.repository import Hub
from asynqhub_tui.text import one_line
from asynqhub_tui.view import View

_NUMBERS = tuple(
    Column(title, number=True)
    for title in (
        "TOTAL",
        "PENDING",
        "RUNNING",
        "OVERDUE",
        "SUCCESS",
        "FAIL",
        "DEAD",
        "OK%",
        "AVERAGE",
    )
)

_LIST = (Column("WORKER"), Column("STATE"), Column("HEARTBEAT", number=True), *_NUMBERS)

_QUEUES = (
    Column("QUEUE"),
    *(Column(title, number=True) for title in ("TOTAL", "SUCCESS", "FAIL", "DEAD", "AVERAGE")),
)

_HOURS = (
    Column("HOUR (UTC)"),
    *(Column(title, number=True) for title in ("ATTEMPTS", "SUCCESS", "FAILED", "AVERAGE")),
)


async def list_workers(hub: Hub, view: View, *, window: Window, json: bool) -> int:
    """Write all workers with their figures over `window`, by name."""
    workers = await hub.workers.list()
    known = await hub.tasks.fleet_stats(window)
    both = [
        (worker, known.get(worker.worker_name, WorkerStats(worker_name=worker.worker_name)))
        for worker in workers
    ]
    if json:
        as_json.write_array(as_json.worker(worker, stats) for worker, stats in both)
        return 0
    rows = [
        [
            one_line(worker.worker_name),
            _state(worker),
            view.moment(worker.last_heartbeat_at),
            *_figures(stats),
        ]
        for worker, stats in both
    ]
    output.write(output.columns(_LIST, rows))
    return 0


async def show_worker(
    hub: Hub, view: View, name: str, *, window: Window, hours: int, json: bool
) -> int:
    """Write one worker with its queues and its last `hours`. Raises NotFound."""
    worker = await hub.workers.get(name)
    stats = await hub.tasks.get_worker_stats(name, window)
    series = await hub.tasks.get_worker_time_series_stats(name, hours)
    if json:
        as_json.write(as_json.worker_in_full(worker, stats, series))
        return 0
    output.write(
        [
            *_configuration(view, worker),
            "",
            f"tasks, window {window}",
            *output.columns(_NUMBERS, [_figures(stats)]),
            "",
            *output.columns(_QUEUES, [_queue(queue) for queue in stats.queues]),
            "",
            *output.columns(_HOURS, [_hour(hour) for hour in series]),
        ]
    )
    return 0


def _state(worker: WorkerConfig) -> str:
    return "enabled" if worker.is_enabled else "disabled"


def _figures(stats: WorkerStats) -> list[str]:
    mark = "" if stats.now_exact else "+"
    return [
        number(stats.total_tasks),
        number(stats.pending_tasks) + mark,
        number(stats.running_tasks) + mark,
        number(stats.overdue_tasks) + mark,
        number(stats.success_tasks),
        number(stats.failed_tasks),
        number(stats.dead_tasks),
        percent(stats.finished_rate),
        duration(stats.avg_duration_ms),
    ]


def _configuration(view: View, worker: WorkerConfig) -> list[str]:
    groups = [
        f"{group.name}: {group.concurrency} at once, "
        + ", ".join(f"{name} {weight}" for name, weight in group.priorities.items())
        for group in worker.queue_groups
    ]
    return output.pairs(
        [
            ("worker", one_line(worker.worker_name)),
            ("state", _state(worker)),
            ("heartbeat", view.full_moment(worker.last_heartbeat_at)),
            ("base url", one_line(mask(worker.base_url or ""))),
            ("redis", one_line(mask(worker.redis_addr or ""))),
            ("retries", str(worker.default_retry_count)),
            ("timeout", f"{worker.default_timeout} s"),
            ("delay", f"{worker.default_delay} s"),
            *(("queue group", one_line(group)) for group in groups),
            ("created", view.full_moment(worker.created_at)),
            ("updated", view.full_moment(worker.updated_at)),
        ]
    )


def _queue(queue: QueueStats) -> list[str]:
    return [
        one_line(queue.queue),
        number(queue.total),
        number(queue.success),
        number(queue.failed),
        number(queue.dead),
        duration(queue.avg_duration_ms),
    ]


def _hour(hour: TimeSeriesStats) -> list[str]:
    return [
        f"{hour.hour:%Y-%m-%d %H:00}",
        number(hour.total),
        number(hour.success),
        number(hour.failed),
        duration(hour.avg_duration) if hour.avg_duration is not None else NONE,
    ]
