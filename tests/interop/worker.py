"""asynq itself, in Go: its client, its inspector, and a worker like that of Asynq-Hub's SDK."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from tests.servers import one_process_at_a_time

SOURCES = Path(__file__).parent / "go"

_SECONDS = 60
"""How long it may keep silent before a test fails: it is never waited for in vain otherwise."""

Line = dict[str, Any]


def build(folder: Path) -> Path:
    """Build the program into a folder, unless another process has, and return its path.

    Without Go, or without its modules, the test is skipped; in CI it fails.
    """
    missing = pytest.fail if os.environ.get("CI") else pytest.skip
    go = shutil.which("go")
    if go is None:
        missing("Go is not installed: nothing to build asynq's own worker with")
    program = folder / "interop"
    with one_process_at_a_time("interop"):
        if program.exists():
            return program
        modules = _go(go, "mod", "download")
        if modules.returncode:
            missing(f"asynq's Go modules cannot be had: {modules.stderr.strip()}")
        # Without optimisations: all of asynq is to be compiled where Go's cache is empty.
        flags = ("-buildvcs=false", "-gcflags=all=-N -l")
        built = _go(go, "build", *flags, "-o", str(program), ".")
    assert not built.returncode, built.stderr
    return program


def _go(go: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    # The tests have user folders of their own, where Go would keep a cache that nobody uses again.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    environ |= {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local"}
    return subprocess.run(
        [go, *arguments], cwd=SOURCES, env=environ, capture_output=True, text=True, check=False
    )


class Asynq:
    """asynq's client and inspector for one Redis."""

    def __init__(self, program: Path, uri: str) -> None:
        self._program = program
        self._uri = uri

    async def enqueue(self, *tasks: Mapping[str, Any]) -> list[str]:
        """Enqueue tasks as the hub does (see states.go for their fields); return asynq's ids."""
        lines = await self._run("enqueue", given=json.dumps(tasks))
        return [line["asynq_id"] for line in lines]

    async def pause(self, queue: str) -> None:
        """Pause a queue."""
        await self._run("pause", "-queue", queue)

    async def queue(self, queue: str) -> tuple[Line, dict[str, Line]]:
        """Return what asynq's inspector says of a queue, and of its tasks by asynq's ids."""
        depth, *tasks = await self._run("queue", "-queue", queue)
        return depth, {task["asynq_id"]: task for task in tasks}

    async def servers(self, count: int, executions: int = 0) -> list[Line]:
        """Wait until so many servers say that they work on so many tasks; return the servers."""
        return await self._run("servers", "-count", str(count), "-executions", str(executions))

    def worker(self, *groups: Mapping[str, int], then: str = "succeed") -> Worker:
        """Return a worker for queue groups: each tells full queue names and weights."""
        served = [{"concurrency": 4, "queues": dict(group)} for group in groups]
        return Worker(
            str(self._program), "work", self._uri, "-groups", json.dumps(served), "-then", then
        )

    async def _run(self, *arguments: str, given: str = "") -> list[Line]:
        command, *flags = arguments
        process = await asyncio.create_subprocess_exec(
            self._program,
            command,
            self._uri,
            *flags,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        async with asyncio.timeout(_SECONDS):
            output, errors = await process.communicate(given.encode())
        assert process.returncode == 0, errors.decode()
        return [json.loads(line) for line in output.splitlines()]


class Worker:
    """A running worker; `async with` starts it, and waits until it has stopped.

    It writes a line when it begins an attempt. What it has written to Redis of how the attempt
    ended is sure to be there when it has stopped.
    """

    def __init__(self, *command: str) -> None:
        self._command = command
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Worker:
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            limit=16 * 1024 * 1024,  # a line holds a payload
        )
        assert (await self._line())["event"] == "ready"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            assert await self.stop() == [], "attempts that the test did not expect"
        elif self._running.returncode is None:
            self._running.kill()
        await self._running.wait()

    async def attempts(self, count: int) -> list[Line]:
        """Wait until so many more attempts have begun, and return what is known of them."""
        return [await self._line() for _ in range(count)]

    def release(self) -> None:
        """Let the tasks that wait come to their end."""
        assert self._running.stdin is not None
        self._running.stdin.close()

    async def stop(self) -> list[Line]:
        """Let it end its work and stop; return the attempts not yet asked for."""
        lines: list[Line] = []
        if self._running.returncode is None:
            self.release()
            self._running.terminate()
            while (line := await self._line())["event"] != "stopped":
                lines.append(line)
            await self._running.wait()
        return lines

    @property
    def _running(self) -> asyncio.subprocess.Process:
        assert self._process is not None
        return self._process

    async def _line(self) -> Line:
        assert self._running.stdout is not None
        async with asyncio.timeout(_SECONDS):
            line = await self._running.stdout.readline()
        assert line, "the worker has ended"
        found: Line = json.loads(line)
        return found
