"""The shell around every screen: header, banner, note, footer; polling; the common keys."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.message import Message
from textual.screen import Screen

from asynqhub_tui import terminal
from asynqhub_tui.actions.writing import check_original, check_writable
from asynqhub_tui.figures import TimeFormat, clock, span
from asynqhub_tui.keys import COMMON, Key, bindings
from asynqhub_tui.polling import Feed, Poller, PollState
from asynqhub_tui.repository import HubError, Refused
from asynqhub_tui.screens.key_names import key_name
from asynqhub_tui.session import Session
from asynqhub_tui.widgets.cost_pane import CostPane
from asynqhub_tui.widgets.footer import Footer
from asynqhub_tui.widgets.header import Header, HeaderState
from asynqhub_tui.widgets.notes import Banner, NoteLine
from asynqhub_tui.widgets.table import Table

IDLE_TICK = 5.0
"""Seconds after which ages are shown anew when no answer has come meanwhile."""


QUEUE_OFF = "the address of the hub's Redis is not known: set REDIS_ADDR, or start with --redis"
"""Why nothing is known of asynq, where no address was given."""


class Go(Message):
    """Show another screen: `tasks`, `task` or `workers`."""

    def __init__(self, tab: str, *, task_id: str | None = None, worker: str | None = None) -> None:
        super().__init__()
        self.tab = tab
        self.task_id = task_id
        self.worker = worker


class Back(Message):
    """Go back to where the user came from; `may_quit` ends the program if that is nowhere."""

    def __init__(self, *, may_quit: bool) -> None:
        super().__init__()
        self.may_quit = may_quit


class HubScreen(Screen[None]):
    """A screen over the open hub; `ready` once its widgets are there.

    A subclass names its `TAB` and `OWN_KEYS`, composes its body, lists its panes in the order of
    the tab key, and gives the feeds that its poller runs beside those of the overview.
    """

    TAB: ClassVar[str] = ""
    OWN_KEYS: ClassVar[tuple[Key, ...]] = ()
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = list(bindings(COMMON))

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.poller: Poller | None = None
        self.queue_poller: Poller | None = None
        self.ready = False
        self._pane = 0
        self._last_key = time.monotonic()

    @property
    def keys(self) -> tuple[Key, ...]:
        """All keys of this screen, its own first."""
        return self.OWN_KEYS + COMMON

    def compose(self) -> ComposeResult:
        """Put the shell around the body."""
        yield Header(self.TAB)
        yield Banner()
        yield from self.compose_body()
        yield CostPane(self.session.costs, self.session.traffic)
        yield NoteLine()
        yield Footer(self.keys, self.session.remapped)

    def compose_body(self) -> ComposeResult:
        """Yield the widgets between banner and note."""
        yield from ()

    def panes(self) -> Sequence[Table[Any]]:
        """The tables that take the movement keys, in the order of the tab key."""
        return ()

    def feeds(self) -> Sequence[Feed[Any]]:
        """Make the screen's own feeds, the most urgent first."""
        return ()

    def queue_feeds(self) -> Sequence[Feed[Any]]:
        """Make the feeds that read the task queue.

        They have a poller of their own: a Redis that is slow or away holds up nothing that the
        store tells, and stands in no banner.
        """
        return ()

    @property
    def queue_unknown(self) -> str:
        """Why nothing is known of asynq at present; empty where it answers."""
        if self.session.queue is None:
            return self.session.queue_trouble or QUEUE_OFF
        state = self.queue_poller.state if self.queue_poller is not None else None
        return str(state.error) if state is not None and state.error is not None else ""

    def on_mount(self) -> None:
        """Begin, if the connection stands already."""
        self.ready = True
        self.set_interval(1.0, self._tick)
        self._activate_pane()
        self.begin()

    def begin(self) -> None:
        """Start polling once there is a hub and the screen is shown."""
        session = self.session
        if session.overview is None or self.poller is not None or not self.ready:
            return
        self.poller = Poller(
            [*self.feeds(), *session.overview.feeds],
            self._polled,
            interval=session.interval,
            failed=self._defect,
            lag=session.lag,
        )
        if session.queue is not None and (feeds := self.queue_feeds()):
            self.queue_poller = Poller(
                feeds,
                self._queue_polled,
                interval=session.interval,
                failed=self._defect,
                lag=session.lag,
            )
        if self.is_current:
            self._resume()
        self.refresh_header()

    def on_screen_suspend(self) -> None:
        """Ask nothing while another screen is shown."""
        for poller in self._pollers:
            poller.stop()

    def on_screen_resume(self) -> None:
        """Go on where the screen was left."""
        self._resume()

    def end(self) -> None:
        """Ask and paint nothing any more."""
        self.ready = False
        for poller in self._pollers:
            poller.stop()

    def on_unmount(self) -> None:
        """End, where the application has not said so before."""
        self.end()

    @property
    def _pollers(self) -> Sequence[Poller]:
        return [one for one in (self.poller, self.queue_poller) if one is not None]

    def _resume(self) -> None:
        if self.poller is not None and self.ready:
            for poller in self._pollers:
                poller.set_interval(self.session.interval)
                poller.pause(self.session.paused)
                poller.start()
            self.refresh_header()
            self.show_data()
            self._show_costs()

    def show_data(self) -> None:
        """Paint what has changed; ages pass without any news."""

    def refresh_header(self) -> None:
        """Show the state of connection and data."""
        session = self.session
        overview = session.overview
        state = self.poller.state if self.poller else None
        fresh = state.fresh_at if state else None
        counted = overview.counts_at if overview else None
        self.query_one(Header).show(
            HeaderState(
                tab=self.TAB,
                info=session.hub.info if session.hub else None,
                profile=session.profile,
                poll=state,
                age=time.monotonic() - fresh if fresh is not None else None,
                counts=overview.counts if overview else None,
                counts_age=(session.view.now() - counted).total_seconds() if counted else 0.0,
                hours=overview.hours() if overview and overview.has_hours else (),
                copied=overview.copied_words() if overview else "",
            )
        )

    def tell(self, text: str, tone: str = "") -> None:
        """Show a piece of news in the line above the footer."""
        self.query_one(NoteLine).tell(text, tone)

    def tell_error(self, error: HubError) -> None:
        """Show an error that concerns one action only."""
        self.tell(str(error), "warn")

    def _show_costs(self) -> None:
        pane = self.query_one(CostPane)
        if pane.display != self.session.costs_shown:
            pane.toggle(self.session.costs_shown)
        else:
            pane.update()

    def _polled(self, state: PollState) -> None:
        self.refresh_header()
        self._show_banner()
        if state.error is None:
            self.show_data()
        self._show_costs()

    def _queue_polled(self, state: PollState) -> None:
        if state.error is not None:
            self.session.view.lose_sight()
            for feed in self.queue_feeds():
                feed.ask_again()  # all of it, once it answers again
        if self.ready:
            self.show_data()

    def _show_banner(self) -> None:
        state = self.poller.state if self.poller else None
        if state is None or state.error is None:
            self.query_one(Banner).say("")
            return
        now = time.monotonic()
        text = str(state.error)
        if state.fresh_at is not None:
            age = timedelta(seconds=now - state.fresh_at)
            since = clock(self.session.view.now() - age, self.session.view.zone)
            text += f" Showing data from {since}, {span(age)} old."
        if state.next_try_at is not None and not state.paused:
            text += f" Next try in {max(int(state.next_try_at - now + 0.99), 0)}s."
        self.query_one(Banner).say(text)

    def _tick(self) -> None:
        if not self.is_current or not self.ready or self.poller is None:
            return
        state = self.poller.state
        if state.error is not None:
            self._show_banner()
        idle = state.fresh_at is None or time.monotonic() - state.fresh_at > IDLE_TICK
        if idle or state.paused:
            self.refresh_header()
            self.show_data()

    def _defect(self, error: BaseException) -> None:
        if isinstance(error, Exception):
            self.app._handle_exception(error)  # what Textual does with a worker's exception

    def on_key(self) -> None:
        """Remember that somebody is at the keyboard."""
        self._last_key = time.monotonic()

    @property
    def idle_seconds(self) -> float:
        """How long nobody has pressed a key."""
        return time.monotonic() - self._last_key

    @property
    def pane(self) -> Table[Any] | None:
        """The pane that takes the movement keys."""
        panes = [pane for pane in self.panes() if pane.display]
        return panes[self._pane % len(panes)] if panes else None

    def activate(self, pane: Table[Any]) -> None:
        """Give a pane the movement keys."""
        panes = [one for one in self.panes() if one.display]
        if pane in panes:
            self._pane = panes.index(pane)
            self._activate_pane()

    def _activate_pane(self) -> None:
        current = self.pane
        for pane in self.panes():
            pane.active = pane is current
            pane.redraw()

    def on_table_clicked(self, message: Table.Clicked) -> None:
        """A click chooses the pane as well as the row; a second one on the row opens it."""
        self.activate(message.table)
        if message.again:
            self.call_later(self.run_action, "screen.open")

    def action_move(self, steps: int) -> None:
        """Move the cursor."""
        if self.pane is not None:
            self.pane.move(steps)

    def action_page(self, pages: int) -> None:
        """Move the cursor by half pages."""
        if self.pane is not None:
            self.pane.page(pages)

    def action_top(self) -> None:
        """Go to the first row."""
        if self.pane is not None:
            self.pane.place(0)

    def action_bottom(self) -> None:
        """Go to the last row."""
        if self.pane is not None:
            self.pane.place(self.pane.count - 1)

    def action_next_pane(self) -> None:
        """Give the next pane the movement keys."""
        self._pane += 1
        self._activate_pane()

    def action_go(self, tab: str) -> None:
        """Show another screen."""
        self.post_message(Go(tab))

    def action_back(self) -> None:
        """Go one step back; never quits."""
        self.post_message(Back(may_quit=False))

    def action_quit_here(self) -> None:
        """Go one step back, or quit at the root."""
        self.post_message(Back(may_quit=True))

    def action_pause(self) -> None:
        """Pause or resume polling."""
        self.session.paused = not self.session.paused
        for poller in self._pollers:
            poller.pause(self.session.paused)
        pause, now = (key_name(self.session, id) for id in ("data.pause", "data.now"))
        paused = f"paused; {pause} resumes, {now} asks once"
        self.tell(paused if self.session.paused else "live again")

    def action_interval(self, steps: int) -> None:
        """Poll less or more often."""
        if self.poller is not None:
            self.session.interval = self.poller.step_interval(steps)
            if self.queue_poller is not None:
                self.queue_poller.set_interval(self.session.interval)
            self.tell(f"polling every {self.session.interval:g}s")
        else:
            self.tell("not connected yet: nothing is polled")

    def action_costs(self) -> None:
        """Show what the dashboard costs, or no longer."""
        self.session.costs_shown = not self.session.costs_shown
        self._show_costs()

    def action_refresh_now(self) -> None:
        """Ask everything at once."""
        for poller in self._pollers:
            poller.refresh()

    def action_times(self) -> None:
        """Show times in the next format."""
        view = self.session.view
        formats = list(TimeFormat)
        view.times = formats[(formats.index(view.times) + 1) % len(formats)]
        self.show_data()
        self.tell(f"times: {view.times.value}")

    def may_change(self) -> bool:
        """Return whether rows can be changed here, to last; say why where they cannot."""
        try:
            check_writable(self.session.connected_hub)
            check_original(self.session.connected_hub)
        except Refused as error:
            self.tell_error(error)
            return False
        return True

    async def copy_text(self, text: str, what: str) -> None:
        """Put a text on the clipboard, and say so."""
        driver = self.app._driver  # Textual's own copy_to_clipboard does not reach through tmux
        if driver is None:
            return
        try:
            how = await terminal.copy(text, driver, os.environ)
        except ValueError as error:
            self.tell(f"{what}: {error}", "warn")
        else:
            self.tell(f"{what} {how}")
