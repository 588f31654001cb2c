"""`python -m tests.benchmarks`: measure, and print tables. Nothing here passes or fails."""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime

from tests.benchmarks import (
    bytes_sent,
    clickhouse_rows,
    copying,
    latency,
    postgres_buffers,
    remembering,
    retrying,
    starting,
)
from tests.benchmarks.parts import tables
from tests.benchmarks.report import machine

_PARTS = (
    postgres_buffers,
    clickhouse_rows,
    copying,
    bytes_sent,
    latency,
    starting,
    remembering,
    retrying,
)


def main() -> None:
    """Run every part, or one, and print its tables to standard output; progress goes to standard
    error.
    """
    parts = {part.__name__.rpartition(".")[2]: part for part in _PARTS}
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--size", choices=("small", "large"), default="small")
    parser.add_argument("--part", choices=parts, help="this part alone")
    arguments = parser.parse_args()
    size: str = arguments.size
    chosen = [arguments.part] if arguments.part else [*parts]
    print(f"# make bench SIZE={size}{f' PART={arguments.part}' if arguments.part else ''}")
    print(f"\n{machine()}; {datetime.now(UTC):%Y-%m-%d %H:%M} UTC")
    # Each in a process of its own: what one part has left in memory is not the next one's.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context, max_tasks_per_child=1) as pool:
        for name in chosen:
            began = time.monotonic()
            for table in pool.submit(tables, parts[name].__name__, size).result():
                print(f"\n{table.text()}", flush=True)
            print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
