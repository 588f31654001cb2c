"""No part of a password survives, whatever it holds; what is no password does."""

from __future__ import annotations

import pytest

from asynqhub_tui.dsn import mask


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("postgres://u:p@h:5432/d?sslmode=require", "postgres://u:***@h:5432/d?sslmode=require"),
        ("postgres://u:p@ss:w/r?d#@h/d", "postgres://u:***@h/d"),
        ("postgres://u:with blank@h/d", "postgres://u:***@h/d"),
        ("postgres://u:1/2@h/d", "postgres://u:***@h/d"),
        ("redis://:pw@cache:6379/0", "redis://:***@cache:6379/0"),
        ("postgres://h/d?user=u&password=p%20x&sslmode=require", "postgres://h/d?user=u&password=***&sslmode=require"),
        ("postgres://h/d?sslpassword=p", "postgres://h/d?sslpassword=***"),
        ("host=h password=p user=u", "host=h password=*** user=u"),
        ("host=h password = 'a b' user=u", "host=h password = *** user=u"),
        (r"password='it\'s' user=u", "password=*** user=u"),
        (r"password=a\ b user=u", "password=*** user=u"),
        ("password=a'b&c#d user=u", "password=*** user=u"),
        ("password='never closed user=u", "password=***"),
        ("PGPASSWORD=p psql", "PGPASSWORD=*** psql"),
        ('to "postgres://u:p@h/d" failed', 'to "postgres://u:***@h/d" failed'),
        ("postgres://u:p@h/d and redis://:q@r", "postgres://u:***@h/d and redis://:***@r"),
    ],
)  # fmt: skip
def test_passwords_are_hidden(text: str, masked: str) -> None:
    assert mask(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "postgres://u@h:5432/d",
        "postgres://h:5432/d is not reachable by u@desk",
        "host=h user=u dbname=d",
        "/srv/hub.db",
        "cache:6379",
        "the password was refused",
    ],
)
def test_what_holds_no_password_stays(text: str) -> None:
    assert mask(text) == text


def test_masking_twice_changes_nothing() -> None:
    once = mask("postgres://u:p@h/d?password=x host=h password='a b'")
    assert mask(once) == once
