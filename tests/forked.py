"""Programs that begin where a process stands that has imported all that they need.

A start takes some 10 ms instead of 600, of which the suite has hundreds. `start` and `run` do what
`python -m` does, but for what Python itself does at its start: that the installed command starts,
and how, is tested with the command.

    python -m tests.forked     the process that is forked; its standard input is the socket on which
                               it is asked
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import functools
import importlib
import json
import locale
import os
import pkgutil
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

import asynqhub_tui
from asynqhub_tui import terminal

_PRELOADED = ("psycopg_pool", "redis.asyncio", "redis.asyncio.sentinel", "aiosqlite")
_LONGEST = 1 << 17
"""Bytes of a request: arguments and environment."""

_STREAMS = (
    (0, "r", "surrogateescape"),
    (1, "w", "surrogateescape"),
    (2, "w", "backslashreplace"),
)
"""As Python opens them where the locale is C or C.UTF-8."""

_ROOT = Path(__file__).parent.parent


class Process:
    """A program that was begun: as much of `subprocess.Popen` as tests need."""

    def __init__(self, pid: int, argv: Sequence[str], told: socket.socket) -> None:
        self.pid = pid
        self.argv = argv
        self.returncode: int | None = None
        self._told = told

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal; None while it runs."""
        with contextlib.suppress(TimeoutError, BlockingIOError):
            self._listen(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended, and return the exit code.

        Raises subprocess.TimeoutExpired after `timeout` seconds.
        """
        try:
            self._listen(timeout)
        except TimeoutError:
            raise subprocess.TimeoutExpired(list(self.argv), timeout or 0.0) from None
        assert self.returncode is not None
        return self.returncode

    def _listen(self, seconds: float | None) -> None:
        if self.returncode is None:
            self._told.settimeout(seconds)
            self.returncode = os.waitstatus_to_exitcode(_told(self._told, b"ended"))
            self._told.close()


def start(
    module: str,
    *arguments: str,
    folder: Path,
    environ: Mapping[str, str],
    streams: tuple[int, int, int],
    in_terminal: bool = False,
) -> Process:
    """Begin `python -m module arguments` in a folder, with these three open files as its streams.

    `environ` is its whole environment. `in_terminal` makes its standard input, a terminal, the one
    that controls it, as that of a new session.
    """
    argv = [module, *arguments]
    asked = {"argv": argv, "folder": str(folder), "environ": dict(environ)}
    request = json.dumps(asked | {"in_terminal": in_terminal}).encode()
    assert len(request) < _LONGEST
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        socket.send_fds(_forking(), [request], [*streams, theirs.fileno()])
    try:
        return Process(_told(ours, b"begun"), argv, ours)
    except BaseException:
        ours.close()
        raise


def _told(by: socket.socket, what: bytes) -> int:
    word, _, number = by.recv(_LONGEST).partition(b" ")
    assert word == what, f"told {word!r}, not {what!r}"
    return int(number)


def run(
    module: str,
    *arguments: str,
    folder: Path,
    environ: Mapping[str, str],
    given: str = "",
    timeout: float = 60.0,
) -> subprocess.CompletedProcess[str]:
    """Run `python -m module arguments` in a folder, to its end; `given` is its standard input.

    `environ` is its whole environment. After `timeout` seconds it is killed, and TimeoutExpired
    raised.
    """
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(3)]
        files[0].write(given.encode("utf-8", "surrogatepass"))
        files[0].seek(0)
        ends = (files[0].fileno(), files[1].fileno(), files[2].fileno())
        process = start(module, *arguments, folder=folder, environ=environ, streams=ends)
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):  # it has just ended
                os.kill(process.pid, signal.SIGKILL)
            process.wait()
            raise
        written = []
        for file in files[1:]:
            file.seek(0)
            written.append(file.read().decode())
    return subprocess.CompletedProcess(process.argv, code, *written)


@functools.cache
def _forking() -> socket.socket:
    """Start the process that is forked, once in a process of tests; it ends with it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        command = [sys.executable, "-m", __name__]
        process = subprocess.Popen(command, cwd=_ROOT, stdin=theirs.fileno())

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def take_terminal() -> None:
    """Make the terminal at standard input the one that controls this process.

    Without it there are neither SIGHUP nor job control.
    """
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    # Where the tests run in the background these are ignored, and stay so in a child.
    for one in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(one, signal.SIG_DFL)


def _serve(asked: socket.socket) -> None:
    terminal.prepare(os.environ)
    found = pkgutil.walk_packages(asynqhub_tui.__path__, f"{asynqhub_tui.__name__}.")
    own = [module.name for module in found if not module.name.endswith("__main__")]
    for name in (*own, *_PRELOADED):
        importlib.import_module(name)
    wake, woken = socket.socketpair()
    wake.setblocking(False)
    woken.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(woken.fileno())
    running: dict[int, socket.socket] = {}
    while True:
        readable, _, _ = select.select([asked, wake], [], [])
        if wake in readable:
            wake.recv(4096)
            _bury(running)
        if asked in readable:
            request, ends, _, _ = socket.recv_fds(asked, _LONGEST, 4)
            if not request:
                return
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                _become(ends, **json.loads(request))
            for end in ends[:3]:
                os.close(end)
            running[pid] = socket.socket(fileno=ends[3])


def _bury(running: dict[int, socket.socket]) -> None:
    for pid in list(running):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            with running.pop(pid) as told, contextlib.suppress(ConnectionError):
                told.sendall(b"ended %d" % status)


def _become(
    ends: list[int], argv: list[str], folder: str, environ: dict[str, str], in_terminal: bool
) -> NoReturn:
    code = 1
    try:
        for number, end in enumerate(ends[:3]):
            os.dup2(end, number)
        if in_terminal:
            os.setsid()
            take_terminal()
            signal.signal(signal.SIGINT, signal.default_int_handler)  # as Python does at its start
        os.write(ends[3], b"begun %d" % os.getpid())
        os.closerange(3, max(ends) + 64)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environ)
        time.tzset()
        locale.setlocale(locale.LC_CTYPE, "C.UTF-8")  # what Python makes of "C"
        # They stay open until the process ends.
        sys.stdin, sys.stdout, sys.stderr = (
            open(number, mode, encoding="utf-8", errors=errors)  # noqa: SIM115
            for number, mode, errors in _STREAMS
        )
        sys.argv = argv
        runpy.run_module(argv[0], run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as done:
        code = done.code if isinstance(done.code, int) else int(done.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        threading._shutdown()  # type: ignore[attr-defined]  # as Python does when it ends
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve(socket.socket(fileno=0))
