"""Which ClickHouse a DSN means."""

from __future__ import annotations

from pathlib import Path

import pytest

from asynqhub_tui.backends.clickhouse.location import Folder, Server, location_of
from asynqhub_tui.repository import Refused


def server(dsn: str) -> Server:
    """Return the server that a DSN means."""
    location = location_of(dsn)
    assert isinstance(location, Server)
    return location


def test_every_part_of_a_server_is_read() -> None:
    found = server("clickhouse://hub%20reader:p%40ss%3Aw@ch.example:9123/hub%2D1?compress=zstd")
    assert (found.host, found.port, found.secure) == ("ch.example", 9123, False)
    assert (found.user, found.password.get_secret_value()) == ("hub reader", "p@ss:w")
    assert found.database == "hub-1"
    assert found.options == {"compress": "zstd"}
    assert found.place == "ch.example:9123/hub-1"
    assert "p@ss" not in repr(found)
    arguments = found.arguments()
    assert (arguments["interface"], arguments["password"]) == ("http", "p@ss:w")
    assert arguments["compress"] == "zstd"


@pytest.mark.parametrize(
    ("dsn", "port", "secure"),
    [
        ("clickhouse://h", 8123, False),
        ("clickhouse://h/?secure=true", 8443, True),
        ("clickhouse://h:8443", 8443, True),
        ("clickhouses://h", 8443, True),
        ("clickhouses://h:9999", 9999, True),
        ("http://h", 8123, False),
        ("https://h:9999", 9999, True),
    ],
)
def test_the_port_goes_by_tls(dsn: str, port: int, secure: bool) -> None:
    found = server(dsn)
    assert (found.port, found.secure) == (port, secure)
    assert found.arguments()["interface"] == ("https" if secure else "http")


def test_what_a_dsn_leaves_out_is_clickhouse_s_default() -> None:
    found = server("clickhouse://h")
    assert (found.database, found.user, found.password.get_secret_value()) == (
        "default",
        "default",
        "",
    )
    assert server("clickhouse://h?user=u&password=p&database=d").arguments()["username"] == "u"
    assert server("clickhouse://[::1]:8123/d").place == "[::1]:8123/d"


def test_a_folder_of_the_embedded_engine() -> None:
    assert location_of("chdb:///srv/hub") == Folder("/srv/hub", Path("/srv/hub"), "asynqhub")
    other = location_of("chdb:///srv/my%20hub?database=other")
    assert other == Folder("/srv/my hub (other)", Path("/srv/my hub"), "other")
    home = location_of(f"chdb://{Path.home()}/hub")
    assert home.place == "~/hub"
    memory = location_of("chdb://demo")
    assert memory == Folder("demo", None, "asynqhub")
    assert memory.arguments()["path"] == ":memory:"


@pytest.mark.parametrize(
    "dsn",
    [
        "clickhouse://",
        "clickhouse:///hub",
        "clickhouse://u:s3cret@h:port/d",
        "postgres://u:s3cret@h/d",
        "chdb://",
        "chdb:///",
        "chdb://folder/x",
        "chdb:///srv/hub?user=u",
        "chdb:///srv/\0",
        "hub",
        "",
    ],
)
def test_what_is_no_dsn_is_refused(dsn: str) -> None:
    with pytest.raises(Refused, match="names no ClickHouse") as raised:
        location_of(dsn)
    assert "s3cret" not in str(raised.value)
