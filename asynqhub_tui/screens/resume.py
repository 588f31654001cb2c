"""Go on with a batch of retries that was interrupted."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

from asynqhub_tui.actions.journal import Journal
from asynqhub_tui.actions.retry import run as retrying
from asynqhub_tui.actions.retry.batch import outcomes_in
from asynqhub_tui.actions.retry.batches import interrupted
from asynqhub_tui.actions.retry.records import Summary
from asynqhub_tui.figures import ago
from asynqhub_tui.queue import TaskQueue
from asynqhub_tui.repository import Hub, HubError
from asynqhub_tui.screens.batch import BatchScreen, Stage
from asynqhub_tui.session import Session
from asynqhub_tui.widgets.batch_words import keys_line
from asynqhub_tui.widgets.canvas import Line, Piece
from asynqhub_tui.widgets.deletion import sentence


async def resumption(session: Session, hub: Hub, queue: TaskQueue) -> ResumeScreen | None:
    """Return the offer to go on with the newest batch of retries that was interrupted here, if any.

    Here is where the hub and the queue are the same.
    """
    folder = retrying.batches_of(Journal.of(hub.info))
    try:
        found = await interrupted(folder, hub.info.place, session.view.now())
    except HubError:  # a state folder that cannot be read says so when it is needed
        return None
    batches = [one for one in found if one.head.queue == queue.place]
    return ResumeScreen(session, batches[0], len(batches) - 1) if batches else None


class ResumeScreen(BatchScreen):
    """Offers to go on with a batch, and does. `others` is how many more were interrupted."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("y", "confirm", "confirm", show=False)]

    def __init__(self, session: Session, batch: Summary, others: int) -> None:
        super().__init__(session, "Resume the retry of", batch.head.selection)
        self._batch = batch
        self._others = others
        self._done = 0

    def on_mount(self) -> None:
        """Read how far it came."""
        super().on_mount()
        self.run_worker(self._read())

    async def _read(self) -> None:
        folder = retrying.batches_of(self.journal) / self._batch.head.batch
        try:
            async for outcomes in outcomes_in(folder):
                self._done += len(outcomes)
        except HubError as error:
            self.fail(error)
        else:
            self.ask()

    def body(self, width: int) -> list[Line]:
        """Return what was interrupted."""
        if self.stage is Stage.READING:
            return [Line([Piece("looking how far it came…", "dim")])]
        if self.stage not in (Stage.ASKING, Stage.RUNNING):
            return super().body(width)
        head = self._batch.head
        when = ago(head.confirmed_at, self.session.view.now())
        lines = sentence(
            "▲ ",
            f"This retry was interrupted: {self._done:,} of {head.included:,} tasks were done. It"
            f" was confirmed {when} by {head.operator}.",
            "warn",
            width,
        )
        lines += sentence("", "What has been run already is not run again.", "", width)
        if self._others:
            more = "1 more was" if self._others == 1 else f"{self._others:,} more were"
            words = f"{more} interrupted: `asynqhub-tui journal list` names them."
            lines += sentence("", words, "dim", width)
        return lines

    def question(self, width: int) -> list[Line]:
        """Return what is asked."""
        if self.stage is Stage.ASKING:
            left = self._batch.head.included - self._done
            tasks = "the last task" if left == 1 else f"the {left:,} tasks that are left"
            words = f"retries {tasks}" if left else "concludes it"
            later = ("esc", "later: it is offered at the next start")
            return [
                Line([Piece("y", "key"), Piece(f" {words}   ", "strong"), *keys_line(later)[0]])
            ]
        return super().question(width)

    def action_confirm(self) -> None:
        """Go on with it."""
        if self.stage is not Stage.ASKING or not self.reading.read:
            return
        batch_id = self._batch.head.batch
        folder = retrying.batches_of(self.journal) / batch_id
        work = retrying.resume(self.hub, self.queue, batch_id, self.journal, stop=self.stop)
        self.begin(work, folder)
