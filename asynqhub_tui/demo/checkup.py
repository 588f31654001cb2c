"""What `doctor` says of the demo."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from asynqhub_tui.backends import Target
from asynqhub_tui.checkup import Finding, Subject

DEMO = Subject("demo")


class DemoCheckup:
    """See checkup.Checkup."""

    async def findings(self) -> AsyncGenerator[Finding]:
        """Yield one note: there is nothing to be looked at."""
        yield DEMO.note(
            "demo",
            "This is the embedded demo: no store and no queue is connected to.",
            "Set POSTGRES_DSN as the hub has it, or name a store with --dsn or --profile.",
        )


def open_checkup(target: Target) -> DemoCheckup:
    """Return the check-up of the demo; see backends.open_checkup."""
    return DemoCheckup()
