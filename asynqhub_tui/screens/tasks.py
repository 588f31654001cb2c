"""The task list: filter, cursor, marks, and a preview beside it where there is room."""

from __future__ import annotations

import dataclasses
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.worker import Worker

from asynqhub_tui import copying, figures, query
from asynqhub_tui.actions.retry.selection import MOST_TASKS, Selection, failed_only, refs_of
from asynqhub_tui.fate import Sighting
from asynqhub_tui.keys import TASKS, bindings
from asynqhub_tui.models import (
    DEAD,
    FAILED_STATUSES,
    OVERDUE,
    PENDING,
    RUNNING,
    STATES,
    SUCCESS,
    Count,
    Task,
)
from asynqhub_tui.polling import Feed
from asynqhub_tui.repository import HubError, NotFound, TaskFilter
from asynqhub_tui.screens.base import Go
from asynqhub_tui.screens.deeds import TaskDeeds
from asynqhub_tui.screens.key_names import key_name
from asynqhub_tui.screens.task_list import TaskList
from asynqhub_tui.session import Session
from asynqhub_tui.text import one_line
from asynqhub_tui.widgets.canvas import Piece
from asynqhub_tui.widgets.detail import ATTEMPTS, Detail, DetailData
from asynqhub_tui.widgets.filter_line import FILTER_HINTS, FilterLine
from asynqhub_tui.widgets.footer import Footer
from asynqhub_tui.widgets.menu import Choice, Menu
from asynqhub_tui.widgets.notes import NoteLine
from asynqhub_tui.widgets.task_table import TaskTable, order_words

STATUS_STEPS: tuple[tuple[str, ...], ...] = (
    (),
    FAILED_STATUSES,
    (PENDING,),
    (RUNNING,),
    (OVERDUE,),
    (SUCCESS,),
    (DEAD,),
)
"""What the key for the next status steps through."""

DETAIL_WIDTH = 140
"""The least width of the terminal at which the preview is shown."""

DETAIL_DELAY = 0.2
"""Seconds that the cursor rests before its task is read for the preview."""

COUNT_EVERY = 10.0
"""Seconds between two countings of what the filter finds."""


FATES_EVERY = 10.0
"""Seconds between two askings what asynq will do with the failed tasks in view."""

FATES_REST = 2.0
"""Seconds at least between two askings because of rows that have come into view."""

FATES_BOUND = 2_000
"""How many tasks of each state of a queue are looked at for it."""

FATES_QUEUES = 8
"""How many queues are searched at a time; the others have their turn next."""


