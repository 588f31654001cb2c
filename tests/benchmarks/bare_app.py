"""A Textual application with nothing in it: the baseline of the start.

`python -m tests.benchmarks.bare_app` has the widgets of the task screen as Textual comes with them
and imports pydantic, as the dashboard does.
"""

from __future__ import annotations

from pydantic import BaseModel
from textual.app import App, ComposeResult
from textual.widgets import DataTable, Footer, Static


class Words(BaseModel):
    """One model: pydantic imports most of itself with the first."""

    bar: str


class BareApp(App[None]):
    """A bar, an empty table and a footer."""

    CSS = "DataTable { height: 1fr; }"

    def compose(self) -> ComposeResult:
        """Lay it out."""
        yield Static(Words(bar="a bar").bar)
        yield DataTable(cursor_type="row")
        yield Footer()


if __name__ == "__main__":
    BareApp().run()
