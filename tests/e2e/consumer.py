"""A worker and the hub behind it: asynq in Go runs the tasks, and what it reports becomes rows."""

from __future__ import annotations

import json
import subprocess
import threading
from pathlib import Path
from types import TracebackType

from tests.e2e.hub import Hub


class Consumer:
    """Serves one queue for as long as the block lasts; `then` is what becomes of every task.

    It is `skip`, a failure for good, or `succeed`. Of every attempt that asynq begins, the two rows
    are written and the task's row is changed, as the hub does when a worker reports.
    """

    def __init__(self, program: Path, uri: str, queue: str, hub: Hub, then: str) -> None:
        groups = json.dumps([{"concurrency": 4, "queues": {queue: 1}}])
        self._command = [str(program), "work", uri, "-groups", groups, "-then", then]
        self._hub = hub
        self._ends = ("success", None) if then == "succeed" else ("fail", f"{then}: disk full")
        self._reports = threading.Thread(target=self._report)
        self._process: subprocess.Popen[str]

    def __enter__(self) -> Consumer:
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._reports.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let it end its work and stop: what it has run is reported by then."""
        with self._process:
            self._process.terminate()
            self._reports.join()

    def _report(self) -> None:
        assert self._process.stdout is not None
        status, error = self._ends
        for text in self._process.stdout:
            line = json.loads(text)
            if line["event"] == "attempt":
                attempt = line["retried"] + 1
                self._hub.begin(line["task_id"], attempt)
                self._hub.report(line["task_id"], status, attempt, error=error)
