"""`python -m asynqhub_tui`, and the command `asynqhub-tui`."""

from __future__ import annotations

import sys

from asynqhub_tui import garbage


def main() -> None:
    """Run the command line and exit with its code."""
    garbage.rest()
    from asynqhub_tui.cli import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
