"""The installation in one frame of text: what `asynqhub-tui` prints where no terminal is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.cells import cell_len

from asynqhub_tui.figures import NONE, count, duration, number, percent, spark
from asynqhub_tui.headless import output
from asynqhub_tui.headless.output import GAP, Column
from asynqhub_tui.headless.tasks import know_workers
from asynqhub_tui.models import (
    FAILED_STATUSES,
    STATUSES,
    Count,
    StatusCounts,
    Task,
    TimeSeriesStats,
    Window,
    WorkerStats,
)
from asynqhub_tui.overview import freshness_words
from asynqhub_tui.repository import Freshness, Hub, HubInfo, TaskFilter
from asynqhub_tui.text import fit, fit_ends, one_line
from asynqhub_tui.view import View

FAILED_SHOWN = 10

_MIN_WIDTH = 60
_HOURS = 24
_NAME = (10, 32)
"""Fewest and most cells of a worker's name."""

_ID = 14
_FIGURE = 5
_CHART = "BY HOUR"


async def show_overview(hub: Hub, view: View, *, profile: str | None, width: int) -> int:
    """Write the place, the counts, the workers and the newest failed tasks, `width` cells wide."""
    await know_workers(hub, view)
    counts = await hub.tasks.status_counts()
    stats = await hub.tasks.fleet_stats(Window.DAY)
    series = await hub.tasks.fleet_series(_HOURS)
    failed = await hub.tasks.list_tasks(TaskFilter(statuses=FAILED_STATUSES), limit=FAILED_SHOWN)
    width = max(width, _MIN_WIDTH)
    lines = [
        *_title(hub.info, await hub.tasks.freshness(), profile, view),
        "",
        *_counts(counts, width),
        "",
        *_workers(view, stats, series, width),
        "",
        *_failed(view, failed.tasks, width),
    ]
    output.write(fit(line, width).rstrip() for line in lines)
    return 0


def _title(
    info: HubInfo, freshness: Freshness | None, profile: str | None, view: View
) -> list[str]:
    parts = (
        f"asynqhub-tui: {'demo' if info.demo else info.backend}",
        profile or "",
        "READ-ONLY" if info.read_only else "",
        f"{view.now():%Y-%m-%d %H:%M:%S} UTC",
    )
    place = f"{info.place} ({info.version})" if info.version else info.place
    if freshness is not None:
        place += f", a copy of {freshness.source}, {freshness_words(freshness, view.now())}"
    return [GAP.join(one_line(part) for part in parts if part), one_line(place)]


def _counts(counts: StatusCounts, width: int) -> list[str]:
    """Return what the rows say, and what happens now: a task that runs is usually `pending`."""
    rows = {**dict.fromkeys(STATUSES, Count(value=0)), **counts.by_status}
    now = {"running": counts.running, "overdue": counts.overdue}
    return [*_wrapped("status", rows, width), *_wrapped("now", now, width)]


def _wrapped(title: str, counts: Mapping[str, Count], width: int) -> list[str]:
    indent = 6
    lines = [fit(title, indent)]
    for name, each in counts.items():
        part = f"{GAP}{one_line(name)} {count(each)}"
        if cell_len(lines[-1]) + cell_len(part) > width:
            lines.append(" " * indent)
        lines[-1] += part
    return lines


def _workers(
    view: View,
    stats: Mapping[str, WorkerStats],
    series: Mapping[str, Sequence[TimeSeriesStats]],
    width: int,
) -> list[str]:
    titles = ("PEND", "RUN", "OK", "FAIL", "DEAD", "OK%", "AVG")
    least, most = _NAME
    figures = (_FIGURE + 1) * len(titles)
    longest = max((cell_len(one_line(name)) for name in view.workers), default=0)
    name_width = min(max(longest, least), most, max(least, width - figures - _HOURS - 1))
    hours = max(0, min(_HOURS, width - name_width - figures - 1))
    head = fit("WORKER", name_width) + "".join(f" {title:>{_FIGURE}}" for title in titles)
    lines = ["last 24 hours", f"{head} {_CHART}" if hours >= len(_CHART) else head]
    for name in view.workers:
        one = stats.get(name, WorkerStats(worker_name=name))
        values = (
            number(one.pending_tasks),
            number(one.running_tasks),
            number(one.success_tasks),
            number(one.failed_tasks),
            number(one.dead_tasks),
            percent(one.finished_rate),
            duration(one.avg_duration_ms),
        )
        totals = [hour.total for hour in series.get(name, ())] or [0] * _HOURS
        line = fit(one_line(name), name_width) + "".join(f" {value:>{_FIGURE}}" for value in values)
        lines.append(f"{line} {spark(totals[-hours:] if hours else [])}")
    return lines if view.workers else [*lines, "no worker has registered"]


def _failed(view: View, tasks: Sequence[Task], width: int) -> list[str]:
    if not tasks:
        return ["no failed tasks"]
    heads = (
        Column("FAILED"),
        Column("TASK"),
        Column("WORKER"),
        Column("UPDATED", number=True),
        Column("ERROR"),
    )
    return output.columns(
        heads,
        [
            [
                one_line(view.state(task)),
                fit_ends(one_line(task.task_id), _ID),
                fit_ends(one_line(task.worker_name), _NAME[1] // 2),
                view.moment(task.updated_at),
                output.error(task) or NONE,
            ]
            for task in tasks
        ],
    )
