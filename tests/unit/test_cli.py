"""The command line as a whole: quick help, what it loads, which settings it passes on."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from asynqhub_tui import __version__, arguments, cli
from asynqhub_tui.backends import BACKENDS
from asynqhub_tui.backends.sqlite import create
from asynqhub_tui.figures import TimeFormat
from asynqhub_tui.models import Window
from asynqhub_tui.repository import HOURS, Order, Unavailable
from asynqhub_tui.settings import THEMES, Settings

HEAVY = (
    *("textual", "rich", "pydantic", "asynqhub_tui.backends"),
    *("psycopg", "aiosqlite", "sqlite3", "clickhouse_connect", "redis", "google.protobuf"),
)


def loaded_after(code: str) -> set[str]:
    """Run code in a fresh interpreter and return which of the heavy modules it has loaded."""
    tell = f"import sys, json; print(json.dumps([m for m in {HEAVY!r} if m in sys.modules]))"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{tell}"], capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("argv", [["--help"], ["--version"], ["tasks", "--help"], ["--nonsense"]])
def test_help_loads_nothing_heavy(argv: list[str]) -> None:
    assert loaded_after(f"from asynqhub_tui import cli; cli.run({argv!r})") == set()


DIALOGS = ("delete_worker", "help", "replay", "resume", "retry")


def test_the_first_screen_waits_for_no_dialog() -> None:
    code = "import sys, asynqhub_tui.app; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "asynqhub_tui.screens.tasks" in loaded
    assert loaded.isdisjoint(f"asynqhub_tui.screens.{name}" for name in DIALOGS)


QUEUE_DRIVERS = {"redis", "google.protobuf"}


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["tasks"],
        ["task", "t"],
        ["workers"],
        ["worker", "w"],
        ["delete-worker", "w", "--yes"],
        ["restore-worker", "no.json"],
        ["doctor"],
        ["journal", "list"],
        ["journal", "show", "x"],
        ["retry", "t", "--yes"],
        ["replay", "t", "--yes"],
    ],
)
def test_a_command_without_redis_loads_no_screen_and_no_other_driver(
    tmp_path: Path, argv: list[str]
) -> None:
    create(tmp_path / "hub.db")
    whole = [*argv, "--dsn", str(tmp_path / "hub.db")]
    loaded = loaded_after(f"from asynqhub_tui import cli; cli.run({whole!r})")
    assert "asynqhub_tui.backends" in loaded
    assert not loaded & ({"textual", "psycopg", "clickhouse_connect"} | QUEUE_DRIVERS)


PAINT = """
import asyncio
from asynqhub_tui import settings
from asynqhub_tui.app import AsynqHubApp

async def paint():
    app = AsynqHubApp(settings.load({options!r}, {{}}, folder))
    async with app.run_test() as pilot:
        await pilot.pause()
        assert app.screen.is_mounted

from pathlib import Path
folder = Path({folder!r})
asyncio.run(paint())
"""


@pytest.mark.parametrize("dsn", ["hub.db", None])
def test_the_dashboard_without_redis_loads_no_driver_of_the_queue(
    tmp_path: Path, dsn: str | None
) -> None:
    create(tmp_path / "hub.db")
    options = {"dsn": str(tmp_path / dsn)} if dsn else {}
    loaded = loaded_after(PAINT.format(options=options, folder=str(tmp_path)))
    assert "textual" in loaded
    assert not loaded & ({"psycopg", "clickhouse_connect"} | QUEUE_DRIVERS)


PAINT_FIRST = """
import asyncio, gc, sys
from asynqhub_tui import garbage
garbage.rest()
from pydantic import SecretStr
from asynqhub_tui.app import AsynqHubApp
from asynqhub_tui.repository import Unavailable
from asynqhub_tui.settings import Settings

async def opener(target):
    strips = app.screen._compositor.render_strips()
    assert any("connecting" in strip.text for strip in strips), "nothing is painted yet"
    drivers = {{"psycopg", "psycopg_pool", "clickhouse_connect", "chdb", "aiosqlite", "redis"}}
    assert not drivers & sys.modules.keys(), "a driver is loaded before it is needed"
    assert gc.isenabled() and gc.get_freeze_count(), "the collector rests on"
    raise Unavailable("it was asked")

