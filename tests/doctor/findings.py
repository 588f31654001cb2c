"""What a check-up has found, for tests to ask."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import SecretStr

from asynqhub_tui.backends import Target, open_checkup
from asynqhub_tui.checkup import Checkup, Finding, Level
from tests.servers import PASSWORD


class Findings:
    """The findings of one run, by their checks."""

    def __init__(self, found: Sequence[Finding]) -> None:
        self.all = found

    def of(self, check: str) -> list[Finding]:
        """Return those of one check that are more than ok."""
        return [one for one in self.all if one.check == check and one.level is not Level.OK]

    def one(self, check: str) -> Finding:
        """Return the only one of a check that is more than ok."""
        (finding,) = self.of(check)
        return finding

    def ok(self, check: str) -> bool:
        """Whether a check was made and has found nothing."""
        found = [one.level for one in self.all if one.check == check]
        return found == [Level.OK]

    def worse_than(self, level: Level) -> list[str]:
        """Return the titles of what is worse than that."""
        order = list(Level)
        return [one.title for one in self.all if order.index(one.level) < order.index(level)]


async def look(checkup: Checkup) -> Findings:
    """Run a check-up to its end, and demand of every finding how it is said."""
    found = [finding async for finding in checkup.findings()]
    for one in found:
        assert one.title.endswith("."), one.title
        for text in (one.title, one.detail, *one.commands):
            assert PASSWORD not in text
            assert "\n" not in text
    return Findings(found)


async def look_at(backend: str, dsn: str | None) -> Findings:
    """Look a store over."""
    target = Target(backend, None if dsn is None else SecretStr(dsn))
    return await look(await open_checkup(target))
