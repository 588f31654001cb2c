"""What is said when the dashboard cannot be opened, and what state the terminal is left in."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from asynqhub_tui import cli
from tests.e2e.conftest import Start
from tests.e2e.hub import Hub
from tests.e2e.terminal import PROGRAM, Terminal
from tests.servers import PASSWORD, USER, PostgresServer, free_port

WRONG = "hunter2:/s3cret"
"""A password that no server knows."""

Dsn = Callable[[PostgresServer, Hub], str]


def with_password(password: str, place: str) -> str:
    return f"postgresql://{USER}:{quote(password, safe='')}@{place}"


def wrong_password(server: PostgresServer, hub: Hub) -> str:
    return with_password(WRONG, hub.dsn.rpartition("@")[2])


def unknown_host(server: PostgresServer, hub: Hub) -> str:
    return with_password(WRONG, "hub.invalid:5432/asynqhub")


def closed_port(server: PostgresServer, hub: Hub) -> str:
    return with_password(WRONG, f"127.0.0.1:{free_port()}/asynqhub")


def unknown_database(server: PostgresServer, hub: Hub) -> str:
    return server.dsn("elsewhere")


def missing_table(server: PostgresServer, hub: Hub) -> str:
    hub.sql("DROP TABLE task_attempt")
    return hub.dsn


def missing_column(server: PostgresServer, hub: Hub) -> str:
    hub.sql("ALTER TABLE task DROP COLUMN queue")
    return hub.dsn


def password_as_it_is(server: PostgresServer, hub: Hub) -> str:
    return f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{server.port}/asynqhub"


def other_scheme(server: PostgresServer, hub: Hub) -> str:
    return with_password(WRONG, "127.0.0.1:3306/asynqhub").replace("postgresql", "mysql")


def left_out(server: PostgresServer, hub: Hub) -> str:
    return ""


CASES: dict[Dsn, tuple[int, str]] = {
    wrong_password: (cli.REFUSED, r"127\.0\.0\.1:\d+/hub_\d+ does not accept the password\."),
    unknown_host: (cli.UNAVAILABLE, r"The host of hub\.invalid:5432/asynqhub is unknown\."),
    closed_port: (cli.UNAVAILABLE, r"Nothing listens at 127\.0\.0\.1:\d+/asynqhub\."),
    unknown_database: (cli.REFUSED, r"127\.0\.0\.1:\d+/elsewhere does not exist"),
    missing_table: (cli.SCHEMA, r"127\.0\.0\.1:\d+/hub_\d+ has no table task_attempt\."),
    missing_column: (cli.SCHEMA, r"127\.0\.0\.1:\d+/hub_\d+ has no column task\.queue\."),
    password_as_it_is: (cli.REFUSED, r"The DSN is not of the form .* percent-encoded"),
    other_scheme: (cli.REFUSED, r"The DSN is not of the form postgresql://"),
    left_out: (cli.USAGE, r"The postgres backend needs a DSN\. Set POSTGRES_DSN"),
}
"""How the DSN comes about; the exit code, and what is said."""


def check_said(terminal: Terminal, says: str) -> None:
    """Check that sentences are all that is there, and the terminal as it was."""
    said = terminal.screen.strip()
    assert all(line.startswith("asynqhub-tui: ") for line in said.split("\n")), said
    assert re.search(says, said, re.DOTALL), said
    assert terminal.left_clean


def check_silent(output: bytes | bytearray) -> None:
    """Check that neither a traceback nor a password is in there, as it is or encoded."""
    assert b"Traceback" not in output
    for password in (WRONG, PASSWORD):
        assert password.encode() not in output
        assert quote(password, safe="").encode() not in output
        assert quote(password).encode() not in output


@pytest.mark.parametrize("dsn", CASES, ids=lambda dsn: dsn.__name__)
def test_what_does_not_open_is_said_in_a_sentence(
    dsn: Dsn, postgres_server: PostgresServer, hub: Hub, start: Start
) -> None:
    code, says = CASES[dsn]
    # Wide enough for a sentence to stay on its line.
    terminal = start("--backend", "postgres", columns=300, POSTGRES_DSN=dsn(postgres_server, hub))
    assert terminal.wait_exit() == code
    check_said(terminal, says)
    check_silent(terminal.raw)


def test_without_a_terminal_the_sentence_is_on_standard_error(
    postgres_server: PostgresServer, hub: Hub, environ: dict[str, str], tmp_path: Path
) -> None:
    done = subprocess.run(
        [PROGRAM, "--backend", "postgres"],
        env=environ | {"POSTGRES_DSN": wrong_password(postgres_server, hub)},
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == cli.REFUSED
    assert done.stdout == b""
    assert b"does not accept the password." in done.stderr
    assert b"\x1b" not in done.stderr
    check_silent(done.stderr)


def test_where_the_screen_would_go_to_a_file_one_frame_is_printed(
    hub: Hub, environ: dict[str, str], tmp_path: Path
) -> None:
    # Textual draws on standard error.
    command = ["/bin/sh", "-c", f"exec {PROGRAM} --backend postgres 2> errors"]
    with Terminal(command, environ | {"POSTGRES_DSN": hub.dsn}, tmp_path) as terminal:
        assert terminal.wait_exit() == cli.OK
        assert "no worker has registered" in terminal.screen
        assert terminal.left_clean
    assert (tmp_path / "errors").read_bytes() == b""
