"""Which live servers take from a worker's queues, and which queues nobody takes from."""

from __future__ import annotations

from asynqhub_tui.consumers import Consumers, consumers
from asynqhub_tui.models import QueueGroup, WorkerConfig
from asynqhub_tui.queue import Server

WORKER = WorkerConfig(
    worker_name="crawler",
    queue_groups=(
        QueueGroup(name="web", priorities={"default": 2, "low": 1, "none": 0}),
        QueueGroup(name="image", priorities={"default": 2}),
    ),
)


def server(name: str, *queues: str) -> Server:
    return Server(host=name, pid=1, server_id=name, queues=dict.fromkeys(queues, 1))


WEB = server("a", "crawler:web:default", "crawler:web:low")
IMAGE = server("b", "crawler:image:default")
OTHER = server("c", "crawler-2:web:default", "mail:out:low")


def test_the_servers_of_a_worker_take_from_its_queues() -> None:
    assert consumers(WORKER, [WEB, IMAGE, OTHER]) == Consumers((WEB, IMAGE))


def test_queues_without_a_server_are_named_and_those_without_weight_are_none() -> None:
    assert consumers(WORKER, [IMAGE]) == Consumers(
        (IMAGE,), ("crawler:web:default", "crawler:web:low")
    )
    assert len(consumers(WORKER, [OTHER]).untaken) == 3
    assert consumers(WORKER, []).servers == ()


def test_a_queue_that_its_row_does_not_name_counts_all_the_same() -> None:
    new = server("d", "crawler:new:default")
    assert consumers(WORKER, [new]).servers == (new,)
