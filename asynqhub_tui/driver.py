"""Textual's driver, with better manners."""

from __future__ import annotations

import os
import sys
from typing import Any

from textual.drivers import linux_driver
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from asynqhub_tui import terminal
from asynqhub_tui.frames import Frames, FullFrames
from asynqhub_tui.key_parser import Answered, KeyParser
from asynqhub_tui.line import Display, Line, Traffic

# Textual makes its parser in the middle of the thread that reads, where nothing can be handed in.
linux_driver.XTermParser = KeyParser  # type: ignore[attr-defined]


class TerminalDriver(LinuxDriver):
    """Sends only what the terminal does not show already, and has a mouse that can be changed.

    It never lets frames queue up: see Line. The mouse reports clicks and wheel, not every
    movement. The methods with an underscore are Textual's own, which has no public ones for it.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._erases = terminal.erases_to_background()
        self._line = self._new_line()

    def _new_line(self) -> Line:
        return Line(
            sys.__stderr__.fileno() if sys.__stderr__ else 2,  # where Textual draws
            self._new_display(),
        )

    def _new_display(self) -> Display:
        return Frames(erases=self._erases)

    def start_application_mode(self) -> None:
        """Take the terminal, at the start and after ctrl+z; from the background that fails."""
        self._line.start()
        super().start_application_mode()  # type: ignore[no-untyped-call]
        if terminal.over_ssh(os.environ):
            self._line.begin_asking()  # until here an answer would be echoed

    def stop_application_mode(self) -> None:
        """Give the terminal back."""
        self._line.settle()
        super().stop_application_mode()

    def _sigtstp_application(self, *_: object) -> None:
        # Not in the middle of whatever it interrupts, which may hold the line.
        self._loop.call_soon_threadsafe(super()._sigtstp_application)

    def _sigcont_application(self, *_: object) -> None:
        # Textual would take the terminal a second time where it was never given back: the kernel
        # continues a process as well that loses its terminal, and anybody may.
        if self._must_signal_resume:
            super()._sigcont_application()
        else:
            self._loop.call_soon_threadsafe(self._paint_anew)

    def _paint_anew(self) -> None:
        self._line.forget_screen()
        if self._app.is_running and self._app.screen_stack:
            self._app.screen.refresh()

    def close(self) -> None:
        """Send what is left; Textual starts again after ctrl+z."""
        super().close()
        self._line.stop()
        self._line = self._new_line()

    def write(self, data: str) -> None:
        """Send what is new of `data`, as soon as the line is free."""
        self._line.write(data)
        if self._layout_is_old:
            self._line.forget_screen()

    @property
    def _layout_is_old(self) -> bool:
        """Whether what is painted is not laid out for the terminal's new size yet.

        The terminal cuts off what lies beyond its borders, or puts it at the border.
        """
        app = self._app
        return app.is_running and bool(app.screen_stack) and app.screen.outer_size != app.size

    def forget_screen(self) -> None:
        """Send the next frame whole: the terminal was resized, or was disturbed."""
        self._line.forget_screen()

    def traffic(self) -> Traffic:
        """Return what went over the line since the start, or since ctrl+z."""
        return self._line.traffic()

    def process_message(self, message: Message) -> None:
        """Hand on what the user does; what the terminal answers is for the line alone."""
        if isinstance(message, Answered):
            self._line.answered()
        else:
            super().process_message(message)

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


class FullFramesDriver(TerminalDriver):
    """Sends what the terminal shows already, too: for one that does not keep what it was sent."""

    def _new_display(self) -> Display:
        return FullFrames()
