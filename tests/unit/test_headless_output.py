"""The line of progress: it overwrites itself on a terminal, and is nothing elsewhere."""

from __future__ import annotations

import io
import sys

import pytest

from asynqhub_tui.headless.output import ProgressLine


class Terminal(io.StringIO):
    """A standard error that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_each_text_overwrites_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    with ProgressLine() as line:
        line.show("500 of 1,000")
        line.show("任务")
        line.note("waiting")
        line.show("end")
    assert isinstance(sys.stderr, Terminal)
    assert sys.stderr.getvalue() == (
        f"500 of 1,000\r{' ' * 12}\r任务\r    \rasynqhub-tui: waiting\nend\r   \r"
    )


def test_where_nobody_watches_only_notes_are_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with ProgressLine() as line:
        line.show("500 of 1,000")
        line.note("waiting")
    assert capsys.readouterr().err == "asynqhub-tui: waiting\n"
