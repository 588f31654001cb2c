"""ClickHouse behind TLS: the same, as long as the server is the one it says it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from pydantic import SecretStr

from asynqhub_tui.backends import Target, open_hub
from asynqhub_tui.headless.schema import create
from asynqhub_tui.models import FAIL
from asynqhub_tui.repository import TaskFilter, Unavailable
from asynqhub_tui.settings import Settings
from tests.clickhouse import ClickHouseServer
from tests.contract.builders import make_task, make_worker


@pytest.fixture(scope="module")
def server() -> Iterator[ClickHouseServer]:
    """A server whose certificate an authority of its own has signed."""
    with ClickHouseServer(authority=trustme.CA()) as server:
        yield server


async def refusal(dsn: str) -> Unavailable:
    with pytest.raises(Unavailable) as caught:
        async with await open_hub(Target("clickhouse", SecretStr(dsn))):
            pass
    assert "s3cr" not in f"{caught.value} {caught.value.hint}"
    return caught.value


async def test_with_the_authority_it_is_as_any_other(server: ClickHouseServer) -> None:
    dsn = f"{server.create_database()}?ca_cert={server.authority_path}"
    await create(Settings(backend="clickhouse", dsn=SecretStr(dsn)), None)
    async with await open_hub(Target("clickhouse", SecretStr(dsn))) as hub:
        await hub.workers.upsert(make_worker())
        await hub.tasks.upsert_task(make_task("t1", status=FAIL))
        page = await hub.tasks.list_tasks(TaskFilter(statuses=(FAIL,)), limit=10)
        assert [task.task_id for task in page.tasks] == ["t1"]


async def test_a_certificate_of_nobody_known_is_refused(server: ClickHouseServer) -> None:
    error = await refusal(server.dsn("default"))
    assert "do not agree on TLS" in error.what
    assert "ca_cert" in error.hint


async def test_a_certificate_of_somebody_else_is_refused(
    server: ClickHouseServer, tmp_path: Path
) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    error = await refusal(f"{server.dsn('default')}?ca_cert={tmp_path / 'other.pem'}")
    assert "do not agree on TLS" in error.what


async def test_without_tls_the_port_says_nothing(server: ClickHouseServer) -> None:
    error = await refusal(server.dsn("default").replace("clickhouses://", "clickhouse://"))
    assert error.what.endswith(".")
    assert error.hint