async def paint():
    async with app.run_test() as pilot:
        while app.failure is None and app.defect is None:
            await pilot.pause()

app = AsynqHubApp(Settings(backend={backend!r}, dsn=SecretStr("x")), opener=opener)
asyncio.run(paint())
assert app.defect is None, app.defect
assert app.failure.what == "it was asked"
"""


@pytest.mark.parametrize("backend", ["postgres", "clickhouse", "sqlite", "demo"])
def test_the_first_screen_is_painted_before_a_driver_is_loaded_or_a_connection_opened(
    backend: str,
) -> None:
    assert "textual" in loaded_after(PAINT_FIRST.format(backend=backend))


def test_the_queue_loads_its_driver_when_it_is_opened() -> None:
    loaded = loaded_after("import asynqhub_tui.asynq, asynqhub_tui.queue")
    assert not loaded & ({"textual"} | QUEUE_DRIVERS)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--version"]) == 0
    assert capsys.readouterr().out == f"asynqhub-tui {__version__}\n"


def test_help_names_all_that_can_be_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--help"]) == 0
    text = capsys.readouterr().out
    for word in (*BACKENDS, *THEMES, *TimeFormat, *arguments.SETTINGS):
        assert word.replace("_", "-") in text
    for command in ("retry", "replay", "journal", "delete-worker", "restore-worker", "doctor"):
        assert f"\n    {command} " in text
    for code in (cli.OK, cli.NOT_FOUND, cli.USAGE, cli.UNAVAILABLE, cli.REFUSED, cli.SCHEMA):
        assert re.search(rf"[:,]\s{code} ", text)
    for command in ("tasks", "workers", "worker"):
        assert cli.run([command, "--help"]) == 0
        text = capsys.readouterr().out
        assert "--json" in text
        for choice in Order if command == "tasks" else Window:
            assert choice in text
    assert str(HOURS[1]) in text


class Terminal(io.StringIO):
    """A standard stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def run_at_terminal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., int]:
    """Run the command line in an empty folder, as at a terminal."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("POSTGRES_DSN", raising=False)
    monkeypatch.chdir(tmp_path)

    def run(*argv: str) -> int:
        with monkeypatch.context() as patch:  # pytest puts its own streams in place for each test
            patch.setattr(sys, "stdin", Terminal())
            patch.setattr(sys, "stdout", Terminal())
            patch.setattr(sys.stderr, "isatty", lambda: True)
            return cli.run(argv)

    return run


def test_at_a_terminal_the_dashboard_opens_with_the_settings(
    monkeypatch: pytest.MonkeyPatch, run_at_terminal: Callable[..., int]
) -> None:
    from asynqhub_tui.app import AsynqHubApp

    seen: list[tuple[Settings, bool]] = []

    def run(app: AsynqHubApp, *, mouse: bool) -> None:
        seen.append((app.settings, mouse))

    monkeypatch.setattr(AsynqHubApp, "run", run)
    monkeypatch.setenv("SSH_TTY", "/dev/pts/7")
    assert run_at_terminal("--read-only", "--interval", "5", "--theme", "light") == 0
    assert run_at_terminal("--mouse") == 0
    (first, mouse), (_, forced) = seen
    assert (first.read_only, first.interval, first.theme) == (True, 5.0, "light")
    assert (mouse, forced) == (False, True)


def test_a_dashboard_that_cannot_connect_ends_with_the_code_for_it(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    run_at_terminal: Callable[..., int],
) -> None:
    from asynqhub_tui.app import AsynqHubApp

    def run(app: AsynqHubApp, *, mouse: bool) -> None:
        app.failure = Unavailable("Nothing answers at db:5432.", hint="Check the address.")

    monkeypatch.setattr(AsynqHubApp, "run", run)
    assert run_at_terminal() == cli.UNAVAILABLE
    assert capsys.readouterr().err == (
        "asynqhub-tui: Nothing answers at db:5432.\nasynqhub-tui: Check the address.\n"
    )


def test_unknown_ids_of_keys_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], run_at_terminal: Callable[..., int]
) -> None:
    (tmp_path / "keys.toml").write_text('[keys]\n"tasks.rety" = "x"\n', "utf-8")
    assert run_at_terminal("--config", "keys.toml") == cli.USAGE
    assert "tasks.rety" in capsys.readouterr().err