class TasksScreen(TaskDeeds):
    """The list of tasks that match a filter."""

    TAB = "tasks"
    OWN_KEYS = TASKS
    BINDINGS: ClassVar[list[BindingType]] = list(bindings(TASKS))

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.table = TaskTable(session.view, id="tasks")
        self.list = TaskList(
            session,
            self.table,
            run=lambda turn: self.run_worker(turn, group="paging"),
            report=self._report,
            idle=lambda: self.idle_seconds,
            painted=self.show_data,
        )
        self.came_from_workers = False
        self._found: Count | None = None
        self._marking: Worker[None] | None = None
        self._moved_at = 0.0
        self._copying: Task | None = None
        self._count_feed = Feed("count", self._count, self._take_count, every=COUNT_EVERY)
        self._detail_feed = Feed("preview", self._fetch_detail, self._take_detail)
        self._fates_feed = Feed("asynq", self._fetch_fates, self._take_fates, every=FATES_EVERY)
        self._fates_asked: frozenset[str] = frozenset()
        self._fates_rest_until = 0.0
        self._turns: Counter[str] = Counter()

    def compose_body(self) -> ComposeResult:
        """Yield the filter's line, the list with its preview, and the menu."""
        yield FilterLine(self.session.view)
        with Horizontal(id="tasks-body"):
            yield self.table
            yield Detail(self.session.view)
        yield Menu()

    def panes(self) -> Sequence[TaskTable]:
        """The list is the only pane."""
        return (self.table,)

    def feeds(self) -> Sequence[Feed[Any]]:
        """The list, the preview, and the number of tasks that match."""
        return (self.list.feed, self._detail_feed, self._count_feed)

    def queue_feeds(self) -> Sequence[Feed[Any]]:
        """What asynq will do with the failed tasks in view."""
        return (self._fates_feed,)

    def on_resize(self) -> None:
        """Show the preview where there is room for it."""
        detail = self.query_one(Detail)
        detail.display = self.app.size.width >= DETAIL_WIDTH

    def show_data(self) -> None:
        """Paint what has changed."""
        self.table.note = self._why_empty()
        self.table.redraw()
        if self._detail.display:
            self._detail.redraw()
        self._show_filter()
        self._show_marks()
        self._ask_about_new_rows()

    def _ask_about_new_rows(self) -> None:
        """Let rows that have come into view wait for no clock, but ask for many at a time."""
        view, now = self.session.view, time.monotonic()
        if self.queue_poller is None or now < self._fates_rest_until:
            return
        open_questions = frozenset(
            task.task_id for task in self.table.tasks_in_view() if view.is_open_question(task)
        )
        if not open_questions <= self._fates_asked:
            self._fates_rest_until = now + FATES_REST
            self.queue_poller.refresh(self._fates_feed)
        self._fates_asked = open_questions

    @property
    def filter(self) -> TaskFilter:
        """The filter that holds."""
        return self.list.filter

    def set_filter(self, filter: TaskFilter) -> None:
        """Show the tasks that match another filter."""
        self._found = None
        self.list.set_filter(filter)
        if self.poller is not None:
            self.poller.refresh(self.list.feed, self._count_feed, self._detail_feed)
        self.show_data()

    def _report(self, error: HubError) -> None:
        if self.poller is not None:
            self.poller.report(error)

    async def _count(self) -> Count | None:
        if not self.filter:
            return None  # the counts by status say it already
        return await self.session.connected_hub.tasks.count_tasks(self.filter)

    def _take_count(self, found: Count | None) -> None:
        self._found = found
        self._show_filter()

    def _why_empty(self) -> str:
        window = self.table.window
        if not window.loaded:
            return "connecting…" if self.session.hub is None else "reading the first page…"
        if window.searched_to is not None:
            on = self._key("move.bottom")
            return f"none found back to {self._searched()}; narrow the filter, or {on} to go on"
        if unknown := [one for one in self.filter.statuses if one not in STATES]:
            return f"no task has the status {one_line(unknown[0])}; known: {', '.join(STATES)}"
        if self.filter:
            return f"no task matches this filter; {self._key('program.back')} clears it"
        return "no tasks yet"

    def _key(self, id: str) -> str:
        return key_name(self.session, id)

    def _searched(self) -> str:
        at, view = self.table.window.searched_to, self.session.view
        return figures.clock(at, view.zone, view.now()) if at is not None else ""

    def _show_filter(self) -> None:
        window = self.table.window
        order = order_words(window.order) if window.loaded else ""
        if window.searched_to is not None and window.rows:
            order = f"searched back to {self._searched()}"
        more = "" if window.at_top else "+"
        unseen = f"▲ {self.table.unseen}{more} new, {self._key('move.top')}"
        self.query_one(FilterLine).show(
            query.render(self.filter),
            self._found_words(),
            order,
            unseen=unseen if self.table.unseen else "",
        )

    def _found_words(self) -> str:
        overview = self.session.overview
        counts = overview.counts if overview else None
        total = Count.total(counts.by_status.values()) if counts else None
        if not self.filter:
            return _tasks(total) if total else ""
        found = figures.count(self._found) if self._found else "…"
        return f"{found} of {_tasks(total)}" if total else found

    async def _fetch_fates(self) -> Sequence[tuple[Task, Sighting]] | None:
        """Search the queues of the tasks in view whose rows leave open what becomes of them."""
        view, queue = self.session.view, self.session.queue
        wanted: dict[str, dict[str, Task]] = {}
        for task in self.table.tasks_in_view():
            if view.is_open_question(task):
                wanted.setdefault(task.queue, {})[task.task_id] = task
        if queue is None or not wanted:
            return None
        seen: list[tuple[Task, Sighting]] = []
        for name in sorted(wanted, key=self._turns.__getitem__)[:FATES_QUEUES]:
            tasks = wanted[name]
            self._turns[name] += 1
            search = await queue.search(name, list(tasks), bound=FATES_BOUND)
            now = view.now()
            for task_id, task in tasks.items():
                held = search.found.get(task_id)
                if held is not None or search.complete:
                    seen.append((task, Sighting.of(task, held, now)))
        return seen

    def _take_fates(self, seen: Sequence[tuple[Task, Sighting]] | None) -> None:
        for task, sighting in seen or ():
            self.session.view.see(task, sighting)
        self.show_data()

    @property
    def _detail(self) -> Detail:
        return self.query_one(Detail)

    async def _fetch_detail(self) -> DetailData | None:
        task = self.table.current
        if task is None or not self._detail.display:
            return None
        known = self._detail.data
        if known is not None and known.is_of(task):
            return known
        tasks = self.session.connected_hub.tasks
        try:
            whole = await tasks.get_task(task.task_id)
        except NotFound:
            return DetailData(task, (), ())
        return await DetailData.of(whole, await tasks.list_attempts(task.task_id, ATTEMPTS + 1))

    def _take_detail(self, data: DetailData | None) -> None:
        self._detail.show(data)

    def on_table_moved(self) -> None:
        """Fetch the rows ahead, and what the cursor has come to once it rests."""
        self.list.fill()
        self._show_filter()
        self._moved_at = time.monotonic()
        if self._detail.display:
            self.set_timer(DETAIL_DELAY, self._rested)

    def _rested(self) -> None:
        if time.monotonic() - self._moved_at >= DETAIL_DELAY * 0.9 and self.poller is not None:
            self.poller.refresh(self._detail_feed)

    def action_filter(self) -> None:
        """Edit the filter."""
        self.query_one(FilterLine).edit(query.render(self.filter))
        self.query_one(Footer).say_instead(FILTER_HINTS)

    def _close_filter(self) -> None:
        self.query_one(FilterLine).close()
        self.query_one(Footer).say_instead(())

    def on_filter_line_submitted(self, message: FilterLine.Submitted) -> None:
        """Take the filter that was typed, if it is one."""
        try:
            filter = query.parse(message.text, self.session.view.now())
        except query.QueryError as error:
            self.tell(str(error), "warn")
            return
        self._close_filter()
        if filter != self.filter:
            self.set_filter(filter)

    def action_next_status(self) -> None:
        """Filter by the next status."""
        now = self.filter.statuses
        at = STATUS_STEPS.index(now) if now in STATUS_STEPS else 0
        statuses = STATUS_STEPS[(at + 1) % len(STATUS_STEPS)]
        self.set_filter(dataclasses.replace(self.filter, statuses=statuses))

    def action_choose_worker(self) -> None:
        """Offer the workers."""
        names = list(self.session.view.workers)
        choices = [Choice("0", "all workers", "")]
        choices += [
            Choice(str(at) if at < 10 else "", name, name) for at, name in enumerate(names, 1)
        ]
        chosen = self.filter.worker_name
        cursor = names.index(chosen) + 1 if chosen in names else 0
        self.query_one(Menu).open("worker", "Tasks of which worker?", choices, cursor=cursor)

    def action_mark(self) -> None:
        """Mark or unmark the task under the cursor."""
        self.table.toggle_mark()
        self._show_marks()

    def action_mark_range(self) -> None:
        """Begin or end a range."""
        self.table.toggle_range()
        self._show_marks()

    def action_mark_all(self) -> None:
        """Mark all that match the filter, as they are now."""
        if self._marking is None and self.session.hub is not None:
            self._marking = self.run_worker(self._mark_all(self.filter), group="marking")

    def action_unmark(self) -> None:
        """Unmark all."""
        if self._marking is not None:
            self._marking.cancel()
        self.table.unmark()
        self._show_marks()

    async def _mark_all(self, filter: TaskFilter) -> None:
        marks = self.table.marks
        try:
            async for refs in self.session.connected_hub.tasks.task_refs(filter, limit=MOST_TASKS):
                marks.update(dict.fromkeys(ref.task_id for ref in refs))
                stop = self._key("tasks.unmark")
                self.tell(f"marking all that match: {len(marks):,}   {stop} stops")
        except HubError as error:
            self.tell_error(error)
        else:
            self.tell(f"{len(marks):,} marked: all that match now; later ones are not included")
        finally:
            self._marking = None
            self.show_data()

    def _show_marks(self) -> None:
        marks = len(self.table.marks)
        standing: list[Piece] = []
        if self.table.range_from is not None:
            end, leave = self._key("tasks.mark_range"), self._key("program.back")
            words = f"   move, {end} ends it, {leave} leaves it"
            standing = [Piece("marking a range", "accent"), Piece(words, "dim")]
        elif marks:
            ids = "its id" if marks == 1 else "their ids"
            retry, copy = self._key("tasks.retry"), self._key("tasks.copy")
            words = (
                f"   {retry} retry marked   {copy} copy {ids}   {self._key('tasks.unmark')} unmark"
            )
            standing = [Piece(f"{marks:,} marked", "accent"), Piece(words, "dim")]
        self.query_one(NoteLine).stand(standing)

    def action_retry(self) -> None:
        """Preview a retry of the marked tasks, or of the one under the cursor."""
        task, now = self.table.current, self.session.view.now
        ids = list(self.table.marks) or ([task.task_id] if task else [])
        if ids:
            words = f"{len(ids):,} marked tasks" if len(ids) > 1 else ids[0]
            self.retry(Selection(words, lambda hub: refs_of(hub, ids, now())), self._settled)

    def action_retry_all(self) -> None:
        """Preview a retry of all that match the filter."""
        filter = failed_only(self.filter)
        words = f"all that match {query.render(filter)}"
        self.retry(
            Selection(words, lambda hub: hub.tasks.task_refs(filter, limit=MOST_TASKS), filter),
            self._settled,
        )

    def _settled(self, task_ids: frozenset[str]) -> None:
        """Leave marked what failed or was not reached."""
        for task_id in [one for one in self.table.marks if one in task_ids]:
            del self.table.marks[task_id]
        self.show_data()

    def action_replay(self) -> None:
        """Ask whether the task under the cursor is to be replayed as a copy."""
        if self.table.current is not None:
            self.replay(self.table.current)

    def action_open(self) -> None:
        """Open the task under the cursor."""
        if self.table.current is not None:
            self.post_message(Go("task", task_id=self.table.current.task_id))

    def action_top(self) -> None:
        """Go to the newest row, read anew."""
        self.table.place(0)
        self.list.read_anew()
        if self.poller is not None:
            self.poller.refresh(self.list.feed)

    def action_bottom(self) -> None:
        """Go to the oldest row."""
        self.list.to_end()

    def action_back(self) -> None:
        """Leave what is being done, then the filter, then the screen."""
        if self.query_one(FilterLine).editing:
            self._close_filter()
        elif self.table.range_from is not None:
            self.table.range_from = None
            self.show_data()
        elif self.filter and not self.came_from_workers:
            self.set_filter(TaskFilter())
        else:
            super().action_back()

    def action_copy(self) -> None:
        """Offer what can be copied."""
        task = self._copying = self.table.current
        choices = [Choice(*choice) for choice in copying.TASK_CHOICES] if task else []
        if self.table.marks:
            marks = len(self.table.marks)
            words = "id of the marked task" if marks == 1 else f"ids of the {marks:,} marked tasks"
            choices.append(Choice("m", words, "marks"))
        choices.append(Choice("l", "command line of this list", "list"))
        self.query_one(Menu).open("copy", "Copy", choices)

    async def on_menu_chosen(self, message: Menu.Chosen) -> None:
        """Copy what was chosen, or show the chosen worker's tasks."""
        if message.subject == "worker":
            worker = message.value or None
            self.set_filter(dataclasses.replace(self.filter, worker_name=worker))
        elif message.value == "marks":
            await self.copy_text("\n".join(self.table.marks), "ids")
        elif message.value == "list":
            backend = self.session.connected_hub.info.backend
            await self.copy_text(copying.list_command(backend, self.filter), "command line")
        elif self._copying is not None:
            await self.copy_task(self._copying, message.value)


def _tasks(number: Count) -> str:
    return f"{figures.count(number)} {'task' if number == Count(value=1) else 'tasks'}"
