"""What the driver raises, as the errors of the contract."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator

from redis import exceptions as redis
from redis.asyncio.sentinel import MasterNotFoundError

from asynqhub_tui.dsn import mask
from asynqhub_tui.queue import Answer, Result
from asynqhub_tui.repository import HubError, Refused, Unavailable

_RETRYING = "Try again in a moment."
_CHECK_ADDRESS = "Check host and port in the Redis address, and the network."
_CHECK_PASSWORD = "Check the password in the Redis address."

_NO_WRITES = {
    "ASK": "This Redis is a node of a cluster, and another node has the queue.",
    "BUSY": "Redis is busy with somebody's script.",
    "CLUSTERDOWN": "The Redis Cluster is down.",
    "CROSSSLOT": "This Redis is a node of a cluster, and another node has the queue.",
    "MASTERDOWN": "This Redis is a replica that has lost its master.",
    "MISCONF": "Redis cannot save to its disk, and takes no writes.",
    "MOVED": "This Redis is a node of a cluster, and another node has the queue.",
    "NOPERM": "Redis does not let this user write here.",
    "NOREPLICAS": "Redis has too few replicas, and takes no writes.",
    "OOM": "Redis is out of memory (maxmemory).",
    "READONLY": "This Redis is a read-only replica.",
    "TRYAGAIN": "The Redis Cluster is moving the queue to another node.",
}
"""What a server says by which code when it takes no writes."""

_CODE = re.compile(rf"(?:^|-)({'|'.join(_NO_WRITES)})\b")


def failure(error: Exception, place: str) -> HubError:
    """Say why a call to the Redis at `place` failed."""
    said = _sentence(error)
    match error:
        case redis.AuthenticationError() | redis.AuthenticationWrongNumberOfArgsError():
            return Refused(f"{place} does not accept the password: {said}.", hint=_CHECK_PASSWORD)
        case redis.NoPermissionError() | redis.AuthorizationError():
            return Refused(
                f"{place} forbids it to this user: {said}.",
                hint="Ask for the right to this command, or connect with another password.",
            )
        case redis.BusyLoadingError():
            return Unavailable(f"{place} is still loading its data.", hint=_RETRYING)
        case redis.TimeoutError() | TimeoutError():
            return Unavailable(f"{place} did not answer in time.", hint=_CHECK_ADDRESS)
        case MasterNotFoundError():
            return _no_master(error, place)
        case redis.ConnectionError():
            return _unreachable(error, place)
        case redis.InvalidResponse():
            return Refused(f"{place} is no Redis: it answers something else.", hint=_CHECK_ADDRESS)
        case redis.MovedError() | redis.AskError() | redis.ClusterCrossSlotError():
            return Refused(
                f"{place} is a node of a Redis Cluster.",
                hint="asynq's addresses have no form for a cluster.",
            )
        case redis.ClusterDownError() | redis.TryAgainError():
            return Unavailable(f"{place} cannot serve now: {said}.", hint=_RETRYING)
        case redis.ResponseError() if said.startswith("BUSY"):
            return Unavailable(f"{place} is busy with somebody's script.", hint=_RETRYING)
        case redis.ResponseError() if "DB index" in said:
            return Refused(
                f"{place} has no such database: {said}.",
                hint="Check the database's number in the Redis address.",
            )
        case redis.ResponseError():
            return Refused(f"{place} answered with an error: {said}.")
        case _:
            return Unavailable(f"{place} cannot be used: {said}.", hint=_RETRYING)


def failure_of_one(error: redis.ResponseError) -> Answer:
    """Say why the write for one task failed; the script has then changed nothing."""
    said = str(error)
    # A server older than 7 quotes the code inside of its own sentence; the driver cuts off the
    # codes that it knows.
    code = _CODE.search(said)
    name = code[1] if code else error.status_code or ""
    if said.startswith("ACL failure"):  # a command that a script may not run
        name = "NOPERM"
    if name in _NO_WRITES:
        return Answer(Result.REFUSED, _NO_WRITES[name])
    return Answer(Result.FAILED, f"Redis answered with an error: {_sentence(error)}.")


def _unreachable(error: Exception, place: str) -> HubError:
    """Say why there is no connection: the system's own error stands behind the driver's."""
    for cause in _chain(error):
        match cause:
            case ssl.SSLCertVerificationError():
                return Refused(
                    f"The certificate of {place} is not trusted: {cause.verify_message}.",
                    hint="rediss:// trusts what this machine trusts; SSL_CERT_FILE names another.",
                )
            case ssl.SSLError():
                return Refused(
                    f"{place} does not speak TLS.", hint="Write redis:// in the place of rediss://."
                )
            case socket.gaierror():
                return Unavailable(f"The host of {place} is unknown.", hint=_CHECK_ADDRESS)
            case ConnectionRefusedError() | FileNotFoundError():
                return _nothing_listens(place)
            case PermissionError():
                return Refused(
                    f"The socket {place} may not be opened by this user.",
                    hint="Ask for the right to read and write it.",
                )
            case OSError() if "Connect call failed" in str(cause):
                return _nothing_listens(place)
            case _:
                pass
    said = _sentence(error)
    if "max number of clients" in said:
        return Unavailable(f"{place} takes no more connections.", hint=_RETRYING)
    return Unavailable(f"The connection to {place} was lost: {said}.", hint=_RETRYING)


def _nothing_listens(place: str) -> Unavailable:
    return Unavailable(
        f"Nothing listens at {place}.", hint="Check the Redis address, and that Redis runs."
    )


def _no_master(error: Exception, place: str) -> HubError:
    for word in ("Authentication", "NOAUTH", "WRONGPASS", "NoPermission"):
        if word in str(error):
            return Refused(
                f"The sentinels of {place} do not accept the password.", hint=_CHECK_PASSWORD
            )
    return Unavailable(
        f"No sentinel that answers knows a living master {place}.",
        hint="Check the sentinels' addresses and the master's name in the Redis address.",
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _sentence(error: Exception) -> str:
    line = str(error).strip().partition("\n")[0]
    return mask(line).rstrip(". ") or type(error).__name__
