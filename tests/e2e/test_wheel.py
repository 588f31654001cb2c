"""The wheel as users get it: built, installed elsewhere, and run from another folder."""

from __future__ import annotations

import email
import os
import re
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from asynqhub_tui import __version__

ROOT = Path(__file__).parents[2]

RUNTIME = {
    "aiosqlite",
    "clickhouse-connect",
    "platformdirs",
    "protobuf",
    "psycopg",
    "psycopg-pool",
    "pydantic",
    "python-dotenv",
    "redis",
    "textual",
}


def run(*command: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str:
    """Run a program, demand success and return its standard output."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of a fresh environment with the wheel.

    The packages that it depends on are those of the environment that runs the tests, so that no
    network is needed.
    """
    home = tmp_path_factory.mktemp("elsewhere")
    venv.create(home, symlinks=True)
    python = home / "bin" / "python"
    run(
        sys.executable, "-m", "pip", "--python", python,
        "install", "--quiet", "--no-index", "--no-deps", wheel,
    )  # fmt: skip
    site = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    Path(site, "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n", "utf-8")
    return home / "bin"


def test_the_wheel_holds_the_styles_and_no_tests(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    sheets = {path.name for path in (ROOT / "styles").glob("*.tcss")}
    assert sheets
    assert {f"asynqhub_tui/styles/{name}" for name in sheets} <= set(names)
    assert "asynqhub_tui/py.typed" in names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"asynqhub_tui"}


def test_the_wheel_holds_every_module(wheel: Path) -> None:
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "asynqhub_tui").rglob("*.py")}
    assert modules <= set(zipfile.ZipFile(wheel).namelist())


def test_the_wheel_asks_for_what_it_imports_and_no_more(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = email.message_from_string(archive.read(name).decode())
    assert metadata["Version"] == __version__
    wanted = [one for one in metadata.get_all("Requires-Dist", []) if "extra ==" not in one]
    assert {re.split(r"[^\w.-]", one)[0] for one in wanted} == RUNTIME


def test_the_program_runs_from_any_folder(installed: Path, tmp_path: Path) -> None:
    program = installed / "asynqhub-tui"
    environ = {"PATH": os.defpath, "HOME": str(tmp_path), "LANG": "C.UTF-8"}
    assert run(program, "--version", cwd=tmp_path, env=environ) == f"asynqhub-tui {__version__}\n"
    frame = run(program, cwd=tmp_path, env=environ)
    assert frame.startswith("asynqhub-tui: demo")
    assert "\nWORKER " in frame


def test_the_stylesheets_are_those_of_the_installed_package(
    installed: Path, tmp_path: Path
) -> None:
    code = (
        "from asynqhub_tui.app import AsynqHubApp\nfor path in AsynqHubApp.CSS_PATH: print(path)\n"
    )
    sheets = run(installed / "python", "-c", code, cwd=tmp_path).split()
    assert sheets
    assert all(Path(sheet).is_file() for sheet in sheets)
    assert all(Path(sheet).is_relative_to(installed.parent) for sheet in sheets)


def test_the_queue_can_be_opened(installed: Path, tmp_path: Path) -> None:
    code = (
        "import asyncio\n"
        "from pydantic import SecretStr\n"
        "from asynqhub_tui import asynq\n"
        "async def main():\n"
        "    async with await asynq.open_queue(SecretStr('127.0.0.1:6379')) as queue:\n"
        "        print(asynq.__file__, queue.place)\n"
        "asyncio.run(main())\n"
    )
    file, place = run(installed / "python", "-c", code, cwd=tmp_path).split()
    assert place == "127.0.0.1:6379/0"
    assert Path(file).is_relative_to(installed.parent)
