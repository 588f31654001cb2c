"""What the dashboard costs the store that it watches, the line, and this machine."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from asynqhub_tui.costs import Costs, QueryCost
from asynqhub_tui.figures import size
from asynqhub_tui.line import Traffic
from asynqhub_tui.memory import resident
from asynqhub_tui.polling import MAX_SHARE
from asynqhub_tui.text import fit
from asynqhub_tui.widgets.canvas import Canvas, Line, Piece

HEIGHT = 9
"""Lines at most, and never more than a quarter of all: two of its own, and a query each."""

WIDE = 100
"""Cells from which on the summary says all that it knows."""

RATE_OVER = 10.0
"""Seconds that bytes a second are of."""

_COLUMNS = (("calls", 8), ("a minute", 10), ("last ms", 10), ("mean ms", 10), ("rows", 8))
_SHARE = 9
_LONGEST_NAME = 30


class CostPane(Canvas):
    """Shown and hidden by a key; the most expensive queries first."""

    def __init__(self, costs: Costs, traffic: Callable[[], Traffic]) -> None:
        super().__init__(id="costs")
        self._costs = costs
        self._traffic = traffic
        self._sent: deque[tuple[float, int]] = deque()
        self.display = False

    def toggle(self, on: bool) -> None:
        """Show or hide it."""
        self._sent.clear()
        self.display = on
        self.update()

    def update(self) -> None:
        """Show the present figures, in the height that they need."""
        if self.display:
            most = min(HEIGHT, self.screen.size.height // 4)
            self.styles.height = min(2 + len(self._costs.queries()), most)
            self.redraw()

    def lines(self, width: int, height: int) -> Sequence[Line]:
        """Return a summary, and the queries."""
        queries = self._costs.queries()
        room = width - sum(each for _, each in _COLUMNS) - _SHARE - 2
        name_width = min(max(room, 12), _LONGEST_NAME)
        head = "".join(title.rjust(each) for title, each in _COLUMNS) + "share".rjust(_SHARE)
        return [
            Line(self._summary(queries, width), "bar"),
            Line([Piece(f" {fit('query', name_width)}{head}", "dim")]),
            *(self._query(one, name_width) for one in queries[: height - 2]),
        ]

    def _summary(self, queries: Sequence[QueryCost], width: int) -> list[Piece]:
        wide = width >= WIDE
        share = sum(map(self._costs.share, queries))
        traffic = self._traffic()
        pieces = [
            Piece(" COST ", "title"),
            Piece(" queries ", "dim"),
            Piece(_percent(share), "warn" if share > MAX_SHARE else "strong"),
            Piece(f" of the time, {MAX_SHARE:.0%} at most" if wide else " of the time", "dim"),
            Piece("   sent ", "dim"),
            Piece(f"{size(round(self._rate(traffic.sent)))}/s", "strong"),
            Piece(f", {size(traffic.sent)} in all", "dim"),
        ]
        if wide and traffic.lag >= 0.001:
            pieces += [
                Piece("   shown after ", "dim"),
                Piece(f"{traffic.lag * 1000:.0f} ms", "strong"),
            ]
        if (bytes_used := resident()) is not None:
            pieces += [Piece("   memory ", "dim"), Piece(size(bytes_used), "strong")]
        return pieces

    def _query(self, query: QueryCost, name_width: int) -> Line:
        share = self._costs.share(query)
        figures = (
            f"{query.calls:,}",
            f"{self._costs.rate(query):.0f}",
            f"{query.last * 1000:,.1f}",
            f"{query.mean * 1000:,.1f}",
            f"{query.rows:,}",
        )
        text = "".join(one.rjust(each) for one, (_, each) in zip(figures, _COLUMNS, strict=True))
        name = query.name.replace("_", " ")
        return Line(
            [
                Piece(f" {fit(name, name_width)}"),
                Piece(text, "dim"),
                Piece(_percent(share).rjust(_SHARE), "warn" if share > MAX_SHARE else ""),
            ]
        )

    def _rate(self, sent: int) -> float:
        """Return the bytes a second of late."""
        now = self._costs.clock()
        if self._sent and sent < self._sent[-1][1]:  # counted anew after ctrl+z
            self._sent.clear()
        self._sent.append((now, sent))
        while len(self._sent) > 2 and self._sent[1][0] < now - RATE_OVER:
            self._sent.popleft()
        at, before = self._sent[0]
        return (sent - before) / max(now - at, 1.0)


def _percent(share: float) -> str:
    return f"{share:.1%}"
