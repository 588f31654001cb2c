"""What can be done with tasks, on the screens that show them."""

from __future__ import annotations

from collections.abc import Callable

from asynqhub_tui import copying
from asynqhub_tui.actions.retry.selection import Selection
from asynqhub_tui.models import FAILED_STATUSES, SUCCESS, Task
from asynqhub_tui.opening import RETRY_OFF
from asynqhub_tui.repository import HubError
from asynqhub_tui.screens.base import Go, HubScreen
from asynqhub_tui.screens.key_names import key_name
from asynqhub_tui.text import one_line


class TaskDeeds(HubScreen):
    """A screen whose tasks can be retried, replayed and copied."""

    def may_write(self) -> bool:
        """Return whether tasks can be run again here; say why where they cannot."""
        session = self.session
        if session.hub is None:
            self.tell("not connected yet", "warn")
        elif session.hub.info.read_only:
            place = one_line(session.hub.info.place)
            self.tell(f"{place} is open read-only: start without read-only to change it", "warn")
        elif session.queue is None:
            self.tell(session.queue_trouble or RETRY_OFF, "warn")
        else:
            return True
        return False

    def retry(self, selection: Selection, ended: Callable[[frozenset[str]], None]) -> None:
        """Preview a retry; `ended` is told which tasks are settled, once something was run."""

        def closed(settled: frozenset[str] | None) -> None:
            if settled is not None:
                ended(settled)
                self.action_refresh_now()

        if self.may_write():
            # The first paint waits for no dialog.
            from asynqhub_tui.screens.retry import RetryScreen

            self.app.push_screen(RetryScreen(self.session, selection), closed)

    def replay(self, task: Task) -> None:
        """Ask whether a task is to be replayed, where it has succeeded."""
        if task.status in FAILED_STATUSES:
            retry = key_name(self.session, f"{self.TAB}.retry")
            self.tell(f"this task has failed: {retry} retries it", "warn")
        elif task.status != SUCCESS:
            self.tell("this task has not succeeded yet", "warn")
        elif self.may_write() and self.may_change():
            from asynqhub_tui.screens.replay import ReplayScreen

            self.app.push_screen(ReplayScreen(self.session, task.task_id), self._replayed)

    def _replayed(self, copy_id: str | None) -> None:
        """Show the copy, where that was chosen."""
        self.action_refresh_now()
        if copy_id is not None:
            self.post_message(Go("task", task_id=copy_id))

    async def copy_task(self, task: Task, what: str) -> None:
        """Copy what was chosen of a task."""
        hub = self.session.connected_hub
        state = self.session.view.state(task)
        try:
            text = await copying.task_text(hub.tasks, task, hub.info.backend, state, what)
        except HubError as error:
            self.tell_error(error)
            return
        if text:
            await self.copy_text(text, what)
        else:
            self.tell(f"this task has no {what}")
