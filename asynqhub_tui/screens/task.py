"""One task: its attempts as history, its error, its fields, its payload."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from asynqhub_tui import copying
from asynqhub_tui.actions.retry.selection import Selection, refs_of
from asynqhub_tui.fate import Sighting, version
from asynqhub_tui.keys import TASK, bindings
from asynqhub_tui.models import SUCCESS, Attempt, Task, last_failed
from asynqhub_tui.polling import Feed
from asynqhub_tui.queue import ARCHIVED, RETRY
from asynqhub_tui.repository import NotFound
from asynqhub_tui.screens.deeds import TaskDeeds
from asynqhub_tui.screens.key_names import key_name
from asynqhub_tui.session import Session
from asynqhub_tui.text import fit_ends, one_line
from asynqhub_tui.widgets.asynq_line import asynq_line
from asynqhub_tui.widgets.attempts import ASYNQ_SAYS, AttemptsTable, error_title
from asynqhub_tui.widgets.canvas import Canvas, Line, Piece, spread, width_of
from asynqhub_tui.widgets.json_lines import JsonLine, json_lines
from asynqhub_tui.widgets.menu import Choice, Menu
from asynqhub_tui.widgets.states import label, tone
from asynqhub_tui.widgets.table import Table
from asynqhub_tui.widgets.task_table import tries
from asynqhub_tui.widgets.text_panes import JsonPane, TextPane

MOST_ATTEMPTS = 200
"""How many attempts are read, the newest ones."""

LOOK_EVERY = 5.0
"""Seconds between two looks at asynq's copy, whose id is known: they cost next to nothing."""

SEARCH_EVERY = 30.0
"""Seconds between two searches for asynq's copy: a search reads the whole queue."""


@dataclass(frozen=True, slots=True)
class _Read:
    """An answer of the feed; `payload` where it was read anew, None for a task that is gone."""

    task: Task | None
    attempts: Sequence[Attempt] = ()
    payload: Sequence[JsonLine] | None = None
    mark: object | None = None


class Summary(Canvas):
    """The fields of a task in four lines, and what asynq knows of it in a fifth.

    `unknown` tells why asynq's part is not known, and is empty where it is.
    """

    def __init__(self, session: Session, unknown: Callable[[], str]) -> None:
        super().__init__(id="summary")
        self._unknown = unknown
        self._session = session
        self._row: Task | None = None
        self._text = ""

    def show(self, task: Task | None, text: str) -> None:
        """Show a task, or a sentence in its place."""
        self._row, self._text = task, text
        self.redraw()

    def lines(self, width: int, height: int) -> Sequence[Line]:
        """Return the fields."""
        task, view = self._row, self._session.view
        if task is None:
            return [Line([Piece(f" {self._text}", "dim")])]
        state = view.state(task)
        tried = tries(task, view.max_attempts(task)).replace("/", " of ")
        outcome = [Piece(label(state), tone(state)), Piece(f"   attempt {tried} ", "dim")]
        lines = [
            Line(spread([Piece(" task ", "dim"), _strong(task.task_id)], outcome, width)),
            _worker_and_queue(task, width),
            _fields(
                ("created", view.brief_moment(task.created_at)),
                ("updated", view.brief_moment(task.updated_at)),
            ),
            _fields(
                ("row says", task.status),
                ("priority", str(task.priority)),
                ("last worker", task.last_worker_name or "-"),
                ("trace", task.trace_id or "-"),
            ),
        ]
        if self._text:
            lines[3] = Line([Piece(f" ▲ {self._text}", "warn")])
        asynq = asynq_line(
            task,
            view.sighting(task),
            view,
            unknown=self._unknown(),
            retry_key=key_name(self._session, "task.retry"),
        )
        return [*lines, asynq]


def _strong(text: str) -> Piece:
    return Piece(one_line(text), "strong")


def _fields(*fields: tuple[str, str]) -> Line:
    pieces = [Piece(" ")]
    for name, value in fields:
        pieces += [Piece(f"{name} ", "dim"), Piece(f"{one_line(value)}   ")]
    return Line(pieces)


