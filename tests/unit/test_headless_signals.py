"""Signals end a command, whenever they come."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from asynqhub_tui import garbage
from asynqhub_tui.headless.signals import run, stopping
from asynqhub_tui.repository import Unavailable

_IN_VAIN = 20.0
"""Seconds after which a command ends that nobody has ended."""


@pytest.fixture(autouse=True)
def _heard() -> Iterator[None]:
    """None of them is ignored, as some are where the tests run in the background."""
    before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    for one in before:
        signal.signal(one, signal.default_int_handler if one == signal.SIGINT else signal.SIG_DFL)
    yield
    for one, handler in before.items():
        signal.signal(one, handler)


@contextlib.contextmanager
def _another_thread_gets(*numbers: signal.Signals) -> Iterator[threading.Event]:
    """Send this process signals that do not wake the thread of the event loop, once it listens.

    For the loop it is the same as one that comes in the moment before it begins to wait. The
    command sets what this yields.
    """
    listens = threading.Event()

    def get() -> None:
        assert listens.wait(_IN_VAIN)
        for number in numbers:
            time.sleep(0.2)
            signal.pthread_kill(threading.get_ident(), number)

    thread = threading.Thread(target=get)
    thread.start()
    yield listens
    thread.join()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_command_that_waits_is_ended(number: signal.Signals) -> None:
    cleared_up: list[bool] = []

    async def command() -> int:
        listens.set()
        try:
            await asyncio.sleep(_IN_VAIN)
        finally:
            await asyncio.sleep(0)
            cleared_up.append(True)
        return 0

    with _another_thread_gets(number) as listens:
        assert run(command()) == 128 + number
    assert cleared_up


def test_the_first_one_asks_to_stop_and_the_second_ends() -> None:
    told: list[str] = []
    seen: list[int] = []

    async def command() -> int:
        listens.set()
        with stopping(told.append, "stopping") as stop:
            await stop.wait()
            seen.append(stop.exit_code)
            await asyncio.sleep(_IN_VAIN)
        return 0

    with _another_thread_gets(signal.SIGTERM, signal.SIGINT) as listens:
        assert run(command()) == 128 + signal.SIGINT
    assert (told, seen) == (["stopping"], [128 + signal.SIGTERM])


def test_one_that_does_not_end_is_broken_off() -> None:
    async def command() -> int:
        listens.set()
        try:
            await asyncio.sleep(_IN_VAIN)
        except asyncio.CancelledError:
            await asyncio.sleep(_IN_VAIN)
        return 0

    with (
        _another_thread_gets(signal.SIGTERM, signal.SIGINT) as listens,
        pytest.raises(KeyboardInterrupt) as broken_off,
    ):
        run(command())
    assert broken_off.value.args == (128 + signal.SIGTERM,)


def test_a_command_that_calls_its_end_an_error_is_ended_all_the_same() -> None:
    async def command() -> int:
        listens.set()
        try:
            await asyncio.sleep(_IN_VAIN)
        except asyncio.CancelledError:
            raise Unavailable("it was cut off") from None
        return 0

    with _another_thread_gets(signal.SIGTERM) as listens:
        assert run(command()) == 128 + signal.SIGTERM


def test_what_cannot_be_written_once_the_terminal_has_gone_is_no_fault() -> None:
    async def command() -> int:
        listens.set()
        with stopping(lambda _: None) as stop:
            await stop.wait()
            raise OSError(errno.EIO, "Input/output error")

    with _another_thread_gets(signal.SIGHUP) as listens:
        assert run(command()) == 128 + signal.SIGHUP


def test_what_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:

        async def command() -> int:
            listens.set()
            await asyncio.sleep(0.5)
            return 7

        with _another_thread_gets(signal.SIGHUP) as listens:
            assert run(command()) == 7
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_afterwards_they_do_what_they_did() -> None:
    async def command() -> int:
        with stopping(lambda _: None):
            return 0

    before = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    assert run(command()) == 0
    after = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    assert after == before


def test_the_collector_which_rests_at_the_start_works_again() -> None:
    async def command() -> int:
        return int(gc.isenabled())

    garbage.rest()
    assert not gc.isenabled()
    assert run(command()) == 1
    gc.unfreeze()
