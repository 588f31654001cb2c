"""What asynq knows, from a real Redis; and what is said where it does not answer."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from asynqhub_tui.models import PENDING
from asynqhub_tui.queue import ACTIVE, ARCHIVED, RETRY
from tests.contract.builders import make_attempt, make_task, make_worker
from tests.queue.test_servers import beat
from tests.screens.retrying import CRAWL, Retrying
from tests.screens.sample import NOW, Rows, before, fleet, sample
from tests.screens.stage import Stage
from tests.servers import free_port
from tests.valkey import ValkeyServer

SIZES = [(80, 24), (120, 40), (200, 60)]
PANIC = "panic error cause by: panic [crawl.go:12]: nil map"
HOUR = 3600


def unreported(retrying: Retrying, state: str, **fields: object) -> str:
    """Let a task panic: only the row of its attempt's beginning tells of it."""
    task = make_task(
        "silent", at=before(hours=2), worker_name="worker-1", queue=CRAWL, status=PENDING
    )
    retrying.stage.load(
        Rows(tasks=[task], attempts=[make_attempt("silent", 1, at=before(hours=2))])
    )
    retrying.queues.put("silent", state, queue=CRAWL, asynq_id="asynq-silent", **fields)  # type: ignore[arg-type]
    return task.task_id


@pytest.mark.parametrize("size", SIZES)
async def test_a_list_tells_what_is_retried_from_what_is_given_up(
    retrying: Retrying, size: tuple[int, int]
) -> None:
    retrying.failed(state=RETRY, last_attempt=1)
    retrying.failed(state=ARCHIVED)
    retrying.failed(state=None, last_attempt=1)
    async with retrying.open(size) as desk:
        await desk.see("↻ retrying", "✗ exhausted", "↻ retries left")
        assert desk.line("next in 45s  dial")


async def test_without_a_redis_the_rows_tell(retrying: Retrying) -> None:
    retrying.failed(state=RETRY, last_attempt=1)
    retrying.failed(state=ARCHIVED)
    async with retrying.stage.open() as desk:
        assert desk.line("↻ retries left")
        assert desk.line("✗ exhausted")
        await desk.press("enter")
        assert "asynq unknown: the address of the hub's Redis is not known" in desk.text


@pytest.mark.parametrize("size", SIZES)
async def test_a_task_that_is_archived(retrying: Retrying, size: tuple[int, int]) -> None:
    retrying.failed(state=ARCHIVED, next_in=-3 * HOUR)
    async with retrying.open(size) as desk:
        await desk.press("enter")
        line = desk.line("asynq archived")
        assert "archived 3h ago" in line
        assert "r runs it now" in line
        assert desk.line("✗ exhausted")


async def test_a_task_that_asynq_retries_by_itself(retrying: Retrying) -> None:
    retrying.failed(state=RETRY, last_attempt=1)
    async with retrying.open() as desk:
        await desk.press("enter")
        assert "retry, next in 45s, retried 0 of 3" in desk.line("asynq retry")
        assert desk.line("↻ retrying")
        retrying.queues.move(f"asynq-{desk.task.task_id}", RETRY, PENDING, queue=CRAWL)
        await desk.pass_time(6)
        assert desk.line("asynq pending")
        assert desk.line("○ pending")


async def test_a_task_that_asynq_no_longer_has(retrying: Retrying) -> None:
    retrying.failed(state=None)
    async with retrying.open() as desk:
        await desk.press("enter")
        assert desk.line("asynq has no copy of it")


async def test_a_task_that_never_reported_shows_what_asynq_says(retrying: Retrying) -> None:
    unreported(retrying, ARCHIVED, score=before(hours=1).timestamp(), error_msg=PANIC)
    async with retrying.open() as desk:
        await desk.see("✗ exhausted")
        assert PANIC[:20] in desk.line("✗ exhausted")
        await desk.press("enter")
        assert desk.line("ERROR, as asynq has it")
        assert desk.line(PANIC)


async def test_a_task_whose_worker_is_gone(retrying: Retrying) -> None:
    unreported(retrying, ACTIVE, score=before(minutes=2).timestamp())
    async with retrying.open() as desk:
        await desk.press("enter")
        assert desk.line("its lease ran out 2m ago: its worker is gone")
        assert desk.line("! overdue")


