"""What Textual writes to the terminal by itself, where it should be something else."""

from __future__ import annotations

from textual.drivers.linux_driver import LinuxDriver

from asynqhub_tui import terminal


class TerminalDriver(LinuxDriver):
    """Textual's driver, with a mouse that reports clicks and wheel only, and that can be changed.

    The three methods with an underscore are Textual's own, which has no public ones for it.
    """

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
