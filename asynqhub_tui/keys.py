"""The table of keys. Bindings, footer, help, palette and the user's own keys all come from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from textual.binding import Binding


@dataclass(frozen=True, slots=True)
class Key:
    """One entry: the keys, the action that they run, and the words for it.

    `id` names it in the `[keys]` table of config.toml. `keys` are Textual's names, separated by
    commas. `hint` is the word in the footer, empty for a key that is only in the help. `priority`
    keys work while a text field has the focus, and do not wait for the keys before them.
    """

    id: str
    keys: str
    action: str
    help: str
    hint: str = ""
    priority: bool = False

    def binding(self) -> Binding:
        """The Textual binding."""
        return Binding(
            self.keys, self.action, self.help, show=False, id=self.id, priority=self.priority
        )


MOVE = (
    Key("move.down", "j,down", "move(1)", "one row down"),
    Key("move.up", "k,up", "move(-1)", "one row up"),
    Key("move.page_down", "ctrl+d,pagedown", "page(1)", "half a page down"),
    Key("move.page_up", "ctrl+u,pageup", "page(-1)", "half a page up"),
    Key("move.top", "g,home", "top", "to the first row; the list is read anew"),
    Key("move.bottom", "G,end", "bottom", "to the last row"),
    Key("move.pane", "tab", "next_pane", "next pane"),
)

GO = (
    Key("go.tasks", "1", "go('tasks')", "tasks"),
    Key("go.task", "2", "go('task')", "the last task"),
    Key("go.workers", "3", "go('workers')", "workers"),
)

DATA = (
    Key("data.pause", "p", "pause", "pause or resume polling", "pause"),
    Key("data.slower", "plus", "interval(1)", "poll less often"),
    Key("data.faster", "minus", "interval(-1)", "poll more often"),
    Key("data.costs", "i", "costs", "what the dashboard costs: queries, bytes, memory"),
    Key("data.now", "ctrl+r", "refresh_now", "ask now, and try at once when disconnected"),
)

LOOK = (
    Key("look.times", "t", "times", "times: relative, local, UTC"),
    Key("look.theme", "T", "app.theme", "dark or light theme"),
    Key("look.mouse", "ctrl+o", "app.mouse", "mouse on or off"),
    Key("look.redraw", "ctrl+l", "app.redraw", "draw the screen anew", priority=True),
)

PROGRAM = (
    Key("program.palette", "colon,ctrl+p", "app.command_palette", "every action, by name"),
    Key("program.help", "question_mark", "app.help", "the keys of this screen", "keys"),
    Key("program.back", "escape", "back", "one step back; never quits"),
    Key("program.quit_here", "q", "quit_here", "back; quits at the root"),
    Key("program.quit", "ctrl+c", "app.quit", "quit", priority=True),
    Key("program.suspend", "ctrl+z", "app.suspend_process", "suspend", priority=True),
)

EVERYWHERE = tuple(key for key in LOOK + PROGRAM if key.priority)
"""The keys that work in dialogs and in Textual's own palette too."""

TASKS = (
    Key("tasks.open", "enter", "open", "open the task", "open"),
    Key("tasks.retry", "r", "retry", "retry this task, or the marked ones", "retry"),
    Key("tasks.retry_all", "R", "retry_all", "retry all that match the filter"),
    Key("tasks.replay", "C", "replay", "replay a succeeded task as a copy"),
    Key("tasks.mark", "space", "mark", "mark or unmark", "mark"),
    Key("tasks.mark_range", "v", "mark_range", "begin or end marking a range"),
    Key("tasks.mark_all", "A", "mark_all", "mark all that match the filter"),
    Key("tasks.unmark", "u", "unmark", "unmark all"),
    Key("tasks.filter", "slash", "filter", "filter", "filter"),
    Key("tasks.status", "s", "next_status", "filter by the next status", "status"),
    Key("tasks.worker", "w", "choose_worker", "filter by worker", "worker"),
    Key("tasks.copy", "y", "copy", "copy menu", "copy"),
)

TASK = (
    Key("task.fold", "enter", "fold", "fold or unfold the payload at the cursor", "fold"),
    Key("task.retry", "r", "retry", "retry this task", "retry"),
    Key("task.replay", "C", "replay", "replay as a copy, once it has succeeded"),
    Key("task.copy", "y", "copy", "copy menu", "copy"),
)

WORKERS = (
    Key("workers.open", "enter", "open", "show the worker's tasks", "its tasks"),
    Key("workers.window", "w", "window", "figures of 1 h, 24 h, 7 d or all time", "window"),
    Key("workers.enable", "X", "enable", "enable or disable the worker", "enable/disable"),
    Key("workers.delete", "D", "delete", "delete the worker; previews first", "delete"),
    Key("workers.copy", "y", "copy", "copy menu", "copy"),
)

COMMON = MOVE + GO + DATA + LOOK + PROGRAM

NAMES = {
    "question_mark": "?",
    "slash": "/",
    "colon": ":",
    "plus": "+",
    "minus": "-",
    "escape": "esc",
    "pagedown": "pgdn",
    "pageup": "pgup",
    "down": "↓",
    "up": "↑",
}


def pressed(key: Key, remapped: Mapping[str, str]) -> list[str]:
    """Return the names of the keys to press; `remapped` maps ids to the user's own keys."""
    return [one.strip() for one in remapped.get(key.id, key.keys).split(",")]


def shown(key: Key, remapped: Mapping[str, str], *, all_keys: bool = False) -> str:
    """Return the key as the footer (its first) or the help (all of them) writes it."""
    names = [NAMES.get(one, one) for one in pressed(key, remapped)]
    return " ".join(names) if all_keys else names[0]


def bindings(keys: Iterable[Key]) -> list[Binding]:
    """Return the Textual bindings of `keys`."""
    return [key.binding() for key in keys]


def known_ids() -> frozenset[str]:
    """The ids that a user may remap."""
    return frozenset(key.id for key in COMMON + TASKS + TASK + WORKERS)
