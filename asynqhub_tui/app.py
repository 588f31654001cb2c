"""The application: opens the hub, owns the screens, the themes and the way between them."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from pathlib import Path, PurePath
from typing import ClassVar

from rich.console import RenderableType
from textual import events
from textual.app import App, SystemCommand
from textual.binding import BindingType
from textual.screen import Screen

from asynqhub_tui import garbage, terminal
from asynqhub_tui.backends import Target, open_hub
from asynqhub_tui.driver import FullFramesDriver, TerminalDriver
from asynqhub_tui.keys import EVERYWHERE, bindings, pressed, shown
from asynqhub_tui.opening import open_queue, set_original
from asynqhub_tui.repository import Hub, HubError, TaskFilter
from asynqhub_tui.screens.base import Back, Go, HubScreen
from asynqhub_tui.screens.task import TaskScreen
from asynqhub_tui.screens.tasks import TasksScreen
from asynqhub_tui.screens.workers import WorkersScreen
from asynqhub_tui.session import Session
from asynqhub_tui.settings import Settings
from asynqhub_tui.stylesheet import Stylesheet
from asynqhub_tui.themes import THEMES
from asynqhub_tui.typed_ahead import TypedAhead
from asynqhub_tui.view import View
from asynqhub_tui.widgets.canvas import COMPONENTS

PACKAGE = Path(__file__).parent
STYLES = next(
    folder
    for folder in (PACKAGE / "styles", PACKAGE.parent / "styles")
    if (folder / "app.tcss").is_file()
)
"""Inside the package where it was installed from a wheel, beside it in a checkout."""

MOST_STEPS = 20
"""How many steps esc can go back."""


class AsynqHubApp(App[None]):
    """The dashboard.

    `view` holds the clock and the time format, `opener` opens the installation of a target.

    Once it has ended, `failure` holds why the first connection could not be made, and `defect` an
    exception that nothing expected.
    """

    TITLE = "asynqhub-tui"
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "ctrl+p"
    CSS_PATH: ClassVar[list[str | PurePath]] = [
        STYLES / f"{name}.tcss" for name in ("app", "tones", "tasks", "task", "workers", "dialogs")
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = COMPONENTS
    BINDINGS: ClassVar[list[BindingType]] = list(bindings(EVERYWHERE))

    def __init__(
        self,
        settings: Settings,
        *,
        view: View | None = None,
        opener: Callable[[Target], Awaitable[Hub]] = open_hub,
    ) -> None:
        self.settings = settings
        super().__init__(driver_class=FullFramesDriver if settings.full_frames else TerminalDriver)
        self._opener = opener
        self.failure: HubError | None = None
        self.defect: Exception | None = None
        self.session = Session(
            view=view or View(times=settings.times),
            interval=settings.interval,
            profile=settings.profile,
            remapped=settings.keys,
        )
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = settings.theme
        self.stylesheet = Stylesheet(variables=self.get_css_variables())
        self.animation_level = "none"
        self._mouse_on = terminal.mouse_wanted(os.environ, settings.mouse)
        self._task_list = TasksScreen(self.session)
        self._one_task = TaskScreen(self.session)
        self._worker_list = WorkersScreen(self.session)
        self._tabs: dict[str, HubScreen] = {
            "tasks": self._task_list,
            "task": self._one_task,
            "workers": self._worker_list,
        }
        self._trail: list[tuple[str, TaskFilter]] = []
        self._typed = TypedAhead(self, super().on_event)
        self._at_once = {one for key in EVERYWHERE for one in pressed(key, settings.keys)}

    def get_css_variables(self) -> dict[str, str]:
        """Add the profile's own colour to the theme's."""
        variables = super().get_css_variables()
        return {**variables, "profile": self.settings.color or variables["primary"]}

    def delay_update(self, delay: float = 0.05) -> None:
        """Delay nothing: Textual would paint another screen, and the first, only after `delay`.

        It hides so what is half there; here a screen comes whole, but for its data.
        """

    def on_mount(self) -> None:
        """Show the tasks, then connect: the first paint waits for nothing."""
        self._typed.start()
        if isinstance(self._driver, TerminalDriver):  # another one in tests
            self.session.traffic = self._driver.traffic
        terminal.on_end(lambda code: self.exit(return_code=code))
        # Textual enters the alternate screen again, and leaves it empty.
        self.app_resume_signal.subscribe(self, lambda _: self.action_redraw())
        self.set_keymap(dict(self.session.remapped))
        for name, screen in self._tabs.items():
            self.add_mode(name, partial(_itself, screen))
        self.switch_mode("tasks")
        self.call_after_refresh(self.run_worker, self._connect(), exit_on_error=True)

    async def on_event(self, event: events.Event) -> None:
        """Let keys wait for the ones before them, but not those that work everywhere."""
        typed = isinstance(event, events.Key | events.Paste) and not event.is_forwarded
        if typed and not (isinstance(event, events.Key) and event.key in self._at_once):
            self._typed.add(event)
        else:
            await super().on_event(event)

    def exit(
        self,
        result: None = None,
        return_code: int = 0,
        message: RenderableType | None = None,
    ) -> None:
        """End, and ask nothing any more."""
        self._end_screens()
        super().exit(result, return_code, message)

    async def _shutdown(self) -> None:
        """End as Textual does where nobody has called `exit`: in its tests."""
        self._end_screens()
        await super()._shutdown()

    def _end_screens(self) -> None:
        """Take no answer any more: it would find a screen that is half taken down."""
        self._typed.stop()
        for screen in self._tabs.values():
            screen.end()

    async def on_unmount(self) -> None:
        """Close the hub."""
        if self.session.queue is not None:
            await self.session.queue.close()
        if self.session.hub is not None:
            await self.session.hub.close()

    async def _connect(self) -> None:
        garbage.resume()  # the first screen is painted
        try:
            hub = await self._opener(self.settings.target)
        except HubError as error:
            self.failure = error
            self.exit()
            return
        set_original(hub, self.settings)
        try:
            self.session.use_queue(await open_queue(hub, self.settings))
        except HubError as error:  # what is only watched needs no queue
            self.session.queue_trouble = f"{error} {self.settings.redis_source}".strip()
        self.connected(hub)
        await self._offer_resumption(hub)

    async def _offer_resumption(self, hub: Hub) -> None:
        queue = self.session.queue
        # The demo's queue is another one in every run.
        if queue is None or hub.info.read_only or hub.info.demo:
            return
        from asynqhub_tui.screens.resume import resumption  # the first paint waits for no dialog

        dialog = await resumption(self.session, hub, queue)
        if dialog is not None:
            self.push_screen(dialog)

    def connected(self, hub: Hub) -> None:
        """Begin to work with an open hub."""
        self.session.connect(hub, self._overview_changed)
        for screen in self._tabs.values():
            screen.begin()

    def _overview_changed(self) -> None:
        screen = self.screen
        if isinstance(screen, HubScreen) and screen.ready:
            screen.refresh_header()
            screen.show_data()

    def _fatal_error(self) -> None:
        """End without Textual's traceback, which would show every local variable, secrets too."""
        self.defect = self._exception
        self._close_messages_no_wait()

    def on_go(self, message: Go) -> None:
        """Show another screen, and remember where the user came from."""
        here = self._tab
        if message.tab == "task" and message.task_id is not None:
            self._one_task.open(message.task_id)
        if message.worker is not None:
            self._trail.append((here, self._task_list.filter))
            self._task_list.came_from_workers = True
            self._task_list.set_filter(TaskFilter(worker_name=message.worker))
        elif message.tab != here:
            self._trail.append((here, self._task_list.filter))
            self._task_list.came_from_workers = False
        del self._trail[:-MOST_STEPS]
        if message.tab != here:
            self.switch_mode(message.tab)

    def on_back(self, message: Back) -> None:
        """Go back to where the user came from; at the root only `q` ends the program."""
        if self._trail:
            tab, filter = self._trail.pop()
            if self._task_list.came_from_workers:
                self._task_list.came_from_workers = False
                self._task_list.set_filter(filter)
            self.switch_mode(tab)
        elif self._tab != "tasks":
            self.switch_mode("tasks")
        elif message.may_quit:
            self.exit()

    @property
    def _tab(self) -> str:
        return next((name for name, one in self._tabs.items() if one is self.screen), "tasks")

    def action_theme(self) -> None:
        """Show the other theme."""
        names = [theme.name for theme in THEMES]
        self.theme = names[(names.index(self.theme) + 1) % len(names)]

    def action_mouse(self) -> None:
        """Ask the terminal for mouse events, or no longer."""
        self._mouse_on = not self._mouse_on
        driver = self._driver  # another one in tests
        if isinstance(driver, TerminalDriver):
            driver.use_mouse(self._mouse_on)
        if isinstance(self.screen, HubScreen):
            words = "mouse on" if self._mouse_on else "mouse off: the terminal selects text again"
            self.screen.tell(words)

    def on_resize(self, event: events.Resize) -> None:
        """The terminal has done what it likes with what it showed."""
        if isinstance(self._driver, TerminalDriver):
            self._driver.forget_screen()
            if event.size == self.screen.outer_size:  # it has its size back: Textual sees no change
                self.screen.refresh()

    def action_redraw(self) -> None:
        """Draw the whole screen anew, after the terminal was disturbed."""
        if isinstance(self._driver, TerminalDriver):
            self._driver.forget_screen()
        self.screen.refresh()

    def action_help(self) -> None:
        """Show the keys of this screen."""
        if isinstance(self.screen, HubScreen):
            from asynqhub_tui.screens.help import HelpScreen

            self.push_screen(HelpScreen(self.screen.keys, self.session.remapped))

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Every action of the screen by name, as the help lists them."""
        if not isinstance(screen, HubScreen):
            return
        for key in screen.keys:
            if key.id.startswith("move.") or key.id == "program.palette":
                continue

            def run(action: str = key.action) -> None:
                self.call_later(screen.run_action, action)

            words = key.help[0].upper() + key.help[1:]
            yield SystemCommand(words, shown(key, self.session.remapped), run)


def _itself(screen: HubScreen) -> HubScreen:
    return screen
