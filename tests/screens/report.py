"""The report of pictures that differ, `snapshot_report.html` in the working folder.

pytest-textual-snapshot writes every variable of the environment into it, secrets too, for whoever
gets the file. It is left without them.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import pytest
import pytest_textual_snapshot as plugin


def pytest_configure() -> None:
    """Take the environment out of each entry before the report is written."""
    write = plugin.save_svg_diffs

    def write_without_environment(
        diffs: Sequence[plugin.SvgSnapshotDiff], session: pytest.Session, passing: int
    ) -> Any:
        for diff in diffs:
            diff.environment.clear()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # its utcnow(), on Python 3.12
            return write(diffs, session, passing)

    plugin.save_svg_diffs = write_without_environment
