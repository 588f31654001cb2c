"""The report of pictures that differ tells no secrets."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TEST = """
from textual.app import App

def test_picture(snap_compare):
    assert snap_compare(App())
"""


def test_the_report_does_not_hold_the_environment(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(TEST)
    root = Path(__file__).parents[2]
    secret = "hunter2-of-the-environment"
    plugins = ("-p", "no:cacheprovider", "-p", "no:randomly", "-p", "tests.screens.report")
    # A worker of xdist would leave the report to its controller.
    without_pytest = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *plugins, "--rootdir", tmp_path, tmp_path],
        cwd=tmp_path,
        env={**without_pytest, "DEPLOY_TOKEN": secret, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    report = (tmp_path / "snapshot_report.html").read_text()
    assert "test_picture" in report
    assert secret not in report
