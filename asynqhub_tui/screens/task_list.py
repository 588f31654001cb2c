"""Keeps a task table filled: its first page, what changes and comes, and the pages around it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from asynqhub_tui.polling import Feed
from asynqhub_tui.repository import Changes, HubError, Page, TaskFilter
from asynqhub_tui.session import Session
from asynqhub_tui.widgets.task_table import TaskTable
from asynqhub_tui.widgets.task_window import PAGE_ROWS, TaskWindow

FOLLOW_AFTER = 10.0
"""Seconds without a key after which a list whose cursor is on its first row follows new rows."""


@dataclass(frozen=True, slots=True)
class _News:
    """An answer of the feed: a first page, or what has changed and come since."""

    page: Page | None = None
    changes: Changes | None = None
    newer: Page | None = None


class TaskList:
    """Reads the tasks of one filter into a TaskTable.

    `run` starts a coroutine in the background, `report` takes the error of a page that could not
    be read, `idle` tells for how many seconds nobody has pressed a key, and `painted` is called
    when there is something new to show.
    """

    def __init__(
        self,
        session: Session,
        table: TaskTable,
        *,
        run: Callable[[Coroutine[Any, Any, None]], object],
        report: Callable[[HubError], None],
        idle: Callable[[], float],
        painted: Callable[[], None],
    ) -> None:
        self.filter = TaskFilter()
        self.feed = Feed("tasks", self._fetch, self._take)
        self._session = session
        self._table = table
        self._run = run
        self._report = report
        self._idle = idle
        self._painted = painted
        self._mark: object | None = None
        self._anew = True
        self._paging = False

    def set_filter(self, filter: TaskFilter) -> None:
        """Show what another filter finds; nothing is shown until it has answered."""
        self.filter = filter
        self._table.window = TaskWindow()
        self._table.unmark()
        self._table.place(0)
        self.read_anew()

    def read_anew(self) -> None:
        """Begin again at the newest row; the caller refreshes the feed."""
        self._anew = True
        self._mark = None
        self._table.jump()

    def fill(self) -> None:
        """Fetch the next page where the view nears an end of what is held."""
        table = self._table
        if self._paging or self._anew or not table.window.loaded:
            return
        if table.near_end:
            self._turn(self._page_down)
        elif table.near_top:
            self._turn(self._page_up)

    def to_end(self) -> None:
        """Go to the oldest row; where a search has stopped early, go on with it instead."""
        table = self._table
        if table.window.at_end:
            table.place(table.count - 1)
        elif not self._paging and table.window.loaded:
            searching = table.window.searched_to is not None
            table.jump()
            self._turn(self._page_down if searching else self._page_end)

    async def _fetch(self) -> _News:
        tasks = self._session.connected_hub.tasks
        window = self._table.window
        if self._anew or not window.loaded or (not window.rows and window.searched_to is None):
            return _News(page=await tasks.list_tasks(self.filter, limit=PAGE_ROWS))
        changes = await tasks.changes(self._table.ids_in_view(), self._mark)
        newer = None
        if window.at_top and window.first is not None:
            newer = await tasks.list_tasks(self.filter, before=window.first, limit=PAGE_ROWS)
        return _News(changes=changes, newer=newer)

    def _take(self, news: _News) -> None:
        table = self._table
        if news.page is not None:
            table.show_page(news.page)
            self._anew = False
            self._mark = None
        if news.changes is not None:
            self._mark = news.changes.mark
            table.patch(news.changes.tasks, news.changes.missing)
        if news.newer is not None and (news.newer.tasks or news.newer.first is not None):
            at_rest = self._idle() > FOLLOW_AFTER and not table.marks and not table.range_from
            follows = table.cursor == 0 and at_rest
            table.prepend_page(news.newer, live=True)
            if follows:
                table.place(0)
        self._painted()
        self.fill()

    def _turn(self, page: Callable[[TaskFilter], Coroutine[Any, Any, Page | None]]) -> None:
        self._paging = True
        self._run(self._turned(page))

    async def _turned(self, page: Callable[[TaskFilter], Coroutine[Any, Any, Page | None]]) -> None:
        try:
            found = await page(self.filter)
        finally:
            self._paging = False
        self._painted()
        if found is not None and found.tasks:
            self.fill()

    async def _page_down(self, filter: TaskFilter) -> Page | None:
        page = await self._list(filter, after=self._table.window.last)
        if page is not None:
            self._table.append_page(page)
        return page

    async def _page_up(self, filter: TaskFilter) -> Page | None:
        page = await self._list(filter, before=self._table.window.first)
        if page is not None:
            self._table.prepend_page(page)
        return page

    async def _page_end(self, filter: TaskFilter) -> Page | None:
        page = await self._list(filter, from_end=True)
        if page is not None:
            self._table.show_page(page, from_end=True)
            self._mark = None
        return page

    async def _list(self, filter: TaskFilter, **where: Any) -> Page | None:
        window = self._table.window
        try:
            page = await self._session.connected_hub.tasks.list_tasks(
                filter, limit=PAGE_ROWS, **where
            )
        except HubError as error:
            self._report(error)
            return None
        # Meanwhile the list may have been read anew, or have let go of the page that this one
        # continues, as new rows came at the top.
        current = window is self._table.window and filter == self.filter and not self._anew
        continues = where.get("after", window.last) == window.last
        return page if current and continues else None
