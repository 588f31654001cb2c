"""What the driver raises, as the four errors of the contract."""

from __future__ import annotations

import re

from clickhouse_connect.driver.exceptions import ClickHouseError, DataError
from urllib3.exceptions import HTTPError

from asynqhub_tui.dsn import mask
from asynqhub_tui.repository import HubError, Refused, SchemaMismatch, Unavailable

DRIVER_ERRORS = (ClickHouseError, HTTPError, OSError, UnicodeEncodeError, OverflowError)
"""What the driver raises: its own, those of HTTP and of the network, and two for bad values."""

_RETRYING = "Try again in a moment."

APPLY = "`asynqhub-tui schema --apply` creates what is missing."
"""What to do about tables that are not there."""

_CODES: dict[int, tuple[type[HubError], str, str]] = {
    81: (SchemaMismatch, "{place} does not exist: there is no such database", APPLY),
    60: (SchemaMismatch, "{place} has not the tables of Asynq-Hub: {said}", APPLY),
    47: (SchemaMismatch, "{place} has not the tables of Asynq-Hub: {said}", APPLY),
    16: (SchemaMismatch, "{place} has not the tables of Asynq-Hub: {said}", APPLY),
    53: (SchemaMismatch, "{place} has not the tables of Asynq-Hub: {said}", APPLY),
    159: (
        Unavailable,
        "{place} did not finish a query in the time it was given",
        "A narrower filter or a shorter window asks less of it.",
    ),
    158: (
        Unavailable,
        "{place} would read more rows for it than it is allowed to",
        "A narrower filter or a shorter window asks less of it.",
    ),
    241: (
        Unavailable,
        "{place} has not the memory for it",
        "A narrower filter or a shorter window asks less of it.",
    ),
    202: (Unavailable, "{place} runs too many queries already", _RETRYING),
    394: (Unavailable, "{place} ended the query", _RETRYING),
    164: (
        Refused,
        "{place} is read-only: {said}",
        "Writing needs a user whose profile is not read-only.",
    ),
    497: (
        Refused,
        "{place} forbids it to this user: {said}",
        "Ask for the grant, or connect as another user.",
    ),
    516: (
        Refused,
        "{place} does not accept the user or the password",
        "Check both in the DSN.",
    ),
    192: (Refused, "{place} does not know this user", "Check the user in the DSN."),
    193: (Refused, "{place} does not accept the password", "Check the password in the DSN."),
}
"""By ClickHouse's own numbers for errors."""

_NETWORK: tuple[tuple[str, str, str], ...] = (
    (
        r"Name or service not known|NameResolutionError|Failed to resolve|nodename nor servname"
        r"|No address associated|Temporary failure in name resolution",
        "The host of {place} is unknown",
        "Check the host in the DSN, and the network.",
    ),
    (
        r"Connection refused",
        "Nothing listens at {place}",
        "Check host and port in the DSN, and that ClickHouse runs.",
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED|SSL|WRONG_VERSION_NUMBER",
        "{place} and this machine do not agree on TLS",
        "Check the port, and whether the DSN should begin with clickhouses://; ?ca_cert=FILE names"
        " the certificate of an authority of your own.",
    ),
    (
        r"timed out|Read timed out|TimeoutError",
        "{place} did not answer in time",
        "The server may be busy, or the network down.",
    ),
    (
        r"Connection aborted|RemoteDisconnected|Connection reset|IncompleteRead|ProtocolError"
        r"|Broken pipe|Connection broken|closed connection|ended prematurely",
        "The connection to {place} was lost",
        _RETRYING,
    ),
)

_IN_USE = re.compile(r"EmbeddedServer|already (?:used|open)|Cannot lock file|another process", re.I)


def translate(error: Exception, place: str) -> HubError:
    """Return what `error`, one of DRIVER_ERRORS, means at `place`."""
    if isinstance(error, UnicodeEncodeError):
        return Refused(f"{place} does not take this text: it holds a character that is none.")
    if isinstance(error, (OverflowError, DataError)):
        return Refused(f"{place} does not take a number of this size.")
    code = getattr(error, "code", None)
    said = _said(error)
    if code in _CODES:
        kind, what, hint = _CODES[code]
        return kind(what.format(place=place, said=said) + ".", hint=hint)
    if _IN_USE.search(str(error)):
        return Unavailable(
            f"The folder {place} is open in another program.",
            hint="An embedded ClickHouse can be open in one program at a time: close the other.",
        )
    for pattern, what, hint in _NETWORK:
        if re.search(pattern, _chain(error)):
            return Unavailable(what.format(place=place) + ".", hint=hint)
    return Unavailable(f"{place} answered with an error: {said}.", hint=_RETRYING)


def closed(place: str) -> Unavailable:
    """Return the error for a call on an installation that has been closed."""
    return Unavailable(f"{place} was closed.", hint="Open it again.")


def unanswered(place: str) -> Unavailable:
    """Return the error for a call that was given up."""
    return Unavailable(
        f"{place} did not answer in time.", hint="The server may be busy, or the network down."
    )


def _said(error: Exception) -> str:
    """Return ClickHouse's own sentence, without what stands around it."""
    text = str(error)
    if match := re.search(r"DB::Exception: (.*)", text, re.DOTALL):
        text = match[1]
    text = re.sub(r"\s*\(version [^)]*\)+\s*$", "", text.strip())
    text = re.sub(r"\s*\([A-Z][A-Z0-9_]+\)\s*$", "", text)
    text = re.sub(r"\s*(In scope |\(query: |while executing ).*", "", text, flags=re.DOTALL)
    return mask(text.partition("\n")[0]).rstrip(". ")[:300]


def _chain(error: BaseException | None) -> str:
    """Return what an error and its causes say: the driver wraps those of the network."""
    said = []
    while error is not None:
        said.append(f"{type(error).__name__}: {error}")
        error = error.__cause__ or error.__context__
    return "\n".join(said)
