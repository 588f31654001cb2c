"""A dashboard for each test, with time standing still."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from datetime import datetime, tzinfo
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from asynqhub_tui.backends import sqlite
from asynqhub_tui.polling import Poller
from asynqhub_tui.screens import base
from asynqhub_tui.widgets import reading
from tests.screens.retrying import Retrying
from tests.screens.sheets import parsed_once
from tests.screens.stage import Clock, Stage
from tests.valkey import ValkeyServer


@pytest.fixture(scope="session", autouse=True)
def sheets() -> Iterator[None]:
    """All dashboards have the same styles."""
    with parsed_once():
        yield


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time of view, store, journal and pollers."""
    clock = Clock()

    class Now(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return clock.now().astimezone(tz)

    modules = [f"{sqlite.__name__}.{one.name}" for one in pkgutil.iter_modules(sqlite.__path__)]
    for name in (*modules, "asynqhub_tui.actions.journal"):
        module = importlib.import_module(name)
        if hasattr(module, "datetime"):
            monkeypatch.setattr(module, "datetime", Now)
    monkeypatch.setattr(base, "time", SimpleNamespace(monotonic=clock.seconds))
    monkeypatch.setattr(base, "Poller", partial(Poller, clock=clock.seconds))
    monkeypatch.setattr(reading, "GLANCE", 0.0)  # who presses keys here has waited for the question
    return clock


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Stage:
    """A file without rows; journal and restore files lie in the folder `state` beside it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ASYNQHUB_TUI_STATE", "state")
    return Stage(tmp_path, clock)


@pytest.fixture
def retrying(stage: Stage, valkey_server: ValkeyServer) -> Iterator[Retrying]:
    """The same with the fleet's rows, and an empty Redis as its queue."""
    uri = valkey_server.fresh()
    with valkey_server.client_of(uri) as redis:
        yield Retrying(stage, uri, redis)
