"""Textual's driver, with better manners."""

from __future__ import annotations

from typing import Any

from textual.drivers import linux_driver
from textual.drivers.linux_driver import LinuxDriver

from asynqhub_tui import terminal
from asynqhub_tui.frames import Frames
from asynqhub_tui.key_parser import KeyParser

# Textual makes its parser in the middle of the thread that reads, where nothing can be handed in.
linux_driver.XTermParser = KeyParser  # type: ignore[attr-defined]


class TerminalDriver(LinuxDriver):
    """Sends only what the terminal does not show already, and has a mouse that can be changed.

    The mouse reports clicks and wheel, not every movement. The methods with an underscore are
    Textual's own, which has no public ones for it.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._frames = Frames(erases=terminal.erases_to_background())

    def write(self, data: str) -> None:
        """Send what is new of `data`."""
        if fresh := self._frames.reduce(data):
            super().write(fresh)
        if self._layout_is_old:
            self._frames.forget()

    @property
    def _layout_is_old(self) -> bool:
        """Whether what is painted is not laid out for the terminal's new size yet.

        The terminal cuts off what lies beyond its borders, or puts it at the border.
        """
        app = self._app
        return app.is_running and bool(app.screen_stack) and app.screen.outer_size != app.size

    def forget_screen(self) -> None:
        """Send the next frame whole: the terminal was resized, or was disturbed."""
        self._frames.forget()

    def use_mouse(self, on: bool) -> None:
        """Ask for mouse events, or no longer; it holds after ctrl+z, and ends with the program."""
        self._disable_mouse_support()
        self._mouse = on
        self._enable_mouse_support()
        if self._mouse_pixels:
            self._enable_mouse_pixels()

    def _enable_mouse_support(self) -> None:
        if self._mouse:
            self.write(terminal.MOUSE_ON)
            self.flush()

    def _disable_mouse_support(self) -> None:
        if self._mouse:
            self.write(terminal.MOUSE_OFF)
            self.flush()
