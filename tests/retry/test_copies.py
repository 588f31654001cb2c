"""A copy that sync has made: how old it is, what may be done there, and what its source decides."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from asynqhub_tui.actions import delete_worker, enable_worker, replay
from asynqhub_tui.actions.retry.decision import Decision, Reason
from asynqhub_tui.actions.retry.records import Ending, Kind
from asynqhub_tui.backends import Target, open_copy, open_hub, open_source
from asynqhub_tui.backends.original import OriginalHub
from asynqhub_tui.models import FAIL, PENDING, SUCCESS
from asynqhub_tui.overview import freshness_words
from asynqhub_tui.replication import freshness_of
from asynqhub_tui.repository import Hub, Refused
from asynqhub_tui.sync.copying import Copying
from asynqhub_tui.sync.pace import Pace
from tests.contract.builders import make_worker
from tests.contract.engines import ENGINES, Engine
from tests.retry.stage import Stage
from tests.servers import PostgresServer
from tests.sync.quiet import Quiet
from tests.valkey import ValkeyServer


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """The source: a hub's own database."""
    with ENGINES["postgres"](request) as fresh:
        fresh.load([make_worker()])
        yield fresh


@pytest.fixture(params=["sqlite", "chdb"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Target]:
    """Where the copy is."""
    if request.param == "sqlite":
        yield Target("sqlite", SecretStr(str(tmp_path / "copy.db")))
    else:
        with request.getfixturevalue("chdb_store").installation() as (dsn, _):
            yield Target("clickhouse", SecretStr(dsn))


async def sync(engine: Engine, target: Target) -> None:
    """Bring the copy up to date."""
    source, copy = await open_source(engine.target()), await open_copy(target)
    try:
        copying = Copying(source, copy, Pace(1.0), Quiet())
        await copying.open()
        await copying.round()
    finally:
        await copy.close()
        await source.close()


@pytest.fixture
async def original(
    engine: Engine, valkey_server: ValkeyServer, tmp_path: Path
) -> AsyncIterator[Stage]:
    """The source with its queue."""
    async with Stage.open(engine, valkey_server, valkey_server.fresh(), tmp_path) as stage:
        yield stage


@pytest.fixture
async def copy(original: Stage, target: Target) -> AsyncIterator[Stage]:
    """A copy of five failed tasks, with the queue of its source; asynq holds one of them."""
    original.failed("archived")
    original.failed("lost", "done since", "gone since", "failed again", state=None)
    await sync(original.engine, target)
    async with await open_hub(target) as hub:
        stage = Stage(
            original.engine,
            original.server,
            original.uri,
            original.journal.path.parent / "copy",
            hub,
            original.redis,
        )
        async with await stage.open_queue() as stage.queue:
            yield stage


def know_source(copy: Stage) -> None:
    """Let the copy know where it comes from."""
    copy.hub.original = OriginalHub(copy.engine.target(), copy.hub)


async def test_it_tells_what_it_is(copy: Stage, original: Stage) -> None:
    assert copy.hub.info.copy_of == original.hub.info.place
    assert original.hub.info.copy_of is None
    assert await original.hub.tasks.freshness() is None
    freshness = await copy.hub.tasks.freshness()
    assert freshness is not None
    assert freshness.source == original.hub.info.place
    assert freshness.as_of is not None
    assert freshness_words(freshness, freshness.as_of) == "up to date"


async def test_without_its_source_only_what_asynq_proves_is_run(copy: Stage) -> None:
    plan = await copy.prepare("archived", "lost")
    planned = await copy.planned(plan)
    assert planned["archived"].decision is Decision.RESUME
    assert (planned["lost"].decision, planned["lost"].reason) == (Decision.SKIP, Reason.STALE)
    await copy.run(plan)
    assert await copy.status("archived") == PENDING
    assert await copy.status("lost") == FAIL
    assert copy.pending() == ["archived"]


async def test_what_would_be_enqueued_is_read_again_at_the_source(
    copy: Stage, original: Stage
) -> None:
    know_source(copy)
    await original.hub.tasks.update_task_status("done since", SUCCESS, 4, None, None)
    await original.hub.tasks.update_task_status("failed again", FAIL, 4, None, None)
    with psycopg.connect(original.engine.dsn) as connection:
        connection.execute("DELETE FROM task WHERE task_id = 'gone since'")
    ids = ["archived", "lost", "done since", "gone since", "failed again"]
    plan = await copy.prepare(*ids)
    planned = await copy.planned(plan)
    assert planned["done since"].reason is Reason.NOT_FAILED
    assert planned["gone since"].reason is Reason.GONE
    await copy.run(plan)
    outcomes = await copy.outcomes(plan.batch.id)
    assert outcomes["lost"].kind is Kind.ENQUEUED
    assert outcomes["failed again"].kind is Kind.ENQUEUED
    assert all(outcomes[one].marked for one in ("archived", "lost", "failed again"))
    assert [await original.status(one) for one in ("lost", "failed again")] == [PENDING] * 2
    assert sorted(copy.pending()) == ["archived", "failed again", "lost"]


async def test_of_a_claim_at_the_source_the_copy_knows(copy: Stage, original: Stage) -> None:
    know_source(copy)
    await original.retry("lost")
    plan = await copy.prepare("lost")
    assert (await copy.planned(plan))["lost"].reason in (Reason.NOT_FAILED, Reason.QUEUED)
    assert plan.preview.included == 0


async def test_another_source_is_refused(copy: Stage, request: pytest.FixtureRequest) -> None:
    with ENGINES["postgres"](request) as other:
        copy.hub.original = OriginalHub(other.target(), copy.hub)
        with pytest.raises(Refused, match="is no copy of"):
            await copy.prepare("lost")


async def test_what_would_not_last_is_refused(copy: Stage) -> None:
    hub: Hub = copy.hub
    with pytest.raises(Refused, match="would bring back"):
        await delete_worker.plan_deletion(hub, "worker-1")
    with pytest.raises(Refused, match="would bring back"):
        await enable_worker.disable(hub, "worker-1", copy.journal)
    with pytest.raises(Refused, match="would bring back"):
        await replay.plan_replay(hub, "lost")


async def test_a_position_that_cannot_be_read_is_of_a_copy_all_the_same() -> None:
    assert freshness_of(None) is None
    unknown = freshness_of('{"of": "another version"}')
    assert unknown is not None
    assert (unknown.identity, unknown.as_of) == ("", None)


async def test_two_clusters_are_told_apart(engine: Engine) -> None:
    source = await open_source(engine.target())
    try:
        with PostgresServer() as server:
            dsn = server.create_database()
            other = await open_source(Target("postgres", SecretStr(dsn)))
            await other.close()
            assert other.identity.split(".")[0] != source.identity.split(".")[0]
            assert len(other.identity.split(".")) == 4
    finally:
        await source.close()


async def test_a_source_that_is_away_skips_what_needs_it(copy: Stage) -> None:
    nowhere = Target("postgres", SecretStr("postgres://127.0.0.1:1/hub"))
    copy.hub.original = OriginalHub(nowhere, copy.hub)
    planned = await copy.planned(await copy.prepare("archived", "lost"))
    assert planned["archived"].decision is Decision.RESUME
    assert planned["lost"].reason is Reason.STALE


async def test_a_batch_goes_on_only_where_the_source_is_known(copy: Stage) -> None:
    know_source(copy)
    plan = await copy.prepare("lost")
    known, copy.hub.original = copy.hub.original, None
    end = await copy.run(plan)
    assert end.ending is Ending.STOPPED
    assert "its source is not known" in (end.sentence or "")
    assert copy.pending() == []
    copy.hub.original = known
    assert (await copy.resume(plan.batch.id)).ending is Ending.DONE
    assert copy.pending() == ["lost"]
