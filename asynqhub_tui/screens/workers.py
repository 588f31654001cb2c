"""The workers: alive or not, how they fare, and what can be done about one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from asynqhub_tui import copying
from asynqhub_tui.consumers import Consumers, consumers
from asynqhub_tui.dsn import mask
from asynqhub_tui.figures import clock
from asynqhub_tui.keys import WORKERS, bindings
from asynqhub_tui.models import TimeSeriesStats, Window, WorkerConfig, WorkerStats
from asynqhub_tui.polling import Feed
from asynqhub_tui.queue import Server
from asynqhub_tui.repository import HubError
from asynqhub_tui.screens.base import Go, HubScreen
from asynqhub_tui.screens.key_names import key_name
from asynqhub_tui.session import Session
from asynqhub_tui.widgets.canvas import Ends, Piece
from asynqhub_tui.widgets.menu import Choice, Menu
from asynqhub_tui.widgets.worker_detail import LEAST, WorkerDetail, pane_height
from asynqhub_tui.widgets.worker_table import WorkerRow, WorkerTable

STATS_EVERY = 10.0
"""Seconds between two askings for the figures."""

SERVERS_EVERY = 5.0
"""Seconds between two askings which asynq servers live: as often as they say that they do."""

WINDOW_WORDS = {
    Window.HOUR: "tasks of the last hour",
    Window.DAY: "tasks of the last 24 h",
    Window.WEEK: "tasks of the last 7 d",
    Window.ALL: "tasks of all time",
}


class WorkersScreen(HubScreen):
    """Shows all workers, and more of the one under the cursor."""

    TAB = "workers"
    OWN_KEYS = WORKERS
    BINDINGS: ClassVar[list[BindingType]] = list(bindings(WORKERS))

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.table = WorkerTable(session.view, id="workers")
        self.window = Window.HOUR
        self._stats: Mapping[str, WorkerStats] = {}
        self._stats_at: datetime | None = None
        self._stats_of: Window | None = None
        self._chosen: WorkerConfig | None = None
        self._pane_height = LEAST
        self._feed = Feed("figures", self._fetch, self._take, every=STATS_EVERY)
        self._servers: Sequence[Server] | None = None
        self._servers_feed = Feed(
            "servers", self._fetch_servers, self._take_servers, every=SERVERS_EVERY
        )

    def compose_body(self) -> ComposeResult:
        """Yield the window's line, the table, and the pane below it."""
        yield Ends(id="window-line")
        yield self.table
        yield WorkerDetail(self.session.view)
        yield Menu()

    def panes(self) -> Sequence[WorkerTable]:
        """The table is the only pane."""
        return (self.table,)

    def feeds(self) -> Sequence[Feed[Any]]:
        """The figures of all workers."""
        return (self._feed,)

    def queue_feeds(self) -> Sequence[Feed[Any]]:
        """The live servers."""
        return (self._servers_feed,)

    def show_data(self) -> None:
        """Put workers, figures and hours together."""
        view, overview = self.session.view, self.session.overview
        self.table.note = "reading…" if self._stats_at is None else "no worker has registered yet"
        self.table.show(
            [
                self._row(
                    worker,
                    overview.hours(name) if overview else (),
                    read=self._stats_at is not None and bool(overview and overview.has_history),
                )
                for name, worker in view.workers.items()
            ]
        )
        self.query_one(WorkerDetail).show(self.table.current)
        self._show_window()
        self._share_room()

    def _row(
        self, worker: WorkerConfig, hours: Sequence[TimeSeriesStats], *, read: bool
    ) -> WorkerRow:
        name, queue = worker.worker_name, self.session.queue
        found, unknown = self._consumers(worker)
        stats = self._stats.get(name)
        return WorkerRow(
            worker,
            stats or WorkerStats(worker_name=name, window=self.window),
            hours,
            read=read,
            now_known=self._stats_at is not None,
            window_known=self._stats_of is self.window,
            consumers=found,
            unknown=unknown,
            elsewhere=self._is_elsewhere(worker),
            queue_place=queue.place if queue is not None else "",
        )

    def _consumers(self, worker: WorkerConfig) -> tuple[Consumers | None, str]:
        """Return which servers of a worker live; where that is not known, None and why."""
        unknown = self.queue_unknown
        if unknown or self._servers is None:
            return None, unknown
        found = consumers(worker, self._servers)
        if found.servers or not self._is_elsewhere(worker):
            return found, ""
        return None, f"its Redis is {mask(worker.redis_addr or '')}, another than the queue's"

    def _is_elsewhere(self, worker: WorkerConfig) -> bool:
        queue, address = self.session.queue, worker.redis_addr
        return queue is not None and address is not None and queue.differs(address)

    def on_resize(self) -> None:
        """Share the new room once it is known."""
        self.call_after_refresh(self._share_room)

    def _share_room(self) -> None:
        """Let the table have the lines that it needs, and the pane below it the rest."""
        detail = self.query_one(WorkerDetail)
        sharing = (self.table, detail, self.query_one(Menu))
        others = [one for one in self.children if one.display and one not in sharing]
        room = self.size.height - sum(one.outer_size.height for one in others)
        height = pane_height(room, self.table.count)
        if height != self._pane_height:
            self._pane_height = height
            detail.display = height > 0
            detail.styles.height = max(height, 1)

    def _show_window(self) -> None:
        view = self.session.view
        left = [
            Piece(f" {WINDOW_WORDS[self.window]}", "strong"),
            Piece(f"   {key_name(self.session, 'workers.window')} changes", "dim"),
        ]
        words = "reading…"
        if self._stats_at is not None and self._stats_of is self.window:
            words = f"as of {clock(self._stats_at, view.zone)}"
        if any(not stats.now_exact for stats in self._stats.values()):
            words = f"pending is a lower bound   {words}"
        self.query_one("#window-line", Ends).show(left, [Piece(words, "dim")])

    async def _fetch(self) -> Mapping[str, WorkerStats]:
        return await self.session.connected_hub.tasks.fleet_stats(self.window)

    def _take(self, stats: Mapping[str, WorkerStats]) -> None:
        self._stats = stats
        self._stats_at = self.session.view.now()
        self._stats_of = self.window
        self.show_data()

    async def _fetch_servers(self) -> Sequence[Server]:
        assert self.session.queue is not None
        return await self.session.queue.servers()

    def _take_servers(self, servers: Sequence[Server]) -> None:
        self._servers = servers
        self.show_data()

    def on_table_moved(self) -> None:
        """Show the worker under the cursor."""
        self.query_one(WorkerDetail).show(self.table.current)

    def action_window(self) -> None:
        """Look back over the next longer span of time."""
        windows = list(Window)
        self.window = windows[(windows.index(self.window) + 1) % len(windows)]
        if self.poller is not None:
            self.poller.refresh(self._feed)
        self.show_data()

    def action_open(self) -> None:
        """Show the tasks of the worker under the cursor."""
        if self.table.current is not None:
            self.post_message(Go("tasks", worker=self.table.current.config.worker_name))

    def action_copy(self) -> None:
        """Offer what can be copied."""
        if self.table.current is not None:
            self._chosen = self.table.current.config
            choices = (
                Choice("n", "name", "name"),
                Choice("J", "configuration as JSON", "configuration"),
                Choice("c", "command line that shows it", "command line"),
            )
            self.query_one(Menu).open("copy", "Copy", choices)

    async def on_menu_chosen(self, message: Menu.Chosen) -> None:
        """Copy what was chosen, or enable or disable the worker the menu was opened for."""
        worker = self._chosen
        if worker is None:
            return
        name = worker.worker_name
        if message.subject == "enable":
            if message.value:
                self.run_worker(self._enable(worker), group="enable")
        elif message.value == "name":
            await self.copy_text(name, "name")
        elif message.value == "configuration":
            await self.copy_text(copying.worker_json(worker), "configuration")
        else:
            backend = self.session.connected_hub.info.backend
            await self.copy_text(copying.command(backend, "worker", name), "command line")

    def action_enable(self) -> None:
        """Ask whether to disable the worker, or enable it again."""
        if self.table.current is None or not self.may_change():
            return
        worker = self._chosen = self.table.current.config
        verb = "Disable" if worker.is_enabled else "Enable"
        choices = (Choice("n", "cancel", ""), Choice("y", f"{verb.lower()} it", "yes"))
        title = f"{verb} worker {worker.worker_name}?"
        self.query_one(Menu).open("enable", title, choices, writes=True)

    async def _enable(self, worker: WorkerConfig) -> None:
        from asynqhub_tui.actions.enable_worker import disable, enable
        from asynqhub_tui.actions.journal import Journal

        hub = self.session.connected_hub
        change = disable if worker.is_enabled else enable
        try:
            report = await change(hub, worker.worker_name, Journal.of(hub.info))
        except HubError as error:
            self.tell_error(error)
            return
        self.tell(" ".join(report.sentences), "" if report.done else "warn")
        self._read_workers()

    def action_delete(self) -> None:
        """Open the dialog for the worker under the cursor."""
        if self.table.current is not None and self.may_change():
            name = self.table.current.config.worker_name
            from asynqhub_tui.screens.delete_worker import DeleteWorkerScreen

            self.app.push_screen(DeleteWorkerScreen(self.session, name), self._deleted)

    def _deleted(self, changed: bool | None) -> None:
        if changed:
            self._read_workers()

    def _read_workers(self) -> None:
        overview = self.session.overview
        if self.poller is not None and overview is not None:
            self.poller.refresh(overview.workers_feed, self._feed)
