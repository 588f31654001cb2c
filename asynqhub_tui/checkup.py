"""The contract of a check-up: what `doctor` finds at a store or at the queue, in words.

A check-up reads, and changes nothing. Whatever it meets, a server that is away or a right that is
missing, becomes a finding: it raises nothing but faults of this program.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from asynqhub_tui.repository import HubError


class Level(StrEnum):
    """How much a finding matters, the worst first."""

    PROBLEM = "problem"
    """The dashboard, the hub or a retry does not work."""
    WARNING = "warning"
    """It works, and costs far more than it should, or is likely to fail."""
    NOTE = "note"
    """Good to know, or a matter of taste."""
    OK = "ok"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check has come to.

    `about` is the store or `redis`, `check` names the check for scripts. `title` is one sentence,
    `detail` says more, with figures. `commands` are what an operator could run, each a whole
    statement of the server's own language or a command line. `failure` is set where the check met
    an error that says why nothing can be done. Texts may hold what stands in a database.
    """

    about: str
    check: str
    level: Level
    title: str
    detail: str = ""
    commands: tuple[str, ...] = ()
    failure: type[HubError] | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """What findings are about, to make them with few words."""

    about: str

    def ok(self, check: str, title: str, detail: str = "") -> Finding:
        """Say that all is as it should be."""
        return Finding(self.about, check, Level.OK, title, detail)

    def note(self, check: str, title: str, detail: str = "", *commands: str) -> Finding:
        """Say what is good to know."""
        return Finding(self.about, check, Level.NOTE, title, detail, commands)

    def warning(self, check: str, title: str, detail: str = "", *commands: str) -> Finding:
        """Say what is likely to hurt."""
        return Finding(self.about, check, Level.WARNING, title, detail, commands)

    def problem(self, check: str, title: str, detail: str = "", *commands: str) -> Finding:
        """Say what does not work."""
        return Finding(self.about, check, Level.PROBLEM, title, detail, commands)

    def failed(self, check: str, error: HubError) -> Finding:
        """Say that an error keeps the program from working at all."""
        return Finding(
            self.about, check, Level.PROBLEM, error.what, error.hint, failure=type(error)
        )

    def unchecked(self, check: str, what: str, error: HubError) -> Finding:
        """Say that one thing could not be looked at, and why; `what` begins the sentence."""
        said = f"{error.what} {error.hint}".strip()
        return Finding(self.about, check, Level.WARNING, f"{what} could not be checked.", said)


class Checkup(Protocol):
    """The checks of one store or queue. Nothing is connected to before `findings` is iterated."""

    def findings(self) -> AsyncGenerator[Finding]:
        """Yield what is found, check by check. Closing it closes the connection."""
