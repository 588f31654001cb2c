"""The same answers without a screen: plain columns for people, JSON for programs.

Each command is a coroutine that asks an open hub, writes to standard output and returns its exit
code. Notes and questions go to standard error, so that standard output holds the answer alone.
"""

from __future__ import annotations


class UsageError(Exception):
    """A command line that cannot be carried out as it stands; the message says why."""