async def test_another_task_shows_nothing_of_the_one_before(retrying: Retrying) -> None:
    retrying.failed(state=ARCHIVED)
    retrying.failed(state=None)
    async with retrying.open() as desk:
        await desk.press("enter")
        assert desk.line("asynq archived")
        await desk.press("1", "j", "enter")
        assert desk.line("asynq has no copy of it")


async def test_a_worker_is_alive_by_its_servers(retrying: Retrying) -> None:
    queues = ("web_crawl", "image_crawl")
    beat(
        retrying.queues,
        left=HOUR,
        queues={
            f"worker-1:{group}:{priority}": 1
            for group in queues
            for priority in ("critical", "default", "low")
        },
    )
    retrying.stage.change(
        "UPDATE worker SET last_heartbeat_at = NULL, redis_addr = '10.0.0.5:6379/0'"
    )
    async with retrying.open() as desk:
        await desk.press("3", "G")
        assert "1 server" in desk.line("● worker-1")
        assert desk.line("servers 1 on web-1   idle")
        assert f"≠ 127.0.0.1:{retrying.uri.rpartition(':')[2]}" in desk.text


async def test_who_deletes_a_worker_is_told_that_it_lives(retrying: Retrying) -> None:
    host = "web-1\x1b[31m[b]"
    beat(retrying.queues, left=HOUR, host=host, queues={"new-worker:fresh:default": 1})
    async with retrying.open() as desk:
        names = [worker.worker_name for worker in fleet()]
        for name, said in (
            ("new-worker", "It is alive: 1 asynq server takes from its queues, on web-1␛[31m[b]."),
            (
                "mail-worker",
                "Its Redis is redis://:***@10.0.0.9:6379/0: whether servers of it live",
            ),
        ):
            await desk.press("3", "g", *"j" * names.index(name), "D")
            await desk.see(f"Delete worker {name}")
            await desk.see(said)
            await desk.press("escape")


async def test_a_worker_of_which_a_part_lives(retrying: Retrying) -> None:
    beat(retrying.queues, left=HOUR, queues={"worker-1:web_crawl:default": 1})
    async with retrying.open((200, 60)) as desk:
        await desk.press("3", "G")
        assert "partly live" in desk.line("◐ worker-1")
        assert "image_crawl" in desk.line("▲ none takes from web_crawl:critical, web_crawl:low,")


async def test_a_worker_without_a_server_is_missing_in_spite_of_a_heartbeat(
    retrying: Retrying,
) -> None:
    worker = make_worker("lone-worker", ("mail",), last_heartbeat_at=before(seconds=5))
    waits = make_task(
        "m", at=before(hours=1), worker_name="lone-worker", queue="lone-worker:mail:default"
    )
    retrying.stage.load(Rows([worker], [waits]))
    async with retrying.open() as desk:
        await desk.press("3")
        assert desk.line("▲ lone-worker")


async def test_a_worker_of_another_redis_is_judged_by_the_store(retrying: Retrying) -> None:
    retrying.stage.change("UPDATE worker SET redis_addr = '10.0.0.5:6379/0'")
    async with retrying.open() as desk:
        await desk.press("3", "G")
        assert "alive" in desk.line("● worker-1")
        assert "unknown: its Redis is 10.0.0.5:6379/0, another than" in desk.line("  servers ")


async def test_a_redis_that_is_away_disturbs_nothing_else(stage: Stage) -> None:
    stage.load(sample())
    address = SecretStr(f"127.0.0.1:{free_port()}")
    async with stage.open(redis=address) as desk:
        assert desk.line("✗ exhausted")
        assert desk.banner == ""
        await desk.press("enter")
        assert desk.line("asynq unknown: ")
        assert desk.banner == ""
        await desk.press("3")
        assert desk.line("servers unknown: ")
        assert "alive" in desk.line("● worker-1")
        assert desk.banner == ""
        assert "live 2s" in desk.text


async def test_it_is_known_again_once_redis_answers(stage: Stage) -> None:
    with ValkeyServer() as server:
        retrying = Retrying(stage, server.uri(), server.client())
        retrying.failed(state=RETRY, last_attempt=1)
        async with retrying.open() as desk:
            await desk.press("enter")
            assert desk.line("asynq retry")
            server.stop()
            await desk.press("ctrl+r")
            assert desk.line("asynq unknown: ")
            assert desk.line("↻ retries left")
            server.start()
            retrying.queues.put(
                str(desk.task.task_id), ARCHIVED, queue=CRAWL, score=NOW.timestamp()
            )
            await desk.pass_time(40)
            assert desk.line("asynq archived")
            assert desk.line("✗ exhausted")
