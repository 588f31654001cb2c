"""What the driver raises, as the four errors of the contract."""

from __future__ import annotations

import re

import psycopg
from psycopg import errors as pg

from asynqhub_tui.dsn import mask
from asynqhub_tui.repository import HubError, Refused, SchemaMismatch, Unavailable

_RETRYING = "Try again in a moment."

_AT_CONNECT: tuple[tuple[str, type[HubError], str, str], ...] = (
    (
        r"password authentication failed|no password supplied|fe_sendauth",
        Refused,
        "{place} does not accept the password",
        "Check user and password in the DSN or in .pgpass.",
    ),
    (
        r'role "[^"]*" does not exist|role "[^"]*" is not permitted',
        Refused,
        "{place} does not let this user in",
        "Check the user in the DSN.",
    ),
    (
        r'database "[^"]*" does not exist',
        Refused,
        "{place} does not exist: the server has no such database",
        "Check the database's name at the end of the DSN.",
    ),
    (
        r"pg_hba\.conf",
        Refused,
        "{place} does not let this user in from here",
        "Ask the server's administrator for an entry in pg_hba.conf.",
    ),
    (
        r"permission denied for database",
        Refused,
        "{place} does not let this user in",
        "Ask for GRANT CONNECT on the database.",
    ),
    (
        r"failed to resolve host|could not translate host name|Name or service not known",
        Unavailable,
        "The host of {place} is unknown",
        "Check the host in the DSN, and the network.",
    ),
    (
        r"Connection refused|No such file or directory",
        Unavailable,
        "Nothing listens at {place}",
        "Check host and port in the DSN, and that PostgreSQL runs.",
    ),
    (
        r"too many clients|too many connections|remaining connection slots|connection limit",
        Unavailable,
        "{place} has no free connection",
        _RETRYING,
    ),
    (
        r"starting up|shutting down|not yet accepting connections|recovery mode",
        Unavailable,
        "{place} is starting up or shutting down",
        _RETRYING,
    ),
    (
        r"timeout expired|timed out",
        Unavailable,
        "{place} did not answer in time",
        "Check host and port in the DSN, and the network.",
    ),
)

_PREFIX = re.compile(r"^(connection failed: )?(connection to server .*? failed: )?(FATAL: +)?")


def connect_error(error: psycopg.Error, place: str) -> HubError:
    """Say why no connection to `place` came about."""
    text = str(error)
    for pattern, kind, what, hint in _AT_CONNECT:
        if re.search(pattern, text, re.IGNORECASE):
            return kind(what.format(place=place) + ".", hint=hint)
    return Unavailable(f"{place} cannot be reached: {_first_line(text)}.", hint=_RETRYING)


def is_lost(error: psycopg.Error) -> bool:
    """Whether the connection is gone, so that the statement may succeed on another one."""
    if isinstance(error, (pg.QueryCanceled, pg.LockNotAvailable)):
        return False
    if error.sqlstate is None:
        return isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError))
    return error.sqlstate.startswith(("08", "57P"))


def statement_error(error: psycopg.Error, place: str) -> HubError:
    """Say why a statement failed at `place`."""
    if is_lost(error):
        return Unavailable(f"The connection to {place} was lost.", hint=_RETRYING)
    said = _first_line(error.diag.message_primary or str(error))
    if error.diag.message_detail and isinstance(error, psycopg.DataError):
        said += f" ({_first_line(error.diag.message_detail)})"
    match error:
        case pg.QueryCanceled():
            return Unavailable(
                f"{place} did not finish a query in the time it was given.",
                hint="A narrower filter or a shorter window asks less of it.",
            )
        case pg.UndefinedTable() | pg.UndefinedColumn() | pg.UndefinedFunction():
            return SchemaMismatch(f"{place} has not the tables of Asynq-Hub: {said}.", hint=WRONG)
        case pg.InvalidSchemaName() | pg.DatatypeMismatch() | pg.WrongObjectType():
            return SchemaMismatch(f"{place} has not the tables of Asynq-Hub: {said}.", hint=WRONG)
        case pg.InsufficientPrivilege():
            return Refused(
                f"{place} forbids it to this user: {said}.",
                hint="Ask for the privilege, or connect as another user.",
            )
        case pg.ReadOnlySqlTransaction():
            return Refused(
                f"{place} is read-only: {said}.", hint="Writing needs the primary server."
            )
        case psycopg.IntegrityError() | psycopg.DataError():
            return Refused(f"{place} does not take these values: {said}.")
        case _:
            return Unavailable(f"{place} answered with an error: {said}.", hint=_RETRYING)


def unwritable(place: str) -> Refused:
    """Say that a text holds half a surrogate pair, which is no character."""
    return Refused(f"{place} does not take this text: it holds a character that is none.")


WRONG = "Is this the database that the hub uses? Check the DSN and the hub's migrations."
"""What to do about tables that are not the hub's."""


def _first_line(text: str) -> str:
    line = _PREFIX.sub("", text.strip().partition("\n")[0])
    return mask(line).rstrip(". ")
