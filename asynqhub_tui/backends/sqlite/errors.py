"""What SQLite's errors mean to a caller of the contract."""

from __future__ import annotations

import sqlite3

from asynqhub_tui.repository import HubError, Refused, SchemaMismatch, Unavailable

DRIVER_ERRORS = (sqlite3.Error, OverflowError, UnicodeEncodeError)
"""What the driver raises, the last two for values that SQLite cannot hold."""


def translate(error: Exception, place: str) -> HubError:
    """Return what `error`, one of DRIVER_ERRORS, means for the file `place`."""
    if isinstance(error, OverflowError):
        return Refused("A number is too large for SQLite, which holds 64 bits.")
    if isinstance(error, UnicodeEncodeError):
        return Refused("A text holds half a character (a lone surrogate), which is no UTF-8.")
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    match code:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return Unavailable(
                f"Another program holds the SQLite file {place} locked.",
                hint="It is tried again; if it lasts, close that program.",
            )
        case sqlite3.SQLITE_NOTADB:
            return SchemaMismatch(f"{place} is not a SQLite file.", hint="Check the path.")
        case sqlite3.SQLITE_CORRUPT:
            return SchemaMismatch(
                f"The SQLite file {place} is damaged.", hint="Restore it from a copy."
            )
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
            return Refused(
                f"The SQLite file {place} cannot be written.",
                hint="Check the permissions of the file and its folder.",
            )
        case sqlite3.SQLITE_CANTOPEN:
            return Refused(
                f"The SQLite file {place} cannot be opened.",
                hint="Check the permissions of the file and its folder.",
            )
        case sqlite3.SQLITE_CONSTRAINT:
            return Refused(f"The SQLite file {place} refuses the row ({error}).")
        case sqlite3.SQLITE_ERROR if "no such" in str(error):
            return SchemaMismatch(
                f"The SQLite file {place} is not Asynq-Hub's ({error}).", hint="Check the path."
            )
    return Unavailable(f"The SQLite file {place} cannot be read or written ({error}).")


def closed(place: str) -> Unavailable:
    """Return the error for a call on an installation that has been closed."""
    return Unavailable(f"The SQLite file {place} has been closed.", hint="Open it again.")
