"""The installed program in a terminal, on ClickHouse over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from asynqhub_tui import cli
from asynqhub_tui.models import FAIL, SUCCESS
from tests.clickhouse import ClickHouseServer
from tests.contract.builders import ago, both_rows, make_task, make_worker
from tests.contract.engines import ClickHouseHttp
from tests.e2e.conftest import Start


@pytest.fixture
def installation(clickhouse_server: ClickHouseServer) -> Iterator[ClickHouseHttp]:
    """An installation with a failed task and one that succeeded."""
    with ClickHouseHttp.alone(clickhouse_server) as made:
        start = ago(minutes=10)
        second = timedelta(seconds=1)
        made.load(
            [make_worker(last_heartbeat_at=ago(seconds=5))],
            [
                make_task("failed", status=FAIL, at=ago(minutes=11), updated_at=start),
                make_task("done", status=SUCCESS, at=ago(minutes=12), updated_at=start),
            ],
            [
                *both_rows("failed", 1, FAIL, at=start, took=second, error="no [route] to host"),
                *both_rows("done", 1, SUCCESS, at=start, took=second),
            ],
        )
        yield made


def test_what_changes_underneath_is_shown(
    installation: ClickHouseHttp, start_installed: Start
) -> None:
    terminal = start_installed("--backend", "clickhouse", CLICKHOUSE_DSN=installation.dsn)
    terminal.wait_for("clickhouse", "no [route] to host", "success 1", "fail 1", "● live 2s")
    assert "hub:s3cr" not in terminal.screen
    installation.load(tasks=[make_task("new", at=ago(seconds=1))])
    installation.client.command(
        """INSERT INTO task SELECT * REPLACE ('success' AS status, now64(6) AS updated_at,
            version + 1000000 AS version)
        FROM (SELECT * FROM task FINAL WHERE task_id = 'failed')"""
    )
    terminal.wait_for("pending", "new", "success 2", "fail 0")
    terminal.press("3")
    terminal.wait_for("worker-1", "alive")
    terminal.press("1", "enter")
    terminal.wait_for("task failed", "✓ success")
    terminal.press("ctrl+c")
    assert terminal.wait_exit() == cli.OK, terminal.screen
    assert terminal.left_clean
