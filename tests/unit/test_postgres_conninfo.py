"""The hub's DSN becomes what libpq understands, and its place can be shown."""

from __future__ import annotations

import pytest
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr

from asynqhub_tui.backends.postgres.conninfo import Address, parse
from asynqhub_tui.repository import Refused


def read(dsn: str) -> Address:
    return parse(SecretStr(dsn))


def options(address: Address) -> dict[str, object]:
    return dict(conninfo_to_dict(address.conninfo.get_secret_value()))


@pytest.mark.parametrize(
    ("dsn", "place"),
    [
        ("postgres://hub:s3cr@db1:15432/asynqhub?sslmode=disable", "db1:15432/asynqhub"),
        ("postgresql://hub@db1/asynqhub", "db1:5432/asynqhub"),
        ("postgresql://hub:p%40ss%2Fw@[::1]:6000/a", "::1:6000/a"),
        ("postgresql://", "localhost:5432"),
        ("host=db1 port=6000 dbname=asynqhub password=s3cr", "db1:6000/asynqhub"),
        ("postgresql://hub@db1:1,db2:2/asynqhub", "db1,db2:1,2/asynqhub"),
        ("postgresql:///asynqhub?host=/run/pg", "/run/pg:5432/asynqhub"),
        (" postgres://db1/asynqhub\n", "db1:5432/asynqhub"),
    ],
)
def test_the_place_is_shown_without_user_and_password(dsn: str, place: str) -> None:
    address = read(dsn)
    assert address.place == place
    assert "s3cr" not in repr(address)


def test_what_the_dsn_says_goes_before_the_defaults() -> None:
    plain = options(read("postgres://db1/hub"))
    assert (plain["application_name"], plain["connect_timeout"]) == ("asynqhub-tui", "5")
    own = options(read("postgres://db1/hub?application_name=mine&connect_timeout=9"))
    assert (own["application_name"], own["connect_timeout"]) == ("mine", "9")


def test_a_password_arrives_as_it_was() -> None:
    assert options(read("postgres://hub:a%2Bb+c%20d%27%5C@db1/hub"))["password"] == "a+b+c d'\\"


def test_server_settings_of_the_hubs_driver_go_to_the_server() -> None:
    address = read(
        "postgres://db1/hub?sslmode=require&pool_max_conns=10&statement_cache_capacity=0"
        "&default_query_exec_mode=exec&search_path=a,%20b&TimeZone=Asia/Shanghai&work_mem=4MB"
        "&options=-c%20geqo%3Doff"
    )
    found = options(address)
    assert found["sslmode"] == "require"
    assert found["options"] == (
        "-c geqo=off -c search_path=a,\\ b -c TimeZone=Asia/Shanghai -c work_mem=4MB"
    )


def test_settings_of_a_session_come_after_those_of_the_dsn() -> None:
    address = read("postgres://db1/hub?timezone=Asia/Shanghai&options=-c%20jit%3Don")
    text = address.with_settings({"timezone": "UTC", "odd": "a b\\c"})
    assert conninfo_to_dict(text)["options"] == (
        "-c jit=on -c timezone=Asia/Shanghai -c timezone=UTC -c odd=a\\ b\\\\c"
    )


@pytest.mark.parametrize(
    "dsn",
    [
        "postgres://hub:s3cr@t@db1/hub",
        "postgres://hub:s3cr/t@db1/hub",
        "postgres://hub:1/s3cr@db1/hub",
        "postgres://hub:s3cr%zz@db1/hub",
        "postgres://db1:s3cr/hub",
        "host=db1 secret=s3cr",
        "mysql://hub:s3cr@db1/hub",
        "s3cr",
    ],
)
def test_what_cannot_be_read_is_refused_and_not_quoted(dsn: str) -> None:
    with pytest.raises(Refused) as caught:
        read(dsn)
    assert "s3cr" not in str(caught.value)
    assert "percent-encoded" in caught.value.hint