def _worker_and_queue(task: Task, width: int) -> Line:
    """Both names; of a long queue's the end says the priority, so that its middle is left out."""
    worker = fit_ends(one_line(task.worker_name), width // 3)
    pieces = [*_fields(("worker", worker)).pieces, Piece("queue ", "dim")]
    return Line([*pieces, Piece(fit_ends(one_line(task.queue), width - width_of(pieces)))])


class TaskScreen(TaskDeeds):
    """Shows the task that was opened last."""

    TAB = "task"
    OWN_KEYS = TASK
    BINDINGS: ClassVar[list[BindingType]] = list(bindings(TASK))

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.attempts = AttemptsTable(session.view, id="attempts")
        self.error = TextPane(id="error")
        self.payload = JsonPane(id="payload")
        self._task_id: str | None = None
        self._row: Task | None = None
        self._mark: object | None = None
        self._asynq_id: str | None = None
        self._feed = Feed("task", self._fetch, self._take)
        self._search_feed = Feed("search", self._search, self._see, every=SEARCH_EVERY)
        self._look_feed = Feed("look", self._look, self._see, every=LOOK_EVERY)

    def compose_body(self) -> ComposeResult:
        """Yield the panes from top to bottom."""
        yield Summary(self.session, lambda: self.queue_unknown)
        yield self.attempts
        yield self.error
        yield self.payload
        yield Menu()

    def panes(self) -> Sequence[Table[Any]]:
        """Attempts, error and payload."""
        return (self.attempts, self.error, self.payload)

    def feeds(self) -> Sequence[Feed[Any]]:
        """The task is the only feed of its own."""
        return (self._feed,)

    def queue_feeds(self) -> Sequence[Feed[Any]]:
        """asynq's copy of the task: searched for seldom, looked at often once it was found."""
        return (self._search_feed, self._look_feed)

    @property
    def task_id(self) -> str | None:
        """The id of the task that is shown."""
        return self._task_id

    def open(self, task_id: str) -> None:
        """Show another task."""
        if task_id == self._task_id:
            return
        self._task_id = task_id
        self._row = None
        self._mark = None
        self._asynq_id = None
        for feed in self.queue_feeds():
            feed.ask_again()
        if self.is_mounted:
            self._clear()
        if self.poller is not None:
            self.poller.refresh(self._feed)

    def on_mount(self) -> None:
        """Begin with empty panes."""
        super().on_mount()
        self._clear()

    def on_resize(self) -> None:
        """Share out the height anew."""
        self._share_height()

    def show_data(self) -> None:
        """Paint what has changed; a running attempt grows."""
        self.query_one(Summary).redraw()
        self.attempts.refresh_scale()

    def _clear(self) -> None:
        tasks, enter = self._key("go.tasks"), self._key("tasks.open")
        hint = f"no task was opened yet: {tasks} shows the list, {enter} opens one"
        words = f"reading {self._task_id}…" if self._task_id else hint
        self.query_one(Summary).show(None, one_line(words))
        self.attempts.show((), "")
        self.error.show("", "")
        self.payload.show("", ())
        self._share_height()

    async def _fetch(self) -> _Read | None:
        task_id, known = self._task_id, self._row
        if task_id is None:
            return None
        tasks = self.session.connected_hub.tasks
        changes = await tasks.changes([task_id], self._mark)
        if task_id in changes.missing:
            return _Read(None)
        seen = next(iter(changes.tasks), None)
        if known is not None and (seen is None or _same(seen, known)):
            return _Read(known, self.attempts.attempts, mark=changes.mark)
        attempts = list(reversed(await tasks.list_attempts(task_id, MOST_ATTEMPTS)))
        if known is not None and seen is not None and seen.updated_at == known.updated_at:
            task = seen.model_copy(update={"payload": known.payload})
            return _Read(task, attempts, mark=changes.mark)
        try:
            task = await tasks.get_task(task_id)
        except NotFound:
            return _Read(None)
        payload = None
        if known is None or known.payload != task.payload:
            payload = await asyncio.to_thread(json_lines, task.payload or "")
        return _Read(task, attempts, payload, changes.mark)

    def _take(self, read: _Read | None) -> None:
        if read is None:
            return
        self._mark = read.mark
        if read.task is None:
            gone = "The store no longer has this task."
            back = f"{gone} {self._key('program.back')} goes back"
            self.query_one(Summary).show(self._row, gone if self._row else back)
            return
        if self._row is None or version(self._row) != version(read.task):
            self._row = read.task
            self._ask_asynq()
        self._row = read.task
        self.query_one(Summary).show(read.task, "")
        self.attempts.show(read.attempts, read.task.worker_name)
        if read.payload is not None:
            size = len((read.task.payload or "").encode("utf-8", "replace"))
            self.payload.show(f"PAYLOAD  {size:,} B", read.payload)
        self._show_error()
        self._share_height()

    def _ask_asynq(self) -> None:
        """Ask anew about a task that has changed: where its copy was found, there first."""
        feed = self._look_feed if self._asynq_id is not None else self._search_feed
        if self.queue_poller is not None and not self.queue_unknown:
            self.queue_poller.refresh(feed)
        else:
            feed.ask_again()

    async def _search(self) -> tuple[Task, Sighting] | None:
        task, queue = self._row, self.session.queue
        if task is None or queue is None or task.status == SUCCESS:
            return None
        search = await queue.search(task.queue, [task.task_id])
        held, now = search.found.get(task.task_id), self.session.view.now()
        return task, Sighting.of(task, held, now, complete=search.complete)

    async def _look(self) -> tuple[Task, Sighting] | None:
        task, queue = self._row, self.session.queue
        if task is None or queue is None or task.status == SUCCESS or self._asynq_id is None:
            return None
        held = await queue.look(task.queue, self._asynq_id)
        return task, Sighting.of(task, held, self.session.view.now())

    def _see(self, answer: tuple[Task, Sighting] | None) -> None:
        if answer is None:
            return
        task, seen = answer
        gone = seen.held is None and self._asynq_id is not None
        self._asynq_id = seen.held.asynq_id if seen.held is not None else None
        self.session.view.see(task, seen)
        if gone:  # it may be there under another id
            self._search_feed.ask_again()
        self._show_error()
        self._share_height()

    def _show_error(self) -> None:
        attempt = self.attempts.current
        so_far = self.attempts.attempts[: self.attempts.cursor + 1]
        failed = last_failed(reversed(so_far))
        unreported = self._unreported() if attempt is None or attempt.open else None
        if unreported is not None:
            self.error.show(ASYNQ_SAYS, unreported)
        elif failed is not None:
            old = failed is not attempt
            title = error_title(failed, self.session.view, old=old) + _ids(failed)
            self.error.show(title, failed.error or "", "dim" if old else "")
        elif attempt is None and self._row is not None and self._row.error:
            self.error.show("LAST ERROR", self._row.error)
        else:
            self.error.show("", "")

    def _unreported(self) -> str | None:
        """The error of an attempt that never reported its end, where asynq has put it away."""
        seen = self.session.view.sighting(self._row) if self._row is not None else None
        held = seen.held if seen is not None else None
        return held.last_error if held is not None and held.state in (ARCHIVED, RETRY) else None

    def _share_height(self) -> None:
        height = self.app.size.height - 10
        most = max(min(height // 2, 12), height // 3, 2)
        rows = min(max(self.attempts.count + 1, 2), most) if self._row else 0
        error = self.error.height_for(self.app.size.width, max(height // 3, 3))
        for pane, wanted in ((self.attempts, rows), (self.error, error)):
            if pane.styles.height is None or pane.styles.height.value != wanted:
                pane.styles.height = wanted
            pane.display = bool(wanted)
        self._activate_pane()

    def on_table_moved(self) -> None:
        """Show the error of the attempt under the cursor."""
        if self._row is not None:
            self._show_error()
            self._share_height()

    def action_open(self) -> None:
        """A second click folds, as Enter does."""
        self.action_fold()

    def action_fold(self) -> None:
        """Fold or unfold the payload."""
        if self.pane is not self.payload:
            self.activate(self.payload)
        else:
            self.payload.fold()

    def action_retry(self) -> None:
        """Preview a retry of this task."""
        if self._task_id is None:
            return
        task_id, now = self._task_id, self.session.view.now
        selection = Selection(task_id, lambda hub: refs_of(hub, [task_id], now()))
        self.retry(selection, lambda _: None)

    def action_replay(self) -> None:
        """Ask whether this task is to be replayed as a copy."""
        if self._row is not None:
            self.replay(self._row)

    def _key(self, id: str) -> str:
        return key_name(self.session, id)

    def action_copy(self) -> None:
        """Offer what can be copied; a key that is typed ahead means an entry, read or not."""
        if self._task_id is not None:
            choices = [Choice(*choice) for choice in copying.TASK_CHOICES]
            self.query_one(Menu).open("copy", "Copy", choices)

    async def on_menu_chosen(self, message: Menu.Chosen) -> None:
        """Copy what was chosen."""
        if self._row is not None:
            await self.copy_task(self._row, message.value)
        else:
            self.tell("this task was not read yet; nothing was copied", "warn")


def _ids(attempt: Attempt) -> str:
    """What tells an attempt elsewhere; the hub leaves most of it out."""
    ids = (("asynq", attempt.asynq_task_id), ("trace", attempt.trace_id), ("span", attempt.span_id))
    return "".join(f"   {name} {one_line(value)}" for name, value in ids if value)


def _same(one: Task, other: Task) -> bool:
    return (
        one.updated_at == other.updated_at
        and one.newest_attempt == other.newest_attempt
        and one.failed_attempt == other.failed_attempt
    )
