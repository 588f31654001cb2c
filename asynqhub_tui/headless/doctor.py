"""`doctor`: what is wrong with an installation, or could be cheaper."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence

from asynqhub_tui.checkup import Finding, Level
from asynqhub_tui.doctor import examine
from asynqhub_tui.dsn import mask
from asynqhub_tui.headless import as_json, output
from asynqhub_tui.repository import SchemaMismatch, Unavailable
from asynqhub_tui.settings import Settings
from asynqhub_tui.text import one_line, wrap

OK, UNAVAILABLE, PROBLEM, SCHEMA = 0, 3, 4, 5

_MARGIN = max(map(len, Level)) + len(output.GAP)

_WIDEST = 100
"""Cells of a line of prose; a wider terminal stays empty to the right."""

_MOST_LINES = 20


async def run(settings: Settings, *, json: bool) -> int:
    """Write all findings, the worst first, and return the exit code that the worst one has."""
    found = []
    with output.ProgressLine() as line:
        line.show("looking …")
        async for finding in examine(settings):
            line.show(f"looking at {finding.about} …")
            found.append(finding)
    worst_first = sorted(found, key=lambda one: list(Level).index(one.level))
    if json:
        as_json.write_array(map(_fields, worst_first))
    else:
        _write(worst_first)
    return _exit_code(worst_first)


def _exit_code(found: Sequence[Finding]) -> int:
    problems = [one.failure for one in found if one.level is Level.PROBLEM]
    for kind, code in ((Unavailable, UNAVAILABLE), (SchemaMismatch, SCHEMA)):
        if any(failure is not None and issubclass(failure, kind) for failure in problems):
            return code
    return PROBLEM if problems else OK


def _fields(finding: Finding) -> dict[str, object]:
    return {
        "about": finding.about,
        "check": finding.check,
        "level": finding.level,
        "title": mask(finding.title),
        "detail": mask(finding.detail) or None,
        "commands": [mask(command) for command in finding.commands],
    }


def _write(found: Sequence[Finding]) -> None:
    width = min(shutil.get_terminal_size((80, 24)).columns, _WIDEST)
    for finding in found:
        # A command stays on one line, however long, so that it can be copied.
        for line in _lines(finding, max(width, 40)):
            sys.stdout.write(f"{line}\n")
    sys.stdout.write(f"\n{_summary(found)}\n")


def _lines(finding: Finding, width: int) -> Iterator[str]:
    room = width - _MARGIN
    title = wrap(_shown(f"{finding.about}: {finding.title}"), room, _MOST_LINES)
    for at, line in enumerate(title):
        yield f"{finding.level if at == 0 else '':<{_MARGIN}}{line}"
    if finding.level is Level.OK:
        return
    for line in wrap(_shown(finding.detail), room, _MOST_LINES) if finding.detail else ():
        yield f"{'':<{_MARGIN}}{line}"
    for command in finding.commands:
        yield f"{'':<{_MARGIN}}  {_shown(command)}"


def _shown(text: str) -> str:
    return one_line(mask(text))


def _summary(found: Sequence[Finding]) -> str:
    counts = {level: sum(one.level is level for one in found) for level in Level}
    names = {Level.PROBLEM: "problem", Level.WARNING: "warning", Level.NOTE: "note"}
    words = [
        f"{counts[level]} {name}{'' if counts[level] == 1 else 's'}"
        for level, name in names.items()
    ]
    return f"{', '.join(words)}, {counts[Level.OK]} ok."
