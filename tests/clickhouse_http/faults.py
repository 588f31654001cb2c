"""Faults that a test asks for, each for one answer."""

from __future__ import annotations

import threading
from enum import StrEnum

_OF_CLIENTS = (b"SELECT version(), timezone()", b"FROM system.settings", b"SELECT 1 AS check")
"""What clickhouse-connect asks when it starts."""


class Fault(StrEnum):
    """What happens to an answer."""

    OFF = "off"
    DROP = "drop"
    """The connection ends in the middle of the body."""
    EXCEPTION = "exception"
    """The body goes on with an exception of the engine, though the status was 200."""
    STALL = "stall"
    """The query is run, and not even the headers of its answer come, until `arm` is called."""


class Faults:
    """The fault that the next query meets that has `match` in its text and does not fail itself."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._armed = Fault.OFF
        self._match = b""
        self._released = threading.Event()

    @property
    def armed(self) -> Fault:
        """The fault that is still to come."""
        return self._armed

    def arm(self, fault: Fault, match: bytes) -> None:
        """Set the fault that comes next, in place of the one before, and let stalled answers go."""
        with self._lock:
            self._armed, self._match = fault, match
            self._released.set()
            self._released = threading.Event()

    def take(self, text: bytes) -> tuple[Fault, threading.Event]:
        """Return the fault for a query, and what is set when a stalled answer may go."""
        with self._lock:
            if self._match not in text or any(own in text for own in _OF_CLIENTS):
                return Fault.OFF, self._released
            fault, self._armed = self._armed, Fault.OFF
            return fault, self._released
