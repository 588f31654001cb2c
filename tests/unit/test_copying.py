"""What is copied of a task, a list or a worker can be used as it is."""

from __future__ import annotations

import json
import shlex
from datetime import UTC, datetime, timedelta

import pytest

from asynqhub_tui import query
from asynqhub_tui.copying import command, list_command, markdown, worker_json
from asynqhub_tui.models import WorkerConfig
from asynqhub_tui.repository import TaskFilter
from tests.contract.builders import make_attempt, make_task, make_worker

NOW = datetime(2026, 11, 23, 14, 2, 11, tzinfo=UTC)


@pytest.mark.parametrize(
    "filter",
    [
        TaskFilter(),
        TaskFilter(worker_name="worker-1", statuses=("fail", "dead")),
        TaskFilter(queue="worker-1:web:default", since=NOW, task_id="5a69"),
        TaskFilter(worker_name="with blank", task_id="a:b"),
        TaskFilter(worker_name="$(rm -rf ~); 'x"),
    ],
)
def test_the_command_line_of_a_list_asks_the_same(filter: TaskFilter) -> None:
    words = shlex.split(list_command("sqlite", filter))
    assert words[:4] == ["asynqhub-tui", "--backend", "sqlite", "tasks"]
    assert query.parse(" ".join(words[4:]), NOW) == filter


def test_a_hostile_id_stays_one_word_of_the_shell() -> None:
    line = command("postgres", "task", "x; rm -rf ~ `id` $(id)")
    assert shlex.split(line)[-1] == "x; rm -rf ~ `id` $(id)"


def test_a_note_tells_what_one_hands_over() -> None:
    attempt = make_attempt("t1", 3, "fail", at=NOW, error="it broke\n``` not the end")
    task = make_task("t1", at=NOW, last_attempt=2, newest_attempt=attempt, failed_attempt=attempt)
    note = markdown(task, "overdue")
    assert note.startswith("**overdue** task `t1`\n")
    assert "- attempt 3" in note
    assert "created 2026-11-23 14:02:11Z" in note
    assert note.count("```") == 2
    assert "it broke" in note
    assert "error of" not in note


def test_a_note_says_of_which_attempt_an_old_error_is() -> None:
    failed = make_attempt("t1", 2, "fail", at=NOW, error="it broke")
    rerun = make_attempt("t1", 2, at=NOW + timedelta(minutes=1))
    task = make_task("t1", newest_attempt=rerun, failed_attempt=failed)
    assert "- error of attempt 2, started 2026-11-23 14:02:11Z\n\n```\nit broke" in markdown(
        task, "running"
    )


def test_a_task_without_an_error_has_no_empty_block() -> None:
    assert "```" not in markdown(make_task("t1"), "pending")


def test_a_worker_as_json_is_its_configuration() -> None:
    worker = make_worker("任务-1", ("web",), default_timeout=7, last_heartbeat_at=NOW)
    text = worker_json(worker)
    assert "任务-1" in text
    assert WorkerConfig.model_validate(json.loads(text)) == worker
