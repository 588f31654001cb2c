"""The content of the task screen as Textual shows it by itself: the baseline of bytes and time.

`python -m tests.benchmarks.stock_app SECONDS [TASKS]` polls every so many seconds. It uses the
widgets, the driver and the settings that Textual comes with, in the way of most applications:
every poll sets all cells and the lines above them anew.
"""

from __future__ import annotations

import hashlib
import sys
from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import DataTable, Footer, Static

TASKS = 300
WIDTHS = {
    "STATUS": 14,
    "TASK": 11,
    "WORKER": 12,
    "QUEUE": 11,
    "PRIO": 7,
    "TRY": 3,
    "TOOK": 5,
    "UPDATED": 7,
    "ERROR": 28,
}
"""The columns of the task screen at 120 cells, and their cells; there is one on each side more."""

BAR = (
    " asynqhub  postgres 127.0.0.1:5432/hub  ● live 2s"
    "                    pending 0  running 0  success 200  fail 100  dead 0"
)
LIST = " / all tasks" + 71 * " " + "300 tasks  by creation, newest first"

DIALOG = """
  Delete worker images   on postgres 127.0.0.1:5432/hub

    tasks         150             enabled       yes
    attempts      150             last attempt  13:59:17 (3h ago)
    unfinished    0               heartbeat     24h ago
    running now   0

  ▲ It has 150 tasks; the store keeps it until they are purged.
  ▲ A running hub registers the worker again when it next creates a task for it.

 The store keeps it while it has tasks   enter chooses   esc closes
 ▌ n  cancel
   X  disable it: no new tasks go to it, and nothing is lost
   P  purge its tasks and attempts, then delete it; asks for its name
"""


def row(number: int, *, failed: bool) -> list[str]:
    """Return the cells of a task."""
    digest = hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()
    return [
        "↻ retries left" if failed else "✓ success",
        f"{digest[:5]}…{digest[-5:]}",
        "mailer" if number % 2 else "images",
        "main",
        "default",
        "1/4",
        "1.2s",
        "3h",
        "connection refused: smtp://1" if failed else "",
    ]


class Dialog(Screen[None]):
    """An opaque dialog."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "app.pop_screen", "close")]

    def compose(self) -> ComposeResult:
        """Lay it out."""
        yield Static(DIALOG)
        yield Footer()


class StockApp(App[None]):
    """A bar, a line, a table with a cursor on its row, and a footer."""

    CSS = "DataTable { height: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "down", "down"),
        Binding("k", "up", "up"),
        Binding("u", "change", "change"),
        Binding("d", "dialog", "dialog"),
        Binding("q", "quit", "quit"),
    ]

    def __init__(self, interval: float, tasks: int = TASKS) -> None:
        super().__init__()
        self._tasks = tasks
        self._interval = interval
        self._failed = {number for number in range(self._tasks) if number % 3 == 1}

    def compose(self) -> ComposeResult:
        """Lay it out."""
        yield Static(BAR, id="bar", markup=False)
        yield Static(LIST, id="list", markup=False)
        yield DataTable(cursor_type="row")
        yield Footer()

    def on_mount(self) -> None:
        """Fill the table and begin to poll."""
        table = self._table
        for title, width in WIDTHS.items():
            table.add_column(title, key=title, width=width)
        for number in range(self._tasks):
            table.add_row(*self._cells(number), key=str(number))
        table.focus()
        self.set_interval(self._interval, self._poll)

    @property
    def _table(self) -> DataTable[str]:
        return self.query_one(DataTable)

    def _cells(self, number: int) -> list[str]:
        return row(number, failed=number in self._failed)

    def _poll(self) -> None:
        self.query_one("#bar", Static).update(BAR)
        self.query_one("#list", Static).update(LIST)
        for number in range(self._tasks):
            self._set(number)

    def _set(self, number: int) -> None:
        for title, cell in zip(WIDTHS, self._cells(number), strict=True):
            self._table.update_cell(str(number), title, cell)

    def action_down(self) -> None:
        """Move the cursor one row down."""
        self._table.action_cursor_down()

    def action_up(self) -> None:
        """Move the cursor one row up."""
        self._table.action_cursor_up()

    def action_change(self) -> None:
        """Three tasks have changed."""
        self._failed ^= {5, 6, 7}
        for number in (5, 6, 7):
            self._set(number)

    def action_dialog(self) -> None:
        """Open the dialog."""
        self.push_screen(Dialog())


if __name__ == "__main__":
    StockApp(float(sys.argv[1]), *map(int, sys.argv[2:])).run()
