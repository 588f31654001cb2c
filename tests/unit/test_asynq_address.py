"""Where the task queue is: asynq's URIs as asynq reads them, and the hub's bare host:port."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from asynqhub_tui.asynq.address import Address, parse
from asynqhub_tui.repository import Refused
from tests.unit.asynq_vectors import VECTORS

_FRIENDLIER = {
    "localhost:6379": "the hub's own form, which asynq takes for a scheme",
    "redis://": "asynq's default, written out",
}
"""Cases of asynq's in which we do more for the user than asynq, and why."""

_CASES = [case for case in VECTORS["uri_cases"] if case["uri"] not in _FRIENDLIER]


def _as_asynq_says(address: Address) -> dict[str, Any]:
    password = address.password.get_secret_value()
    if address.master is not None:
        return {
            "kind": "failover",
            "addrs": [f"{host}:{port}" for host, port in address.hosts],
            "master": address.master,
            "db": address.db,
            "sentinel_pw": password,
            "sentinel_user": "",
            "pw": "",
            "user": "",
        }
    said = {"kind": "client", "db": address.db, "pw": password, "user": "", "tls": address.tls}
    if address.socket is not None:
        return said | {"network": "unix", "addr": address.socket}
    ((host, port),) = address.hosts
    name = f"[{host}]" if ":" in host else host
    return said | {"network": "", "addr": f"{name}:{port}"} | ({"sni": host} if address.tls else {})


@pytest.mark.parametrize("case", _CASES, ids=lambda case: case["uri"])
def test_an_address_is_read_as_asynq_reads_it(case: dict[str, Any]) -> None:
    if "error" in case["v0.25.1"]:
        with pytest.raises(Refused):
            parse(case["uri"])
    else:
        assert _as_asynq_says(parse(case["uri"])) == case["v0.25.1"]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("redis://", "redis://localhost:6379"),
        ("localhost:6379", "redis://localhost:6379/0"),
        ("cache.internal:7000", "redis://cache.internal:7000/0"),
        (":pw@cache.internal:7000", "redis://:pw@cache.internal:7000/0"),
        ("127.0.0.1:6379/2", "redis://127.0.0.1:6379/2"),
        ("  redis://h:6379/1\n", "redis://h:6379/1"),
        ("REDIS://h:6379/1", "redis://h:6379/1"),
        ("redis-socket://tmp/x", "redis-socket:///x"),
        ("redis-socket:///x?db=", "redis-socket:///x"),
        ("redis://someone:pw@h:6379", "redis://:pw@h:6379"),
        ("redis://h:6379//3", "redis://h:6379/3"),
    ],
)
def test_forms_that_mean_the_same(text: str, meant: str) -> None:
    assert parse(text) == parse(meant)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is empty"),
        ("localhost", "needs its port"),
        ("redis://localhost", "needs its port"),
        ("redis://:6379", "needs its port"),
        ("redis://h:0", "needs its port"),
        ("redis://h:65536", "needs its port"),
        ("redis://h:six", "needs its port"),
        ("redis://h:6379/-1", "the database is no number"),
        ("redis://h:6379/٣", "the database is no number"),
        ("redis://[::1:6379", "it is no URI"),
        ("http://h:80", "asynq knows no http://"),
        ("redis-socket://", "it names no path"),
        ("redis-sentinel://h:26379", "it names no master"),
        ("redis-sentinel://h:26379,?master=m", "needs its port"),
    ],
)
def test_what_is_wrong_is_said(text: str, why: str) -> None:
    with pytest.raises(Refused) as raised:
        parse(text)
    assert why in raised.value.what
    assert "redis://:PASSWORD@HOST:PORT/DB" in raised.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "redis://:hunter2@h:6379/x",
        "redis://hunter2:hunter2@h",
        ":hunter2@h",
        "redis-sentinel://:hunter2@h:1",
        "gopher://:hunter2@h:70",
        "redis://:hunter2/@h:6379",
    ],
)
def test_no_password_is_shown(text: str) -> None:
    with pytest.raises(Refused) as raised:
        parse(text)
    assert ":hunter2" not in str(raised.value)
    assert "hunter2" not in repr(parse("redis://:hunter2@h:6379"))


@pytest.mark.parametrize(
    ("address", "place"),
    [
        (Address(hosts=(("h", 6379),), password=SecretStr("pw"), db=3), "h:6379/3"),
        (Address(hosts=(("::1", 6379),)), "[::1]:6379/0"),
        (Address(socket="/run/redis.sock"), "/run/redis.sock"),
        (Address(socket="/run/redis.sock", db=2), "/run/redis.sock db 2"),
        (Address(hosts=(("h", 1), ("i", 2)), master="mymaster"), "mymaster (Sentinel)"),
    ],
)
def test_a_place_says_where_without_secrets(address: Address, place: str) -> None:
    assert address.place == place


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("localhost:6379", "redis://127.0.0.1:6379/0", True),
        ("redis://[::1]:6379/0", "redis://:secret@LOCALHOST:6379", True),
        ("redis://db1:6379/0", "redis://DB1:6379/0", True),
        ("redis://db1:6379/0", "redis://db1:6379/1", False),
        ("redis://db1:6379/0", "redis://db2:6379/0", False),
        ("redis://db1:6379/0", "redis://db1:6380/0", False),
        ("redis-socket:///run/redis.sock?db=1", "redis-socket:///run/redis.sock?db=1", True),
        ("redis-socket:///run/redis.sock", "redis-socket:///run/other.sock", False),
        ("redis-socket:///run/redis.sock", "redis://db1:6379/0", False),
        ("redis-sentinel://s1:1,s2:2?master=m", "redis-sentinel://s2:2,s3:3?master=m", True),
        ("redis-sentinel://s1:1?master=m", "redis-sentinel://s2:2?master=m", False),
        ("redis-sentinel://s1:1?master=m", "redis-sentinel://s1:1?master=n", False),
        ("redis-sentinel://s1:1?master=m", "redis://s1:1/0", False),
    ],
)
def test_two_addresses_may_name_the_same_database(one: str, other: str, same: bool) -> None:
    assert parse(one).same(parse(other)) is same
    assert parse(other).same(parse(one)) is same
