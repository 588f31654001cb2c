"""What is typed ahead waits for what it is meant for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from textual.app import App
from textual.dom import DOMNode
from textual.events import Event


class TypedAhead:
    """Hands keys and pasted text to an application, one after the other.

    On a slow line several keys arrive at once. Textual gives each of them to what has the focus
    at that moment, though the first may be about to open the field or the screen that the others
    are meant for. Here the next key is looked at only when all is done that the one before has
    led to: its action has run, what the action has said by messages was heard, a new screen is
    there, and the focus is where it belongs. `dispatch` is what the application does with a key.

    The application itself goes on meanwhile, so that nothing can wait for each other.
    """

    def __init__(self, app: App[Any], dispatch: Callable[[Event], Awaitable[None]]) -> None:
        self._app = app
        self._dispatch = dispatch
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; to be called by the application, in whose name the keys are handed on."""
        self._task = asyncio.create_task(self._run(), name="typed ahead")

    def stop(self) -> None:
        """Forget what is still waiting."""
        if self._task is not None:
            self._task.cancel()

    def add(self, event: Event) -> None:
        """Take a key or a pasted text."""
        self._events.put_nowait(event)

    async def _run(self) -> None:
        try:
            while True:
                event = await self._events.get()
                target = self._target
                await self._dispatch(event)
                await self._settle(target)
                self._events.task_done()
        except Exception as error:
            self._app._handle_exception(error)  # what Textual does with a message's exception

    @property
    def _target(self) -> DOMNode:
        """What Textual gives a key to; the key goes up from there to the application."""
        return self._app.focused or self._app.screen

    async def _settle(self, target: DOMNode) -> None:
        """Wait until everybody on the way of a key has nothing more to do.

        A message goes to its sender first, and up from there. The key may have moved the focus, or
        changed the screen: then those on the way up from the new place are waited for, too.
        """
        while True:
            way = target.ancestors_with_self
            for node in way:
                await _caught_up(node)
            now = self._target
            if now is target and not any(node.message_queue_size for node in way):
                return
            target = now


async def _caught_up(node: DOMNode) -> None:
    """Wait until a node has handled the messages that it has by now."""
    done = asyncio.Event()
    if node.call_later(done.set):  # it refuses when it is about to go
        await done.wait()
