"""What tests leave behind is collected where it takes much room, and once in the end.

To do so all the while takes a sixth of the suite's time (tests.environment turns it off). What was
not closed says so when it is collected; it fails the run, of whichever process it was.
"""

from __future__ import annotations

import gc
import sys
from typing import Any

import psutil
import pytest

MUCH = 500_000_000
"""Bytes that a process may take on before its garbage is collected: a dashboard leaves 2 MB."""

_COLLECTED = pytest.StashKey[int]()
"""Bytes that the process took when its garbage was collected."""

_LEFT_OPEN = pytest.StashKey[list[str]]()
"""What the garbage said, of all processes."""


def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Collect what is garbage where it takes much room."""
    resident = psutil.Process().memory_info().rss
    if resident > item.config.stash.setdefault(_COLLECTED, resident) + MUCH:
        gc.collect()
        item.config.stash[_COLLECTED] = psutil.Process().memory_info().rss


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over what the garbage of a process of xdist has said."""
    node.config.stash.setdefault(_LEFT_OPEN, []).extend(_said(node).get("left_open", []))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Collect once; pytest, which listens to what garbage says, would five times."""
    left_open = session.config.stash.setdefault(_LEFT_OPEN, [])
    before = sys.unraisablehook
    sys.unraisablehook = lambda told: left_open.append(f"{told.exc_value!r} in {told.object!r}")
    try:
        gc.collect()
    finally:
        sys.unraisablehook = before
    gc.freeze()
    _said(session.config)["left_open"] = left_open
    if left_open and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say what was left open."""
    for words in config.stash.get(_LEFT_OPEN, []):
        terminalreporter.write_line(f"left open: {words}", red=True)


def _said(by: Any) -> dict[str, Any]:
    """Return what a process of xdist hands to the one that started it."""
    said: dict[str, Any] = getattr(by, "workeroutput", {})
    return said
